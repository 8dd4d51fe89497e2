"""What a user's profile is, and how events change it. Pure: no AWS in here.

A profile counts each event once, however often the stream delivers it. It remembers per shard the sequence number of
the last record it took: records of one shard come in order, so whatever is not behind that number is a repetition. A
producer that sends one event twice is recognised by its eventId, among the profile's last events.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..events import Event

Profile = dict[str, Any]

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


def fold(profile: Mapping[str, Any], records: Iterable[Record], days: int) -> Profile | None:
    """The profile after these records, oldest first; None where it has taken them all before.

    `profile` is empty for a user not seen yet. An event older than the newest one counts, but never takes its place.
    """
    shards = dict(profile.get("shards", {}))
    last = list(profile.get("lastItems", []))
    counts = dict(profile.get("counts", {}))
    taken = [record for record in records if record.position > shards.get(record.shard, "")]
    if not taken:
        return None
    known = {entry["eventId"] for entry in last}
    for record in taken:
        shards[record.shard] = record.position
        if record.event.event_id not in known:
            known.add(record.event.event_id)
            kind = record.event.event_type
            kind = kind if kind in counts or len(counts) < MAX_TYPES else OTHER
            counts[kind] = counts.get(kind, 0) + 1
            last.insert(0, _entry(record.event))
    last.sort(key=lambda entry: entry["timestamp"], reverse=True)  # stable: of two at one moment the later comes first
    return {
        "eventCount": sum(counts.values()),
        "counts": counts,
        "lastItems": last[:LAST_ITEMS],
        "lastEventAt": last[0]["timestamp"],
        "shards": dict(sorted(shards.items(), key=lambda entry: entry[1])[-MAX_SHARDS:]),
        # From the arrival, not the event's own time: a replay of an old year must not expire at once.
        "expiresAt": max(profile.get("expiresAt", 0), int(taken[-1].arrived) + days * 86400),
        "version": profile.get("version", 0) + 1,
    }


def _entry(event: Event) -> dict[str, Any]:
    return {
        "itemId": event.item_id,
        "eventType": event.event_type,
        "timestamp": Decimal(str(event.timestamp)),
        "eventId": event.event_id,
    }
