"""Tables to S3, and from there into Personalize's datasets."""

import time
from pathlib import Path
from typing import Any

from recsys import aws
from recsys.runs import sha256


def upload(bucket: str, path: Path, prefix: str) -> str:
    """Put a file under `prefix/<content hash>/` unless its bytes are there already; returns its s3:// address."""
    s3 = aws.client("s3")
    key = f"{prefix}/{sha256(path)[:16]}/{path.name}"
    if aws.find(s3.head_object, Bucket=bucket, Key=key) is None:
        with path.open("rb") as body:
            aws.call(s3.put_object, Bucket=bucket, Key=key, Body=body)
    return f"s3://{bucket}/{key}"


def import_table(
    dataset_arn: str, name: str, address: str, role_arn: str, mode: str, tags: dict[str, str], **wait: Any
) -> dict[str, Any]:
    """Import a CSV; returns the finished job's description with `seconds` added.

    Raises Refused with Personalize's own reason when the job ends in CREATE FAILED.
    """
    personalize, started = aws.client("personalize"), time.monotonic()
    job = aws.call(
        personalize.create_dataset_import_job,
        jobName=name,
        datasetArn=dataset_arn,
        dataSource={"dataLocation": address},
        roleArn=role_arn,
        importMode=mode,
        tags=aws.tags(tags),
    )["datasetImportJobArn"]
    description = aws.wait(
        f"import {name}",
        lambda: aws.call(personalize.describe_dataset_import_job, datasetImportJobArn=job)["datasetImportJob"],
        **wait,
    )
    return {**description, "seconds": round(time.monotonic() - started, 2)}
