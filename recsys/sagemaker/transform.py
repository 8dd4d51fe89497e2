"""Batch transform: every user of a file answered by one job, without an endpoint that stands."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from recsys import aws
from recsys.columns import ITEM_ID, USER_ID
from recsys.sagemaker import sdk

LINES = "application/jsonlines"
MAX_PAYLOAD_MB = 6  # of one call to the container
COLUMNS = [USER_ID, "rank", ITEM_ID, "score"]


def write_questions(path: Path, users: Iterable[str], num_results: int) -> Path:
    """A file that asks for so many recommendations of each user, one a line; returns its path."""
    lines = (json.dumps({"userId": user, "numResults": num_results}) for user in users)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def batch_transform(
    name: str,
    model: str,
    address: str,
    output: str,
    tags: dict[str, str],
    *,
    instance: str,
    instances: int = 1,
    **wait: Any,
) -> Any:
    """The job that asks `model` every line of the file at `address`, Completed; an SDK TransformJob.

    The answers lie under `output`, in the order of the questions. Both are s3:// URIs. A job that answered the same
    questions with this model before is taken instead of a new one. Raises Refused when it fails, TimedOut.
    """
    jobs, full = sdk.resources().TransformJob, sdk.digested(name, model=model, address=address)
    job = sdk.recent(jobs, full, "transform_job_status")
    if job is None or not _kept(job):
        source = {"s3_data_type": "S3Prefix", "s3_uri": address}
        job = aws.call(
            jobs.create,
            transform_job_name=sdk.stamped(full),
            model_name=model,
            batch_strategy="MultiRecord",
            max_payload_in_mb=MAX_PAYLOAD_MB,
            transform_input={
                "data_source": {"s3_data_source": source},
                "content_type": LINES,
                "split_type": "Line",
            },
            transform_output={"s3_output_path": f"{output}/{full}", "accept": LINES, "assemble_with": "Line"},
            transform_resources={"instance_type": instance, "instance_count": instances},
            tags=sdk.tags(tags),
            session=sdk.boto(),
        )
    return sdk.wait(f"batch transform {job.transform_job_name}", job, "transform_job_status", **wait)


def read_answers(job: Any) -> pd.DataFrame:
    """What a finished job answered, best first: columns USER_ID, rank, ITEM_ID, score."""
    bucket, _, key = _answers(job).removeprefix("s3://").partition("/")
    body = aws.call(aws.client("s3").get_object, Bucket=bucket, Key=key)["Body"]
    rows = [
        (answer["userId"], rank, item["itemId"], item["score"])
        for answer in map(json.loads, body.iter_lines())
        for rank, item in enumerate(answer["recommendations"], 1)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _answers(job: Any) -> str:
    asked = job.transform_input.data_source.s3_data_source.s3_uri
    return f"{job.transform_output.s3_output_path}/{asked.rsplit('/', 1)[1]}.out"


def _kept(job: Any) -> bool:
    return job.transform_job_status == "InProgress" or sdk.exists(_answers(job))
