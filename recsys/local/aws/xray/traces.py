"""Traces in memory: the newest, each a list of segments as they were sent, and each as X-Ray puts it together."""

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from recsys.local.aws.xray.context import ID, ROOT

KEPT = 2000  # traces; of each second one and 5 % of the rest, so a busy quarter of an hour
LARGEST = 500_000  # bytes of one trace, as on AWS; what comes after is dropped

Segment = dict[str, Any]


class BadSegment(ValueError):
    """A segment document that X-Ray does not take; `code` is its word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Trace:
    """One trace's segments by id, those of subsegments that were sent on their own too; the latest of an id counts."""

    def __init__(self, trace_id: str) -> None:
        self.id, self.size = trace_id, 0
        self.parts: dict[str, Segment] = {}

    @property
    def limited(self) -> bool:
        """Whether something was dropped."""
        return self.size > LARGEST

    @property
    def segments(self) -> list[Segment]:
        """The segments, oldest first, each with its subsegments inside, those sent on their own too."""
        parts = {key: {**part, "subsegments": [*part.get("subsegments", ())]} for key, part in self.parts.items()}
        known = {each["id"]: each for part in parts.values() for each in within(part)}
        tops = []
        for part in parts.values():
            parent = known.get(part.get("parent_id", "")) if part.get("type") == "subsegment" else None
            (parent.setdefault("subsegments", []) if parent else tops).append(part)
        return sorted(tops, key=lambda part: part["start_time"])


class Traces:
    """The newest traces, the oldest forgotten first."""

    def __init__(self) -> None:
        self._traces: OrderedDict[str, Trace] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, segment: Segment) -> None:
        """Take a segment, or a subsegment sent on its own. Raises BadSegment."""
        check(segment)
        size = len(json.dumps(segment))
        with self._lock:
            trace = self._traces.setdefault(segment["trace_id"], Trace(segment["trace_id"]))
            if len(self._traces) > KEPT:
                self._traces.popitem(last=False)
            trace.size += size
            if not trace.limited:
                trace.parts[segment["id"]] = segment

    def get(self, trace_id: str) -> Trace | None:
        """A trace as it is now."""
        with self._lock:
            found = self._traces.get(trace_id)
            return _copy(found) if found else None

    def all(self) -> list[Trace]:
        """Every trace as it is now, oldest first."""
        with self._lock:
            return [_copy(trace) for trace in self._traces.values()]

    def child(self, trace_id: str, parent: str) -> Segment | None:
        """The first segment of a trace that names this parent."""
        trace = self.get(trace_id)
        return next((part for part in trace.parts.values() if part.get("parent_id") == parent), None) if trace else None


def within(part: Segment) -> Iterator[Segment]:
    """A segment and all inside it."""
    yield part
    for inner in part.get("subsegments", ()):
        yield from within(inner)


def check(segment: Any) -> None:
    """Raises BadSegment for what X-Ray would not take. Source: "X-Ray segment documents", developer guide."""
    if not isinstance(segment, dict):
        raise BadSegment("ParseError", "a segment document must be a JSON object")
    if not ID.fullmatch(str(segment.get("id", ""))):
        raise BadSegment("InvalidId", "id must be 16 hexadecimal digits")
    if not ROOT.fullmatch(str(segment.get("trace_id", ""))):
        raise BadSegment("InvalidTraceId", "trace_id must be 1-, 8 and - 24 hexadecimal digits")
    if not isinstance(segment.get("name"), str) or not 0 < len(segment["name"]) <= 200:
        raise BadSegment("InvalidName", "name must be text of 1 to 200 characters")
    if not isinstance(segment.get("start_time"), int | float):
        raise BadSegment("InvalidStartTime", "start_time must be epoch seconds")
    if not isinstance(segment.get("end_time"), int | float) and segment.get("in_progress") is not True:
        raise BadSegment("InvalidEndTime", "a segment has an end_time, or is in_progress")
    if segment.get("type") == "subsegment" and not ID.fullmatch(str(segment.get("parent_id", ""))):
        raise BadSegment("InvalidParentId", "a subsegment sent on its own names its parent_id")


def _copy(trace: Trace) -> Trace:
    """What others may read while more is put; documents are never changed."""
    copied = Trace(trace.id)
    copied.size, copied.parts = trace.size, dict(trace.parts)
    return copied
