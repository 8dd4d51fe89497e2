"""The trace a request belongs to, as the header X-Amzn-Trace-Id carries it, and which requests are traced at all."""

import random
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from recsys.local.shared.http import Scope, header

HEADER = "X-Amzn-Trace-Id"
ROOT = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")
ID = re.compile(r"[0-9a-f]{16}")
RATE = 0.05  # of the requests after the first of each second, which is X-Ray's default rule and Lambda's only one


@dataclass(frozen=True)
class Context:
    """A trace's id, the segment that called, and whether the trace is kept; None: nobody has decided yet."""

    root: str
    parent: str | None = None
    sampled: bool | None = None

    @property
    def header(self) -> str:
        """The text that `read` reads back."""
        sampled = None if self.sampled is None else int(self.sampled)
        fields = {"Root": self.root, "Parent": self.parent, "Sampled": sampled}
        return ";".join(f"{name}={value}" for name, value in fields.items() if value is not None)


# The trace of the request at work, in the threads too that MiniStack makes for it.
inbound: ContextVar[Context | None] = ContextVar("inbound", default=None)


def read(text: str) -> Context | None:
    """The context in a header's text; None where it names no trace.

    >>> read("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1").sampled
    True
    """
    fields = dict(part.strip().partition("=")[::2] for part in text.split(";"))
    root, parent = fields.get("Root", ""), fields.get("Parent", "")
    if not ROOT.fullmatch(root):
        return None
    sampled = {"0": False, "1": True}.get(fields.get("Sampled", ""))
    return Context(root, parent if ID.fullmatch(parent) else None, sampled)


@contextmanager
def continued(scope: Scope) -> Iterator[None]:
    """While a request is answered, what is called for it belongs to the trace its header names."""
    text = header(scope, HEADER.lower())
    token = inbound.set(read(text) if text else None)
    try:
        yield
    finally:
        inbound.reset(token)


def new_id() -> str:
    """An id of a segment."""
    return secrets.token_hex(8)


def new_root() -> str:
    """An id of a trace, which begins with the time."""
    return f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"


class Sampler:
    """Which requests are traced where nobody upstream has decided: of each service the first of a second, then 5 %."""

    def __init__(self) -> None:
        self._seconds: dict[str, int] = {}
        self._lock = threading.Lock()

    def decided(self, service: str) -> Context:
        """The context of a request to `service`: the trace it comes with, or a new one, and whether that is kept."""
        before = inbound.get()
        root, parent = (before.root, before.parent) if before else (new_root(), None)
        taken = before.sampled if before and before.sampled is not None else self._takes(service)
        return Context(root, parent, taken)

    def _takes(self, service: str) -> bool:
        second = int(time.monotonic())
        with self._lock:
            first = self._seconds.get(service) != second
            self._seconds[service] = second
        return first or random.random() < RATE
