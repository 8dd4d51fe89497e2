"""How far a run has come: what the checkpoint holds."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

SEGMENTS = 4  # of the table, scanned side by side
REASONS = 10  # failures told in full; the others are counted
COUNTED = ("found", "served", "failed", "expired")


@dataclass
class Segment:
    """A share of the table: `key` is where its scan goes on, `parts` how many parts of the results it wrote."""

    key: dict[str, Any] | None = None
    finished: bool = False
    parts: int = 0
    found: int = 0
    served: int = 0
    failed: int = 0
    expired: int = 0


@dataclass
class State:
    """One day's run. `since` in epoch seconds; `request` is the invocation that began it; `seconds` were worked."""

    date: str
    since: int
    request: str
    segments: list[Segment] = field(default_factory=lambda: [Segment() for _ in range(SEGMENTS)])
    reasons: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    finished: bool = False

    def counts(self) -> dict[str, float]:
        """Users found, served, failed and expired (their profile was gone when it was to be written), and seconds."""
        totals = {name: sum(getattr(segment, name) for segment in self.segments) for name in COUNTED}
        return {**totals, "seconds": round(self.seconds, 1)}

    def text(self) -> bytes:
        """As JSON, which `read` takes."""
        return json.dumps(asdict(self)).encode()


def read(text: bytes) -> State:
    """The state in a checkpoint."""
    raw = json.loads(text)
    return State(**{**raw, "segments": [Segment(**segment) for segment in raw["segments"]]})
