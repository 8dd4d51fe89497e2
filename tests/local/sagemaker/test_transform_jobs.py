"""Batch transform through boto3."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sagemaker_requests import BUCKET, INSTANCE, named, put
from waiting import eventually

Make = Callable[..., Any]


@pytest.fixture
def score(sagemaker: Any, model: str) -> Make:
    """Score a prefix of the bucket; the job's description once it has ended."""

    def done(prefix: str, stopped_at_work: bool = False, **members: Any) -> dict[str, Any]:
        name, place = named("transform"), {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{prefix}"}
        request = {
            "TransformJobName": name,
            "ModelName": model,
            "TransformInput": {
                "DataSource": {"S3DataSource": place},
                "ContentType": "application/jsonlines",
                "SplitType": "Line",
            },
            "TransformOutput": {
                "S3OutputPath": f"s3://{BUCKET}/scored/{name}",
                "Accept": "application/jsonlines",
                "AssembleWith": "Line",
            },
            "TransformResources": INSTANCE,
        } | members
        sagemaker.create_transform_job(**request)
        if stopped_at_work:
            eventually(lambda: "TransformStartTime" in sagemaker.describe_transform_job(TransformJobName=name))
            sagemaker.stop_transform_job(TransformJobName=name)

        def found() -> dict[str, Any] | None:
            job = sagemaker.describe_transform_job(TransformJobName=name)
            return job if job["TransformJobStatus"] not in ("InProgress", "Stopping") else None

        return eventually(found)

    return done


def test_every_user_of_every_object_is_scored_in_order(score: Make, client: Make) -> None:
    users = [f"u{number}" for number in range(40)]
    for part, some in (("one", users[:25]), ("two", users[25:])):
        put(client, f"users/{part}.jsonl", "".join(f'{{"userId": "{user}"}}\n' for user in some).encode())
    job = score("users/")
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    found = []
    for part in ("one", "two"):
        key = f"scored/{job['TransformJobName']}/{part}.jsonl.out"
        found += client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read().splitlines()
    assert [json.loads(line)["userId"] for line in found] == users


def test_one_bad_line_fails_the_job_with_what_the_container_said(score: Make, client: Make) -> None:
    put(client, "bad/users.jsonl", b'{"userId": "u1"}\nnonsense\n')
    job = score("bad/")
    assert job["TransformJobStatus"] == "Failed" and "line 2" in job["FailureReason"]


def test_a_prefix_without_objects_fails_the_job(score: Make) -> None:
    job = score("nothing/")
    assert job["FailureReason"].startswith("ClientError: No S3 objects found")


def test_a_job_is_stopped_without_waiting_for_an_answer(score: Make, client: Make) -> None:
    put(client, "long/users.jsonl", b'{"userId": "u1"}\n' * 300_000)  # one payload
    assert score("long/", stopped_at_work=True)["TransformJobStatus"] == "Stopped"


def test_an_input_that_is_no_gzip_file_fails_the_job(score: Make, client: Make) -> None:
    place = {"S3DataType": "S3Prefix", "S3Uri": put(client, "zipped/users.jsonl.gz", b"nonsense")}
    source = {"DataSource": {"S3DataSource": place}, "CompressionType": "Gzip", "SplitType": "Line"}
    assert "gzip" in score("", TransformInput=source)["FailureReason"]


def test_what_is_not_done_here_is_refused(score: Make) -> None:
    with pytest.raises(ClientError, match="filters and joins"):
        score("users/", DataProcessing={"InputFilter": "$.userId"})
