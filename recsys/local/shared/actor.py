"""One thread that does things in order, now or after a delay: the only one that touches the control plane's state."""

import heapq
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from typing import Any

RETRY = 1.0  # seconds until that is tried again which a full disk has kept from being recorded

log = logging.getLogger(__name__)


class Actor:
    """Runs callables one at a time, in the order of their due time, then of their arrival."""

    def __init__(self, name: str) -> None:
        self._heap: list[tuple[float, int, Callable[[], Any], Future[Any]]] = []
        self._turn = count()
        self._woken = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, task: Callable[[], Any], delay: float = 0.0) -> Future[Any]:
        """Run `task` on the actor's thread, `delay` seconds from now at the earliest. The future has what it raises."""
        future: Future[Any] = Future()
        with self._woken:
            heapq.heappush(self._heap, (time.monotonic() + delay, next(self._turn), task, future))
            self._woken.notify()
        return future

    def later(self, task: Callable[[], Any], delay: float = 0.0) -> None:
        """As `submit`, for a task that nobody waits for: what it raises is in the log.

        Where the disk is full it is tried again until there is room: nobody else would take it up.
        """
        self.submit(task, delay).add_done_callback(lambda done: self._look(done, task, told=False))

    def close(self) -> None:
        """Finish the task at hand, drop the rest: what matters is on disk and is taken up at the next start."""
        with self._woken:
            self._closed = True
            self._woken.notify()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while (due := self._next()) is not None:
            task, future = due
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(task())
            except BaseException as error:
                future.set_exception(error)

    def _look(self, done: Future[Any], task: Callable[[], Any], told: bool) -> None:
        error = done.exception()
        if error and not told:
            log.error("a task of %s failed", self._thread.name, exc_info=error)
        if isinstance(error, sqlite3.OperationalError):
            self.submit(task, RETRY).add_done_callback(lambda again: self._look(again, task, told=True))

    def _next(self) -> tuple[Callable[[], Any], Future[Any]] | None:
        with self._woken:
            while not self._closed:
                wait = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait is not None and wait <= 0:
                    _, _, task, future = heapq.heappop(self._heap)
                    return task, future
                self._woken.wait(wait)
            return None
