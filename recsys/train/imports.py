"""Tables to S3, and from there into Personalize's datasets."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recsys import aws
from recsys.files import sha256


def upload(bucket: str, path: Path, prefix: str) -> str:
    """Put a file under `prefix/<content hash>/` unless its bytes are there already; returns its s3:// address."""
    key = f"{prefix}/{sha256(path)[:16]}/{path.name}"
    aws.put_once(bucket, key, path)
    return f"s3://{bucket}/{key}"


def import_table(
    dataset_arn: str, address: str, role_arn: str, mode: str, tags: dict[str, str], **wait: Any
) -> dict[str, Any]:
    """Import a CSV; returns the finished job's description with `seconds` added.

    The address names the content, so where the dataset's newest job read the same one nothing is imported again: it is
    awaited if it is still running. Raises Refused with Personalize's own reason when the job ends in CREATE FAILED.
    """
    started = time.monotonic()
    newest = _newest(dataset_arn)
    same = newest and newest["dataSource"]["dataLocation"] == address and newest["status"] != "CREATE FAILED"
    job = newest["datasetImportJobArn"] if newest and same else _begin(dataset_arn, address, role_arn, mode, tags)
    description = aws.wait(f"import into {dataset_arn.split('/', 1)[1]}", lambda: _describe(job), **wait)
    return {**description, "seconds": round(time.monotonic() - started, 2)}


def _begin(dataset_arn: str, address: str, role_arn: str, mode: str, tags: dict[str, str]) -> str:
    dataset = dataset_arn.split("/", 1)[1].replace("/", "-").lower()
    request = {
        "jobName": f"{dataset[-40:].lstrip('-')}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"[:63],
        "datasetArn": dataset_arn,
        "dataSource": {"dataLocation": address},
        "roleArn": role_arn,
        "importMode": mode,
        "tags": aws.tags(tags),
    }
    return aws.call(aws.client("personalize").create_dataset_import_job, **request)["datasetImportJobArn"]


def _newest(dataset_arn: str) -> dict[str, Any] | None:
    jobs = list(aws.pages("personalize", "list_dataset_import_jobs", "datasetImportJobs", datasetArn=dataset_arn))
    newest = max(jobs, key=lambda job: job["creationDateTime"], default=None)
    return newest and _describe(newest["datasetImportJobArn"])


def _describe(arn: str) -> dict[str, Any]:
    describe = aws.client("personalize").describe_dataset_import_job
    return aws.call(describe, datasetImportJobArn=arn)["datasetImportJob"]
