"""Traces in memory: the newest, each a list of segments as they were sent, and each as X-Ray puts it together."""

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from recsys.local.aws.xray.context import ID, ROOT

KEPT = 16_000_000  # bytes of all traces; the oldest are forgotten first
LARGEST = 500_000  # bytes of one trace, as on AWS; what comes after is dropped

Segment = dict[str, Any]


class BadSegment(ValueError):
    """A segment document that X-Ray does not take; `code` is its word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Documents:
    """What was sent of one trace, as text: an object takes several times the room. The latest of an id counts."""

    texts: dict[str, str] = field(default_factory=dict)
    size: int = 0
    limited: bool = False


@dataclass(frozen=True)
class Trace:
    """A trace as it was when it was asked for: its parts by id, and whether some were dropped.

    A part is a segment, or a subsegment that was sent on its own.
    """

    id: str
    parts: dict[str, Segment]
    limited: bool = False

    @cached_property
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
        self._traces: OrderedDict[str, Documents] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def put(self, segment: Segment) -> None:
        """Take a segment, or a subsegment sent on its own. Raises BadSegment."""
        check(segment)
        text = json.dumps(segment)
        with self._lock:
            kept = self._traces.setdefault(segment["trace_id"], Documents())
            more = len(text) - len(kept.texts.get(segment["id"], ""))
            if kept.size + more > LARGEST:
                kept.limited = True
                return
            kept.texts[segment["id"]] = text
            kept.size += more
            self._size += more
            while self._size > KEPT:
                self._size -= self._traces.popitem(last=False)[1].size

    def get(self, trace_id: str) -> Trace | None:
        """A trace as it is now."""
        with self._lock:
            kept = self._traces.get(trace_id)
            texts = dict(kept.texts) if kept else {}
        return Trace(trace_id, _read(texts), kept.limited) if kept else None

    def ids(self) -> list[str]:
        """Every trace's id, oldest first."""
        with self._lock:
            return list(self._traces)

    def child(self, trace_id: str, parent: str) -> Segment | None:
        """The first segment of a trace that names this parent."""
        trace = self.get(trace_id)
        return next((part for part in trace.parts.values() if part.get("parent_id") == parent), None) if trace else None


def _read(texts: dict[str, str]) -> dict[str, Segment]:
    return {key: json.loads(text) for key, text in texts.items()}


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
    if not _is_whole(segment):
        raise BadSegment("ParseError", "http and annotations are objects, and a subsegment has id, name and start_time")


def _is_whole(part: Any) -> bool:
    """Whether a part and those inside it have the members that a summary is made of."""
    if not isinstance(part, dict) or not isinstance(part.get("subsegments", []), list):
        return False
    objects = [part.get("annotations", {}), http := part.get("http", {})]
    objects += [http.get("request", {}), http.get("response", {})] if isinstance(http, dict) else []
    known = isinstance(part.get("name"), str) and "id" in part and isinstance(part.get("start_time"), int | float)
    return (
        known and all(isinstance(each, dict) for each in objects) and all(map(_is_whole, part.get("subsegments", [])))
    )
