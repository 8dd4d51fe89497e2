"""The IAM role that a job of Personalize names."""

from typing import Any

from recsys.local.personalize.jobs.s3 import JobFailed
from recsys.local.shared.roles import NotAssumable, keys_of

SERVICE = "personalize.amazonaws.com"


def assume_role(spec: dict[str, Any]) -> dict[str, Any]:
    """`spec` with the credentials of its "role", where it needs them. Raises JobFailed. [The sentence is ours.]"""
    try:
        keys = keys_of(spec, SERVICE)
    except NotAssumable as error:
        reason = f"Amazon Personalize can't assume the role {error}: it must exist and trust the service {SERVICE}."
        raise JobFailed(reason) from error
    return {**spec, "keys": keys} if keys else spec
