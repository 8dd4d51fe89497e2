"""Events as the stream carries them, and what the stream processor made of them."""

import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

from recsys import aws
from recsys.errors import AwsError, TimedOut

BATCH = 500  # PutRecords takes at most 500
ATTEMPTS = 5

Event = dict[str, Any]


def tracker(group_arn: str, name: str, tags: dict[str, str], **wait: Any) -> tuple[str, str]:
    """ARN and tracking id of the group's event tracker, created if it is not there; a group has at most one."""
    personalize = aws.client("personalize")
    existing = list(aws.pages("personalize", "list_event_trackers", "eventTrackers", datasetGroupArn=group_arn))
    if existing:
        arn = existing[0]["eventTrackerArn"]
    else:
        request = {"name": name, "datasetGroupArn": group_arn, "tags": aws.tags(tags)}
        arn = aws.call(personalize.create_event_tracker, **request)["eventTrackerArn"]

    def describe() -> dict[str, Any]:
        return aws.call(personalize.describe_event_tracker, eventTrackerArn=arn)["eventTracker"]

    return arn, aws.wait(f"event tracker {name}", describe, **wait)["trackingId"]


def event(
    user_id: str,
    item_id: str,
    event_type: str,
    *,
    timestamp: int | None = None,
    session_id: str | None = None,
    value: float | None = None,
) -> Event:
    """One event in the stream's format; `timestamp` in seconds, now by default; `eventId` makes it count once."""
    made: Event = {
        "eventId": str(uuid.uuid4()),
        "userId": user_id,
        "itemId": item_id,
        "eventType": event_type,
        "timestamp": int(time.time()) if timestamp is None else int(timestamp),
        "sessionId": session_id or f"session-{user_id}",
    }
    return made if value is None else {**made, "eventValue": float(value)}


def send(stream_name: str, events: Sequence[Event]) -> int:
    """Put events into the stream, one user's in order on one shard; returns how many were taken.

    Kinesis may take some records of a request and throttle others: those are sent again, five times at most.
    Raises AwsError naming how many were left.
    """
    kinesis = aws.client("kinesis")
    waiting = [{"Data": json.dumps(entry).encode(), "PartitionKey": entry["userId"]} for entry in events]
    for attempt in range(ATTEMPTS):
        left = []
        for begin in range(0, len(waiting), BATCH):
            records = waiting[begin : begin + BATCH]
            answer = aws.call(kinesis.put_records, StreamName=stream_name, Records=records)
            results = zip(records, answer["Records"], strict=True)
            left += [record for record, result in results if result.get("ErrorCode")]
        if not left:
            return len(events)
        waiting = left
        time.sleep(0.1 * 2**attempt)
    taken = len(events) - len(waiting)
    raise AwsError(f"{stream_name} took {taken} of {len(events)} events, the others were throttled; add shards")


def profile(table_name: str, user_id: str) -> dict[str, Any]:
    """The user's profile as the stream processor keeps it; empty for a user without events."""
    import boto3.dynamodb.types as types

    request = {"TableName": table_name, "Key": {"userId": {"S": user_id}}, "ConsistentRead": True}
    item = aws.call(aws.client("dynamodb").get_item, **request).get("Item", {})
    decode = types.TypeDeserializer().deserialize
    return {name: decode(value) for name, value in item.items()}


def await_events(table_name: str, expected: dict[str, int], timeout: float = 60) -> float:
    """Wait until every user's profile counts at least the expected events; returns the seconds waited.

    Raises TimedOut naming the users that are behind.
    """
    started = time.monotonic()
    behind = dict(expected)
    while behind:
        behind = {
            user: count for user, count in behind.items() if profile(table_name, user).get("eventCount", 0) < count
        }
        if behind and time.monotonic() - started > timeout:
            names = ", ".join(sorted(behind)[:3])
            raise TimedOut(
                f"after {timeout:.0f} s the profiles of {len(behind)} users ({names}, ...) lack events; "
                "see the stream processor's log"
            )
        if behind:
            time.sleep(0.01)
    return time.monotonic() - started
