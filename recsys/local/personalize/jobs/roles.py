"""Personalize assumes the IAM role that a job names, and reads and writes S3 as that role.

A role that exists must trust personalize.amazonaws.com. One that does not exist is let pass, unless the account has a
role that does: programs written for emulators name roles that nobody made, but whoever makes roles for Personalize
means them. Where IAM cannot be asked, every role is let pass. [AWS always insists; the sentence is ours.]
"""

from typing import Any
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from recsys.local.personalize.jobs.s3 import JobFailed, client

SERVICE = "personalize.amazonaws.com"
SESSION_NAME = "PersonalizeSession"


def assume_role(spec: dict[str, Any]) -> dict[str, Any]:
    """`spec` with the credentials of its "role"; unchanged if it names none, one that is let pass, or IAM will not say.

    Raises JobFailed if Personalize cannot assume the role.
    """
    role = spec["role"]
    if not role:
        return spec
    try:
        iam = client("iam", spec)
        fine = _assumable(iam, role)
        if fine is None:
            return spec
        if fine:
            keys = client("sts", spec).assume_role(RoleArn=role, RoleSessionName=SESSION_NAME)["Credentials"]
            return {**spec, "keys": keys}
    except (ClientError, BotoCoreError):
        return spec
    raise JobFailed(f"Amazon Personalize can't assume the role {role}: it must exist and trust the service {SERVICE}.")


def _assumable(iam: Any, arn: str) -> bool | None:
    """None for a role that does not exist and is let pass."""
    try:
        return _trusted(iam.get_role(RoleName=arn.rpartition("/")[2])["Role"])
    except iam.exceptions.NoSuchEntityException:
        pages = iam.get_paginator("list_roles").paginate()
        return False if any(_trusted(role) for page in pages for role in page["Roles"]) else None


def _trusted(role: dict[str, Any]) -> bool:
    return SERVICE in unquote(str(role.get("AssumeRolePolicyDocument", "")))
