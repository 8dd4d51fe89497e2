"""Many shards on few threads: a lane is run one step at a time and never waits inside a step.

A lane is one shard of one event source mapping. Its `step()` calls a function once at most and says when it wants to go
on: a number of seconds, or None for "when something arrives". So a shard that retries for hours holds no thread, and a
stream of a thousand shards costs no more than one of four.
"""

import heapq
import itertools
import logging
import threading
import time
from typing import Protocol

THREADS = 16
PAUSE_AFTER_FAULT = 1.0  # seconds; a step that raises is our own mistake: say it, go on

logger = logging.getLogger(__name__)


class Lane(Protocol):
    """What the pool runs."""

    def step(self) -> float | None:
        """Do one thing; seconds until the next step, or None to sleep until woken."""


class Lanes:
    """Runs lanes, each by at most one thread at a time, as soon as they are due."""

    def __init__(self, threads: int = THREADS) -> None:
        self._limit = threads
        self._condition = threading.Condition()
        self._due: list[tuple[float, int, Lane]] = []
        self._dues: dict[Lane, float] = {}  # when a lane is next run; what else is said of it in `_due` is out of date
        self._order = itertools.count()
        self._running: set[Lane] = set()
        self._woken: set[Lane] = set()  # woken while running: step again at once
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._stopping = False

    def wake(self, lane: Lane) -> None:
        """Run `lane` now, or again as soon as its present step ends."""
        with self._condition:
            if lane in self._running:
                self._woken.add(lane)
            else:
                self._schedule(lane, 0.0)

    def stop(self, timeout: float) -> None:
        """Let the steps in progress end, for `timeout` seconds at most; start no more."""
        deadline = time.monotonic() + timeout
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _schedule(self, lane: Lane, delay: float) -> None:
        due = time.monotonic() + delay
        if due >= self._dues.get(lane, float("inf")):
            return
        self._dues[lane] = due
        heapq.heappush(self._due, (due, next(self._order), lane))
        if not self._idle and len(self._threads) < self._limit and not self._stopping:
            thread = threading.Thread(target=self._work, name=f"lane-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        else:
            self._condition.notify()

    def _work(self) -> None:
        while (lane := self._next()) is not None:
            try:
                delay = lane.step()
            except Exception:
                logger.exception("a step of %s failed; it is tried again in %.0f s", lane, PAUSE_AFTER_FAULT)
                delay = PAUSE_AFTER_FAULT
            with self._condition:
                self._running.discard(lane)
                if lane in self._woken:
                    self._woken.discard(lane)
                    # A retry that waits keeps waiting: news behind a failing batch does not hurry it.
                    delay = 0.0 if delay is None else delay
                if delay is not None:
                    self._schedule(lane, delay)

    def _next(self) -> Lane | None:
        with self._condition:
            while not self._stopping:
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    due, _, lane = heapq.heappop(self._due)
                    if self._dues.get(lane) != due:
                        continue
                    del self._dues[lane]
                    self._running.add(lane)
                    return lane
                self._idle += 1
                self._condition.wait(self._due[0][0] - now if self._due else None)
                self._idle -= 1
            return None
