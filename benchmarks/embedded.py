"""What the benchmarks of the Lambda functions share: an embedded AWS with a trained shop, profiles, counted calls."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3

from benchmarks.serving import ROLE
from recsys import aws, serve, stream, train
from recsys.data.generate import generate

TAGS = {"project": "benchmark"}
NAME, TABLE, BUCKET = "benchmark", "profiles", "benchmark"
SERVICES = {
    "dynamodb": "DynamoDB",
    "personalize-runtime": "Personalize",
    "personalize-events": "Personalize",
    "s3": "S3",
    "sagemaker-runtime": "SageMaker",
}
CALLED = ("DynamoDB", "Personalize", "S3")
KEPT = 25  # events in a profile, as many as the stream processor keeps

Done = tuple[int, float, Counter[str]]  # how many were served, seconds, calls by service

called: list[str] = []


def count_calls(round_trip: float = 0.0) -> None:
    """From now on every call of a client of boto3's default session is counted; clients made before are not.

    round_trip: seconds that each call takes longer, as over a network.
    """
    boto3.setup_default_session()
    count_calls_of(boto3.DEFAULT_SESSION.events, round_trip)


def count_calls_of(events: Any, round_trip: float = 0.0) -> None:
    """Count, and hold up, what these events of botocore tell of, a client's or a session's."""

    def call(name: str) -> None:
        called.append(name)
        if round_trip:
            time.sleep(round_trip)

    for service, name in SERVICES.items():
        events.register(f"before-send.{service}", lambda name=name, **_: call(name))


def counted(work: Callable[[], int]) -> Done:
    """How many `work` served, its seconds, and the calls that it made, those made again included."""
    called.clear()
    started = time.perf_counter()
    served = work()
    return served, time.perf_counter() - started, Counter(called)


def campaign(folder: Path) -> str:
    """ARN of a campaign trained on a generated shop; makes the bucket and the dataset group."""
    aws.client.cache_clear()
    aws.client("s3").create_bucket(Bucket=BUCKET)
    shop = generate(users=500, items=600, seed=7)
    for kind, rows in (("Interactions", shop.interactions), ("Items", shop.items)):
        schema = train.ensure_schema(kind, train.schema(kind, list(rows.columns)))
        dataset = train.ensure_dataset(_group(), kind, kind, schema, TAGS)
        rows.to_csv(folder / f"{kind}.csv", index=False)
        train.import_table(dataset, train.upload(BUCKET, folder / f"{kind}.csv", "tables"), ROLE, "FULL", TAGS)
    version = train.begin_training(train.ensure_solution(_group(), NAME, "aws-user-personalization-v2", TAGS), TAGS)
    train.await_training(version)
    return serve.ensure_campaign(NAME, version, 1, TAGS, metadata=True)["campaignArn"]


def tracking_id() -> str:
    """Of the dataset group's event tracker."""
    return stream.tracker(_group(), NAME, TAGS)[1]


def _group() -> str:
    return train.ensure_dataset_group(NAME, TAGS)


def fill(users: Sequence[str], table: str = TABLE, events: int = KEPT) -> None:
    """A table of profiles as the stream processor leaves them, with so many events each."""
    key = {"AttributeName": "userId"}
    aws.client("dynamodb").create_table(
        TableName=table,
        KeySchema=[{**key, "KeyType": "HASH"}],
        AttributeDefinitions=[{**key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    add(users, table, events)


def add(users: Sequence[str], table: str = TABLE, events: int = KEPT) -> None:
    """More profiles for a table that is there."""
    dynamodb, now = aws.client("dynamodb"), {"N": str(round(time.time(), 3))}
    event = {"itemId": {"S": "item-00017"}, "eventType": {"S": "view"}, "timestamp": now, "eventId": {"S": "e" * 56}}
    counts = {"eventCount": {"N": str(events)}, "counts": {"M": {"view": {"N": str(events)}}}}
    profile = {**counts, "lastEventAt": now, "version": {"N": "9"}, "lastItems": {"L": [{"M": event}] * events}}
    for begin in range(0, len(users), 25):
        batch = [{"PutRequest": {"Item": {"userId": {"S": user}, **profile}}} for user in users[begin : begin + 25]]
        dynamodb.batch_write_item(RequestItems={table: batch})
