"""The daily batch now: every active profile gets its recommendations, and results.json holds them all."""

import json
from datetime import UTC, datetime
from typing import Any

from recsys import aws
from recsys.errors import Refused

PATIENCE = 900  # seconds an invocation may take


def run_batch(function: str) -> dict[str, Any]:
    """Begin today's run anew; returns its counts: date, finished, found, served, failed, expired, seconds.

    Where `finished` is false, an invocation's quarter of an hour was not enough, and a successor goes on by itself.
    Raises Refused with the function's own reason where the run failed, AwsError where its answer was lost on the way.
    """
    event = json.dumps({"date": f"{datetime.now(UTC):%Y-%m-%d}", "force": True})
    answer = aws.call(aws.client("lambda", PATIENCE).invoke, FunctionName=function, Payload=event)
    told = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise Refused(f"{function}: {told.get('errorMessage', told)}", code=told.get("errorType", ""))
    return told


def results(bucket: str, date: str) -> dict[str, Any]:
    """A day's results.json: `recommendedBy`, the counts, and under `users` what each was recommended."""
    key = f"batch-results/{date}/results.json"
    return json.loads(aws.call(aws.client("s3").get_object, Bucket=bucket, Key=key)["Body"].read())
