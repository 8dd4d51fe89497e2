"""What a user's profile is, and how events change it. Pure: no AWS in here.

A profile counts each event once, however often the stream delivers it. It remembers per shard the sequence number of
the last record it took: records of one shard come in order, so whatever is not behind that number is a repetition. A
producer that sends one event twice is recognised by its eventId, among the profile's last events.

A profile is held as DynamoDB stores it, `{"eventCount": {"N": "3"}, ...}`: of 25 events most stay as they were, and
turning each into Python and back took longer than everything else that is done with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..events import Event

Profile = dict[str, dict[str, Any]]  # attribute values by name, each as DynamoDB's JSON has it

LAST_ITEMS = 25  # events kept in full, newest first
MAX_TYPES = 20  # event types counted apart; anyone may invent one, so the rest counts as OTHER
MAX_SHARDS = 256
OTHER = "other"
SEQUENCE_DIGITS = 64  # more than Kinesis ever uses; more than the 38 digits a DynamoDB number keeps


@dataclass(frozen=True)
class Record:
    """An event and where it lay in the stream; `arrived` in seconds since 1970."""

    event: Event
    shard: str
    sequence: str
    arrived: float

    @property
    def position(self) -> str:
        """The sequence number as text that sorts like the number."""
        return self.sequence.zfill(SEQUENCE_DIGITS)


def fold(profile: Profile, records: Iterable[Record], days: int) -> Profile | None:
    """The profile after these records, oldest first; None where it has taken them all before.

    `profile` is empty for a user not seen yet. An event older than the newest one counts, but never takes its place.
    """
    shards = {shard: value["S"] for shard, value in _inner(profile, "shards", "M", {}).items()}
    counts = {kind: int(value["N"]) for kind, value in _inner(profile, "counts", "M", {}).items()}
    last = list(_inner(profile, "lastItems", "L", []))
    taken = [record for record in records if record.position > shards.get(record.shard, "")]
    if not taken:
        return None
    known = {entry["M"]["eventId"]["S"] for entry in last}
    for record in taken:
        shards[record.shard] = record.position
        if record.event.event_id not in known:
            known.add(record.event.event_id)
            kind = record.event.event_type
            kind = kind if kind in counts or len(counts) < MAX_TYPES else OTHER
            counts[kind] = counts.get(kind, 0) + 1
            last.insert(0, _entry(record.event))
    last.sort(key=_moment, reverse=True)  # stable: of two at one moment the later comes first
    newest = sorted(shards.items(), key=lambda entry: entry[1])[-MAX_SHARDS:]
    # From the arrival, not the event's own time: a replay of an old year must not expire at once.
    expires = max(int(_inner(profile, "expiresAt", "N", 0)), int(taken[-1].arrived) + days * 86400)
    return {
        "eventCount": _number(sum(counts.values())),
        "counts": {"M": {kind: _number(count) for kind, count in counts.items()}},
        "lastItems": {"L": last[:LAST_ITEMS]},
        "lastEventAt": last[0]["M"]["timestamp"],
        "shards": {"M": {shard: {"S": position} for shard, position in newest}},
        "expiresAt": _number(expires),
        "version": _number(int(_inner(profile, "version", "N", 0)) + 1),
    }


def _inner(profile: Profile, name: str, kind: str, absent: Any) -> Any:
    return profile[name][kind] if name in profile else absent


def _number(value: float) -> dict[str, str]:
    return {"N": str(value)}


def _moment(entry: dict[str, Any]) -> float:
    return float(entry["M"]["timestamp"]["N"])


def _entry(event: Event) -> dict[str, Any]:
    fields = {
        "itemId": {"S": event.item_id},
        "eventType": {"S": event.event_type},
        "timestamp": _number(event.timestamp),
        "eventId": {"S": event.event_id},
    }
    return {"M": fields}
