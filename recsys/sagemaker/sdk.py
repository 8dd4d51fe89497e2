"""The SageMaker SDK as it is used here: imported late, silent, and where `aws.connect` says.

Late, because its import takes seconds and 200 MB. `resources()` is the SDK's module with a class per resource; it holds
the shapes of their requests too. Its calls go through `aws.call`, so that their failures read as all others do.
"""

import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import boto3

from recsys import aws

# Else the SDK's maker is told of each training.
SILENT = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}
SLOW = "rfc3987_syntax"
LONGEST = 63 - len("-0123456789ab") - len("-20260101000000")  # of a name, where AWS takes 63 characters in all


@lru_cache(maxsize=1)
def resources() -> Any:
    """The module `sagemaker.core.resources`."""
    _import_jsonschema()
    # The SDK would simulate the role's policies, and refuse one that may not do what only a VPC needs.
    os.environ["SAGEMAKER_VALIDATE_ROLE"] = "false"
    from sagemaker.core import resources
    from sagemaker.core.utils import utils

    # Version 3.27 sends MemorySizeInMb, which no service knows.
    utils.SPECIAL_SNAKE_TO_PASCAL_MAPPINGS["memory_size_in_mb"] = "MemorySizeInMB"
    for name in ("sagemaker", *logging.Logger.manager.loggerDict):
        if name.split(".")[0] == "sagemaker":
            logging.getLogger(name).setLevel(logging.ERROR)
    return resources


def boto() -> boto3.Session:
    """The boto3 session that the SDK's clients are made from."""
    return _boto(aws.endpoint(), aws.region())


def session(bucket: str) -> Any:
    """The SDK's session; `bucket` is where it would put what it uploads."""
    resources()
    from sagemaker.core.helper.session_helper import Session

    return Session(boto_session=boto(), default_bucket=bucket, sagemaker_config=SILENT)


def find(get: Callable[..., Any], **names: str) -> Any:
    """A resource by its name through its class's `get`; None where it does not exist."""
    return aws.find(get, session=boto(), **names)


def wait(what: str, resource: Any, status: str, until: str = "Completed", **options: Any) -> Any:
    """The resource once its attribute `status` is `until`. Raises as `aws.wait`, with SageMaker's own reason."""

    def describe() -> dict[str, Any]:
        aws.call(resource.refresh)
        told = {"status": getattr(resource, status).upper()}
        return told | ({"failureReason": resource.failure_reason} if resource.failure_reason else {})

    aws.wait(what, describe, until=until.upper(), **options)
    return resource


def tags(values: dict[str, str]) -> list[dict[str, str]]:
    """Tags as the SDK's classes take them."""
    return [{"key": name, "value": text} for name, text in sorted(values.items())]


def recent(kind: Any, name: str, status: str) -> Any:
    """The newest job of an SDK class whose name begins so and that runs or is done; None without one."""
    request = {"name_contains": name, "sort_by": "CreationTime", "sort_order": "Descending"}
    jobs = aws.call(kind.get_all, **request, session=boto())
    # Each entry is described when it is reached, so the newest costs one call.
    return next((job for job in jobs if getattr(job, status) in ("InProgress", "Completed")), None)


def exists(uri: str) -> bool:
    """Whether there is an object at an s3:// URI: a job outlives the bucket that it wrote to."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return aws.find(aws.client("s3").head_object, Bucket=bucket, Key=key) is not None


def digested(name: str, /, **settings: Any) -> str:
    """`name` and a fingerprint of it and of what decides the result; cut so that `stamped` has room behind it."""
    told = json.dumps([name, settings], sort_keys=True)
    return f"{name[:LONGEST]}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def stamped(name: str) -> str:
    """The name of a job from its `digested` one, unique by the time, as names cannot be used twice."""
    return f"{name}-{datetime.now(UTC):%Y%m%d%H%M%S}"


@lru_cache(maxsize=8)
def _boto(_endpoint: str | None, region: str) -> boto3.Session:
    # The SDK keeps clients by their session, so another endpoint needs another one.
    return boto3.Session(region_name=region)


def _import_jsonschema() -> None:
    """Without the grammar of international URLs that is half of the SDK's import, and that it never asks for."""
    if "jsonschema" in sys.modules or SLOW in sys.modules:
        return
    sys.modules[SLOW] = None  # type: ignore[assignment]
    try:
        import jsonschema  # noqa: F401
    finally:
        del sys.modules[SLOW]
