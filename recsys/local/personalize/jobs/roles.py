"""Whether Personalize may assume the IAM role that a job names.

A role that exists must trust personalize.amazonaws.com. One that does not exist is let pass, unless the account has a
role that does: programs written for emulators name roles that nobody made, but whoever makes roles for Personalize
means them. Where IAM cannot be asked, every role is let pass. [AWS always insists; the sentence is ours.]
"""

from typing import Any
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from recsys.local.personalize.jobs.s3 import JobFailed, client

SERVICE = "personalize.amazonaws.com"


def check_role(spec: dict[str, Any]) -> None:
    """Raises JobFailed if Personalize cannot assume `spec["role"]`; an import job may name none."""
    if not spec["role"]:
        return
    try:
        fine = _assumable(client("iam", spec), spec["role"])
    except (ClientError, BotoCoreError):
        return
    if not fine:
        raise JobFailed(
            f"Amazon Personalize can't assume the role {spec['role']}: it must exist and trust the service {SERVICE}."
        )


def _assumable(iam: Any, arn: str) -> bool:
    try:
        return _trusted(iam.get_role(RoleName=arn.rpartition("/")[2])["Role"])
    except iam.exceptions.NoSuchEntityException:
        pages = iam.get_paginator("list_roles").paginate()
        return not any(_trusted(role) for page in pages for role in page["Roles"])


def _trusted(role: dict[str, Any]) -> bool:
    return SERVICE in unquote(str(role.get("AssumeRolePolicyDocument", "")))
