"""Events to Personalize's event tracker, and hopeless records to the failure queue."""

import json
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..clock import Clock, OutOfTime
from .profile import Record

INVALID = "InvalidInputException"  # of the events themselves; other refusals are of whoever sends them
EVENTS_AT_ONCE = 10  # PutEvents takes at most 10 events, all of one session
MESSAGES_AT_ONCE = 10  # SendMessageBatch likewise
MAX_DATA = 4_000  # characters of a rejected record kept in its message: escaped, ten messages stay below 256 KB
THREADS = 16  # PutEvents takes one session a call, so a batch waits for as many calls as it has users

pool = ThreadPoolExecutor(THREADS)


class Refused(Exception):
    """The tracker will not take the events, however often it is asked; the message is Personalize's."""


@dataclass(frozen=True)
class Rejected:
    """A record that can never be processed, and why."""

    shard: str
    sequence: str
    data: str
    reason: str

    def message(self) -> str:
        """The queue's message: enough to see the fault, mend the record and send it again."""
        fields = {
            "eventId": f"{self.shard}:{self.sequence}",
            "reason": self.reason,
            "data": self.data[:MAX_DATA],
            "characters": len(self.data),
        }
        return json.dumps(fields)


def refusal(record: Record, reason: str) -> Rejected:
    """An event that the tracker refused, as it travels."""
    return Rejected(record.shard, record.sequence, json.dumps(record.event.wire()), reason)


def put_events(personalize: Any, tracking_id: str, records: Iterable[Record], clock: Clock) -> dict[str, Exception]:
    """Send events to the tracker, ten of one session at once; returns the sequence numbers that failed, and why.

    An event keeps its id when it is sent again, so Personalize counts it once. Refused are those that it never takes:
    who stood beside one is sent again alone.
    """

    def sent(groups: Sequence[Sequence[Record]]) -> dict[str, Exception]:
        def attempt(places: Collection[int]) -> dict[int, Exception]:
            outcomes = pool.map(lambda place: _put(personalize, tracking_id, groups[place], clock), places)
            return {place: error for place, error in zip(places, outcomes, strict=True) if error}

        failed = clock.retry(attempt, range(len(groups)))
        return {record.sequence: error for place, error in failed.items() for record in groups[place]}

    groups = sessions(records)
    failed = sent(groups)
    beside = [group for group in groups if len(group) > 1 and isinstance(failed.get(group[0].sequence), Refused)]
    alone = {record.sequence: [record] for group in beside for record in group}
    return {sequence: error for sequence, error in failed.items() if sequence not in alone} | sent([*alone.values()])


def sessions(records: Iterable[Record]) -> list[list[Record]]:
    """The records in groups of at most ten of one user's session, oldest event first."""
    by_session: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        by_session.setdefault((record.event.user_id, record.event.session_id), []).append(record)
    groups = []
    for session in by_session.values():
        session.sort(key=lambda record: record.event.timestamp)
        groups += [session[begin : begin + EVENTS_AT_ONCE] for begin in range(0, len(session), EVENTS_AT_ONCE)]
    return groups


def _put(personalize: Any, tracking_id: str, group: Sequence[Record], clock: Clock) -> Exception | None:
    first = group[0].event
    try:
        clock.check()
        personalize.put_events(
            trackingId=tracking_id,
            userId=first.user_id,
            sessionId=first.session_id,
            eventList=[_event(record) for record in group],
        )
    except ClientError as error:
        return Refused(str(error)) if error.response["Error"]["Code"] == INVALID else error
    except (BotoCoreError, OutOfTime) as error:
        return error
    return None


def _event(record: Record) -> dict[str, Any]:
    event = record.event
    fields = {
        "eventId": event.event_id,
        "eventType": event.event_type,
        "itemId": event.item_id,
        "sentAt": event.timestamp,
    }
    more = {"eventValue": event.value, "recommendationId": event.recommendation_id}
    return fields | {name: value for name, value in more.items() if value is not None}


def quarantine(sqs: Any, queue_url: str, rejected: Sequence[Rejected]) -> dict[str, Exception]:
    """Send rejected records to the queue, in order; returns the sequence numbers that failed, and why."""
    failed: dict[str, Exception] = {}
    for begin in range(0, len(rejected), MESSAGES_AT_ONCE):
        group = rejected[begin : begin + MESSAGES_AT_ONCE]
        entries = [{"Id": str(index), "MessageBody": entry.message()} for index, entry in enumerate(group)]
        try:
            refused = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries).get("Failed", [])
        except (ClientError, BotoCoreError) as error:
            return {**failed, **{entry.sequence: error for entry in rejected[begin:]}}
        failed.update({group[int(entry["Id"])].sequence: RuntimeError(entry["Code"]) for entry in refused})
    return failed
