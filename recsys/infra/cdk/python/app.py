"""The same stack for users of CDK in Python: ../../template.yaml, included as it is.

pip install aws-cdk-lib; then, here:
cdk deploy -c EnvironmentSuffix=dev --parameters TrackingId=0a1b2c3d --parameters CodeBucket=BUCKET \
  --parameters StreamProcessorCodeKey=code/... ...

`recsys package --bucket BUCKET` puts the Lambda zips and the nested parts into that bucket, which must be there, and
prints CodeBucket=BUCKET and all their keys.

Where the API changes, by its parameters too, add -c Template=FILE with what `recsys template NAME=VALUE ...` prints.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk.cloudformation_include import CfnInclude

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"

app = cdk.App()
suffix = app.node.try_get_context("EnvironmentSuffix") or "dev"
owner, expiry = app.node.try_get_context("owner") or "cdk", app.node.try_get_context("expiry") or "never"
file = app.node.try_get_context("Template") or str(TEMPLATE)
stack = cdk.Stack(
    app,
    "Recsys",
    stack_name=f"recsys-{suffix}",
    synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
    tags={"project": "recsys", "stage": suffix, "run": "by-hand", "owner": owner, "expiry": expiry},
)
template = CfnInclude(stack, "Template", template_file=file, preserve_logical_ids=True)
template.get_parameter("EnvironmentSuffix").default = suffix
app.synth()
