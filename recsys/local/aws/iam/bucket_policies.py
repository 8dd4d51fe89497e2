"""A bucket's consent to Amazon Personalize, which its jobs need beside the rights of their role.

"Giving Amazon Personalize access to Amazon S3 resources", developer guide: the bucket's policy must admit the service
personalize.amazonaws.com. Without it an import fails on AWS, whatever the role may. [Objects only: public programs that
admit it to no bucket's list import all the same.]
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import EvalContext, EvalResult
from ministack.core.responses import get_region

from recsys.local.aws.iam.permissions import OF_PERSONALIZE

SERVICE = "personalize.amazonaws.com"
NEEDED = {"s3:GetObject", "s3:PutObject"}


def install() -> None:
    """Ask the bucket's policy too, where a job of Personalize asks for its objects."""
    iam_evaluator.combine_resource_policy = _with_consent(iam_evaluator.combine_resource_policy)


def _with_consent(combine: Callable[..., EvalResult]) -> Callable[..., EvalResult]:
    """MiniStack's admits whom either policy admits; here a job of Personalize needs the bucket's policy as well."""

    def combined(identity: EvalResult, ctx: EvalContext, policy: str, *about: Any, **more: Any) -> EvalResult:
        result = combine(identity, ctx, policy, *about, **more)
        if result.decision != "Allow" or not (ctx.principal_arn.endswith(OF_PERSONALIZE) and ctx.action in NEEDED):
            return result
        job = {
            "aws:sourceaccount": ctx.principal_account,
            "aws:sourcearn": f"arn:aws:personalize:{get_region()}:{ctx.principal_account}:job",
        }
        asked = replace(ctx, service_context=ctx.service_context | job)
        return replace(
            iam_evaluator.evaluate_resource_policy(policy, asked, SERVICE), resource_policy_arn=ctx.resource_arn
        )

    return combined
