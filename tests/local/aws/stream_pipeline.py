"""A stream, a function on it, a table and a queue behind it: what the tests of the event source mapping share."""

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

# Stores every record under its id, all before the first poison one, and reports that one, as a careful handler does.
HANDLER = """
import base64, json, os, time
import boto3

table = os.environ["TABLE"]
dynamodb = boto3.client("dynamodb")


def handler(event, context):
    good = []
    failures = []
    for record in event["Records"]:
        body = json.loads(base64.b64decode(record["kinesis"]["data"]))
        if body.get("poison"):
            if body["poison"] == "raise":
                raise ValueError(f"poison {body['id']}")
            failures.append({"itemIdentifier": record["kinesis"]["sequenceNumber"]})
            break
        if "sleep" in body:
            time.sleep(body["sleep"])
        good.append({"PutRequest": {"Item": {"id": {"S": str(body["id"])}, "pid": {"N": str(os.getpid())}}}})
    for start in range(0, len(good), 25):
        dynamodb.batch_write_item(RequestItems={table: good[start:start + 25]})
    return {"batchItemFailures": failures}
"""


@dataclass(frozen=True)
class Pipeline:
    """Names of one stream -> function -> table pipeline with a failure queue; `uuid` is the event source mapping."""

    client: Callable[[str], Any]
    stream: str
    function: str
    table: str
    queue_url: str
    uuid: str
    stream_arn: str = ""
    told: dict[str, dict] = field(default_factory=dict)

    def put(self, bodies: Iterable[dict]) -> list[dict]:
        """Send each body as a record of its own; returns Kinesis's answers."""
        bodies, answers = list(bodies), []
        for start in range(0, len(bodies), 500):
            records = [
                {"Data": json.dumps(body).encode(), "PartitionKey": str(body.get("user", body["id"]))}
                for body in bodies[start : start + 500]
            ]
            answers += self.client("kinesis").put_records(StreamName=self.stream, Records=records)["Records"]
        return answers

    def stored(self) -> list[str]:
        """Ids in the table."""
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.table)
        return [item["id"]["S"] for page in pages for item in page["Items"]]

    def workers(self) -> list[int]:
        """Process numbers of the workers that stored something, in the order of the ids."""
        items = self.client("dynamodb").scan(TableName=self.table)["Items"]
        alive = dict.fromkeys(int(item["pid"]["N"]) for item in sorted(items, key=lambda item: int(item["id"]["S"])))
        return [pid for pid in alive if _runs(pid)]

    def given_up_ever(self) -> list[dict]:
        """The invocation records that have reached the failure queue so far."""
        sqs = self.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages"):
            self.told.update({message["MessageId"]: json.loads(message["Body"]) for message in messages})
        return list(self.told.values())

    def map_again(self, **mapping: Any) -> "Pipeline":
        """The same pipeline behind a new event source mapping."""
        return replace(self, uuid=_map(self.client, self.stream_arn, self.function, **mapping))

    def delete(self) -> None:
        """Remove all of it."""
        for mapping in self.client("lambda").list_event_source_mappings(FunctionName=self.function)[
            "EventSourceMappings"
        ]:
            self.client("lambda").delete_event_source_mapping(UUID=mapping["UUID"])
        self.client("lambda").delete_function(FunctionName=self.function)
        self.client("kinesis").delete_stream(StreamName=self.stream)
        self.client("dynamodb").delete_table(TableName=self.table)
        self.client("sqs").delete_queue(QueueUrl=self.queue_url)


def build(client: Callable[[str], Any], name: str, shards: int = 1, source: str = HANDLER, **mapping: Any) -> Pipeline:
    """A pipeline called `name`; `mapping` goes to CreateEventSourceMapping."""
    client("kinesis").create_stream(StreamName=name, ShardCount=shards)
    stream_arn = client("kinesis").describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    queue_url = client("sqs").create_queue(QueueName=name, Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    queue_arn = client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]
    function(client, name, source, {"TABLE": name})
    settings = {
        "StartingPosition": "TRIM_HORIZON",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "DestinationConfig": {"OnFailure": {"Destination": queue_arn["QueueArn"]}},
        **mapping,
    }
    return Pipeline(client, name, name, name, queue_url, _map(client, stream_arn, name, **settings), stream_arn)


def _map(client: Callable[[str], Any], stream_arn: str, function_name: str, **settings: Any) -> str:
    made = client("lambda").create_event_source_mapping(
        EventSourceArn=stream_arn, FunctionName=function_name, **settings
    )
    return made["UUID"]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def function(client: Callable[[str], Any], name: str, source: str, variables: dict[str, str] | None = None) -> None:
    """A Lambda function whose code is `source`."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("index.py", source)
    client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="index.handler",
        Role="arn:aws:iam::000000000000:role/test",
        Code={"ZipFile": archive.getvalue()},
        Timeout=30,
        Environment={"Variables": variables or {}},
    )
