"""A service assumes the IAM role that a request names, and reads and writes S3 as that role.

A role that exists must trust the service. One that does not exist is let pass, unless the account has a role that does:
programs written for emulators name roles that nobody made, but whoever makes roles for a service means them. Where IAM
cannot be asked, every role is let pass. [AWS always insists.]
"""

from typing import Any
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from recsys.local.shared.clients import client


class NotAssumable(Exception):
    """The role does not exist, or does not trust the service."""


def keys_of(spec: dict[str, Any], service: str) -> dict[str, str] | None:
    """Credentials of `spec["role"]` for a service such as personalize.amazonaws.com.

    None if it names none, one that is let pass, or IAM will not say. Raises NotAssumable.
    """
    role = spec["role"]
    if not role:
        return None
    try:
        iam = client("iam", spec)
        fine = _assumable(iam, role, service)
        if fine is None:
            return None
        if fine:
            session = f"{service.partition('.')[0].title()}Session"
            return client("sts", spec).assume_role(RoleArn=role, RoleSessionName=session)["Credentials"]
    except (ClientError, BotoCoreError):
        return None
    raise NotAssumable(role)


def _assumable(iam: Any, arn: str, service: str) -> bool | None:
    """None for a role that does not exist and is let pass."""
    try:
        return _trusts(iam.get_role(RoleName=arn.rpartition("/")[2])["Role"], service)
    except iam.exceptions.NoSuchEntityException:
        pages = iam.get_paginator("list_roles").paginate()
        return False if any(_trusts(role, service) for page in pages for role in page["Roles"]) else None


def _trusts(role: dict[str, Any], service: str) -> bool:
    return service in unquote(str(role.get("AssumeRolePolicyDocument", "")))
