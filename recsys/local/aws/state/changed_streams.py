"""Which streams of which log group changed since the last save, so that a save need not read the others.

Every call of a function has a stream of its own, and a thousand of each function are kept: read once a second they
would cost a tenth of the server's time.
"""

from typing import Any

Group = dict[str, Any]
Mark = tuple[dict, int, Any, Any]  # what tells a stream from itself before: more events, a later one or another stream

_seen: dict[str, dict[str, Mark]] = {}  # group ARN -> its streams at `take`


def take(group: Group) -> set[str] | None:
    """Streams that changed or went since the last call for this group; None where everything must be read."""
    now = {name: _mark(stream) for name, stream in list(group["streams"].items())}
    before = _seen.get(group["arn"])
    _seen[group["arn"]] = now  # before the streams are read: what is written meanwhile differs at the next save
    if before is None:
        return None
    return {name for name, mark in now.items() if before.get(name) != mark} | (before.keys() - now.keys())


def keep(groups: list[Group]) -> None:
    """Forget, with their events, the groups that are not among these, which are all there are."""
    for arn in _seen.keys() - {group["arn"] for group in groups}:
        del _seen[arn]


def forget() -> None:
    """A save failed: read everything next time."""
    _seen.clear()


def _mark(stream: dict[str, Any]) -> Mark:
    events = stream["events"]
    return stream, len(events), stream["lastIngestionTime"], events[-1] if events else None
