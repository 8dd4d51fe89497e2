"""From CreateSchema to an ACTIVE campaign on the sample shop, step by step, against the embedded Personalize.

    python -m benchmarks.first_campaign
    python -m benchmarks.first_campaign --recipe aws-user-personalization --runs 5

Every run starts with an empty state. Columns: seconds of each step, its median, least and most over the runs; and the
least a step can take, since every status of a life cycle stays to be seen for a tenth of a second.
"""

import argparse
import json
import os
import platform
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import boto3

from benchmarks.machine import machine
from recsys.local import launcher

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "interactions.csv"
ROLE = "arn:aws:iam::000000000000:role/personalize"
COLUMNS = {"USER_ID": "string", "ITEM_ID": "string", "TIMESTAMP": "long", "EVENT_TYPE": "string"}
SEEN = 0.2  # seconds: CREATE PENDING and CREATE IN_PROGRESS can each be seen for a tenth


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="aws-user-personalization-v2")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print(f"{machine()}, python {platform.python_version()}, {options.recipe}\n")
    runs = []
    for _ in range(options.runs):
        with server() as client:
            runs.append(dict(steps(client, options.recipe)))
    print(f"{'':14}{'median':>9}{'least':>9}{'most':>9}{'can be':>9}")
    for step in runs[0]:
        row([run[step] for run in runs], step, SEEN if step not in ("schema", "upload") else 0.0)
    row([sum(run.values()) for run in runs], "all", SEEN * 4)


def row(seconds: list[float], name: str, least: float) -> None:
    print(f"{name:14}{median(seconds):9.2f}{min(seconds):9.2f}{max(seconds):9.2f}{least:9.2f}")


@contextmanager
def server() -> Iterator[Callable[[str], Any]]:
    """An embedded AWS of its own, as a function from a service to a boto3 client."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="recsys-benchmark-") as state:
        launcher.up(port, Path(state))
        try:
            for name, value in launcher.env(port).items():
                os.environ[name] = value
            yield boto3.Session().client
        finally:
            launcher.down(Path(state))


def steps(client: Callable[[str], Any], recipe: str) -> Iterator[tuple[str, float]]:
    """Each step's name and seconds."""
    personalize, s3 = client("personalize"), client("s3")
    s3.create_bucket(Bucket="first-campaign")
    arns: dict[str, str] = {}

    def timed(name: str, act: Callable[[], str], describe: Callable[..., Any] | None = None) -> tuple[str, float]:
        started = time.perf_counter()
        arns[name] = act()
        if describe:
            settle(describe, arns[name])
        return name, time.perf_counter() - started

    fields = [{"name": name, "type": kind} for name, kind in COLUMNS.items()]
    namespace = "com.amazonaws.personalize.schema"
    record = {"type": "record", "name": "Interactions", "namespace": namespace, "fields": fields, "version": "1.0"}
    yield timed("schema", lambda: personalize.create_schema(name="first", schema=json.dumps(record))["schemaArn"])
    yield timed(
        "group",
        lambda: personalize.create_dataset_group(name="first")["datasetGroupArn"],
        lambda arn: personalize.describe_dataset_group(datasetGroupArn=arn)["datasetGroup"],
    )
    key = "interactions.csv"
    yield timed("upload", lambda: s3.put_object(Bucket="first-campaign", Key=key, Body=SAMPLE.read_bytes())["ETag"])
    dataset = personalize.create_dataset(
        name="first", schemaArn=arns["schema"], datasetGroupArn=arns["group"], datasetType="Interactions"
    )["datasetArn"]
    yield timed(
        "import",
        lambda: personalize.create_dataset_import_job(
            jobName="first",
            datasetArn=dataset,
            dataSource={"dataLocation": f"s3://first-campaign/{key}"},
            roleArn=ROLE,
        )["datasetImportJobArn"],
        lambda arn: personalize.describe_dataset_import_job(datasetImportJobArn=arn)["datasetImportJob"],
    )
    solution = personalize.create_solution(
        name="first", datasetGroupArn=arns["group"], recipeArn=f"arn:aws:personalize:::recipe/{recipe}"
    )["solutionArn"]
    yield timed(
        "training",
        lambda: personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"],
        lambda arn: personalize.describe_solution_version(solutionVersionArn=arn)["solutionVersion"],
    )
    yield timed(
        "campaign",
        lambda: personalize.create_campaign(name="first", solutionVersionArn=arns["training"])["campaignArn"],
        lambda arn: personalize.describe_campaign(campaignArn=arn)["campaign"],
    )


def settle(describe: Callable[[str], dict[str, Any]], arn: str) -> None:
    """Wait until it is ACTIVE. Raises SystemExit with the reason if it fails."""
    while (found := describe(arn))["status"] != "ACTIVE":
        if "FAILED" in found["status"]:
            raise SystemExit(f"{arn}: {found.get('failureReason')}")
        time.sleep(0.01)


if __name__ == "__main__":
    main()
