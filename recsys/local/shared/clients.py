"""AWS as a job sees it: clients that are asked where the job's S3 is, as the job's role."""

import threading
from typing import Any

import boto3
from botocore.config import Config

SESSION = boto3.Session()
MAKING = threading.Lock()  # a session makes one client at a time


def warm() -> None:
    """Let the session read the service models: half a second that no job needs to spend again."""
    for service in ("s3", "iam", "sts"):
        SESSION.client(service, region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")


def client(service: str, spec: dict[str, Any]) -> Any:
    """A client of a service that is asked where the job's S3 is, as the job's role once that is assumed."""
    config = Config(retries={"mode": "standard", "max_attempts": 6}, connect_timeout=5, read_timeout=60)
    keys = spec.get("keys") or dict.fromkeys(("AccessKeyId", "SecretAccessKey", "SessionToken"))
    with MAKING:
        return SESSION.client(
            service,
            region_name=spec["region"],
            endpoint_url=spec["endpoint"],
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
            config=config,
        )


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of s3://bucket/key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
