"""The steps every program shares: a group with the sample shop in it, a trained version, a campaign, and waiting.

The environment says where: AWS's own variables, BUCKET, ROLE_ARN, DATA (a folder with interactions.csv, items.csv and
users.csv) and POLL_SECONDS (30 on AWS).
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import boto3

BUCKET, ROLE = os.environ["BUCKET"], os.environ["ROLE_ARN"]
DATA, POLL_SECONDS = Path(os.environ["DATA"]), float(os.environ.get("POLL_SECONDS", "30"))
RECIPE = "arn:aws:personalize:::recipe/"
NAMESPACE = "com.amazonaws.personalize.schema"

personalize, s3 = boto3.client("personalize"), boto3.client("s3")

NULLABLE_FLOAT, CATEGORY = ["float", "null"], {"type": "string", "categorical": True}
FIELDS = {
    "Interactions": {
        "USER_ID": "string",
        "ITEM_ID": "string",
        "TIMESTAMP": "long",
        "EVENT_TYPE": "string",
        "EVENT_VALUE": NULLABLE_FLOAT,
    },
    "Items": {
        "ITEM_ID": "string",
        "CATEGORY": CATEGORY,
        "PRICE": "float",
        "CREATION_TIMESTAMP": "long",
        "TITLE": {"type": "string", "textual": True},
    },
    "Users": {"USER_ID": "string", "COUNTRY": CATEGORY},
}


def wait(describe: Any, **arn: str) -> dict[str, Any]:
    """Describe until the status is final; raises with the reason if it failed."""
    while True:
        answer = describe(**arn)
        (resource,) = (value for name, value in answer.items() if name != "ResponseMetadata")
        status = resource["status"]
        if status in ("ACTIVE", "COMPLETED"):
            return resource
        if "FAILED" in status:
            raise SystemExit(f"{arn}: {status}: {resource.get('failureReason')}")
        time.sleep(POLL_SECONDS)


def create_schema(name: str, kind: str, fields: dict[str, Any], **domain: str) -> str:
    columns = [
        {"name": field, **(kind if isinstance(kind, dict) else {"type": kind})} for field, kind in fields.items()
    ]
    record = {"type": "record", "name": kind, "namespace": NAMESPACE, "fields": columns, "version": "1.0"}
    return personalize.create_schema(name=name, schema=json.dumps(record), **domain)["schemaArn"]


def create_group(name: str, **domain: str) -> str:
    group = personalize.create_dataset_group(name=name, **domain)["datasetGroupArn"]
    wait(personalize.describe_dataset_group, datasetGroupArn=group)
    return group


def import_csv(group: str, kind: str, name: str, text: str, fields: dict[str, Any], **domain: str) -> str:
    """A dataset of a type with the rows of a CSV; its ARN."""
    schema = create_schema(f"{name}-{kind}", kind, fields, **domain)
    dataset = personalize.create_dataset(
        name=f"{name}-{kind}", schemaArn=schema, datasetGroupArn=group, datasetType=kind
    )["datasetArn"]
    wait(personalize.describe_dataset, datasetArn=dataset)
    s3.put_object(Bucket=BUCKET, Key=f"{name}/{kind}.csv", Body=text.encode())
    job = personalize.create_dataset_import_job(
        jobName=f"{name}-{kind}",
        datasetArn=dataset,
        dataSource={"dataLocation": f"s3://{BUCKET}/{name}/{kind}.csv"},
        roleArn=ROLE,
    )["datasetImportJobArn"]
    wait(personalize.describe_dataset_import_job, datasetImportJobArn=job)
    return dataset


def sample_group(name: str, *kinds: str) -> str:
    """A dataset group with the sample shop's interactions and what else is named."""
    group = create_group(name)
    for kind in ("Interactions", *kinds):
        import_csv(group, kind, name, (DATA / f"{kind.lower()}.csv").read_text(), FIELDS[kind])
    return group


def train(group: str, name: str, recipe: str, **solution: Any) -> str:
    """A solution of a recipe and its first version; the version's ARN."""
    solution = personalize.create_solution(
        name=name, datasetGroupArn=group, recipeArn=RECIPE + recipe, **{"performAutoTraining": False, **solution}
    )["solutionArn"]
    wait(personalize.describe_solution, solutionArn=solution)
    version = personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    wait(personalize.describe_solution_version, solutionVersionArn=version)
    return version


def deploy(version: str, name: str, **config: Any) -> str:
    campaign = personalize.create_campaign(
        name=name, solutionVersionArn=version, minProvisionedTPS=1, campaignConfig=config
    )["campaignArn"]
    wait(personalize.describe_campaign, campaignArn=campaign)
    return campaign


def create_filter(group: str, name: str, expression: str) -> str:
    arn = personalize.create_filter(name=name, datasetGroupArn=group, filterExpression=expression)["filterArn"]
    wait(personalize.describe_filter, filterArn=arn)
    return arn


def read_lines(path: str) -> list[dict[str, Any]]:
    """The JSON lines of an object s3://bucket/key."""
    bucket, _, key = path.removeprefix("s3://").partition("/")
    return [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode().splitlines()]
