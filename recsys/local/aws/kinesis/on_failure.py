"""The record AWS sends to an on-failure destination when a batch of a stream is given up.

Shape: AWS Lambda developer guide, "Retain discarded batch records for a Kinesis Data Streams event source". A queue or
topic gets the metadata alone, where the records can be found in the stream; a bucket gets the records as well.
"""

import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ministack.core.arn import parse_arn

from recsys.local.aws.kinesis.batches import Piece
from recsys.local.aws.kinesis.mapping import Mapping
from recsys.local.shared.times import iso

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
RECORD_TOO_OLD = "RecordAgeExceeded"


def invocation_record(
    mapping: Mapping, shard_id: str, function_arn: str, piece: Piece, condition: str, error: str | None
) -> dict[str, Any]:
    """The JSON document about a batch given up. `error` None where the function answered, with failures reported."""
    first, last = piece.records[0], piece.records[-1]
    called = {"statusCode": 200, "executedVersion": mapping.qualifier or "$LATEST"}
    if error is not None:
        called["functionError"] = "Unhandled"
    return {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": function_arn,
            "condition": condition,
            "approximateInvokeCount": piece.attempts,
        },
        "responseContext": called,
        "version": "1.0",
        "timestamp": iso(time.time()),
        "KinesisBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": first["SequenceNumber"],
            "endSequenceNumber": last["SequenceNumber"],
            "approximateArrivalOfFirstRecord": iso(first["ApproximateArrivalTimestamp"]),
            "approximateArrivalOfLastRecord": iso(last["ApproximateArrivalTimestamp"]),
            "batchSize": len(piece.records),
            "streamArn": mapping.stream_arn,
        },
    }


def deliver(client: Callable[[str], Any], mapping: Mapping, shard_id: str, record: dict, event: dict) -> None:
    """Send `record` to the mapping's destination: queue, topic, or bucket (there with the event itself).

    Raises botocore's errors where the destination refuses it, ValueError where it is none of the three.
    """
    target = parse_arn(mapping.destination)
    if target.service == "sqs":
        url = client("sqs").get_queue_url(QueueName=target.resource)["QueueUrl"]
        client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(record))
    elif target.service == "sns":
        client("sns").publish(TopicArn=mapping.destination, Message=json.dumps(record))
    elif target.service == "s3":
        body = json.dumps({**record, "payload": json.dumps(event)})
        client("s3").put_object(Bucket=target.resource, Key=_key(mapping, shard_id), Body=body.encode())
    else:
        raise ValueError(f"{mapping.destination}: an on-failure destination is a queue, a topic or a bucket")


def _key(mapping: Mapping, shard_id: str) -> str:
    now = datetime.now(UTC)
    return f"aws/lambda/{mapping.uuid}/{shard_id}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
