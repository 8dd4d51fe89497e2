"""What containers print goes to CloudWatch Logs: line by line, put by one thread, at the endpoint jobs use too."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from recsys.local.shared.clients import client

AT_ONCE = 1000  # events in one PutLogEvents
PAUSE = 0.2  # seconds between two calls
LONGEST = 256_000  # characters of a line

log = logging.getLogger(__name__)


class Logs:
    """Lines by log group and stream. `close` puts what is left."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._lines: queue.SimpleQueue[tuple[str, str, int, str]] = queue.SimpleQueue()
        self._known: set[str] = set()
        self._stop = threading.Event()
        self._put_lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def stream(self, group: str, stream: str) -> Callable[[str], None]:
        """A function that takes a line of this stream."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sagemaker-logs", daemon=True)
            self._thread.start()

        def put(line: str) -> None:
            if line:
                self._lines.put((group, stream, int(time.time() * 1000), line[:LONGEST]))

        return put

    def flush(self) -> None:
        """Put everything taken so far; what CloudWatch refuses is lost. Never raises."""
        with self._put_lock:
            waiting: dict[tuple[str, str], list[dict[str, Any]]] = {}
            while not self._lines.empty():
                group, stream, moment, line = self._lines.get_nowait()
                waiting.setdefault((group, stream), []).append({"timestamp": moment, "message": line})
            for (group, stream), events in waiting.items():
                try:
                    self._put(group, stream, events)
                except (ClientError, BotoCoreError) as error:
                    log.warning("log lines of %s/%s are lost: %s", group, stream, error)

    def close(self) -> None:
        """Put the last lines and end; to be called while CloudWatch, which may be this very server, still answers."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            self.flush()
        self.flush()

    @cached_property
    def _client(self) -> Any:
        return client("logs", self._spec)

    def _put(self, group: str, stream: str, events: list[dict[str, Any]]) -> None:
        logs = self._client
        if (name := f"{group}\n{stream}") not in self._known:
            for make, named in (
                (logs.create_log_group, {"logGroupName": group}),
                (logs.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
            ):
                with suppress(logs.exceptions.ResourceAlreadyExistsException):
                    make(**named)
            self._known.add(name)
        for start in range(0, len(events), AT_ONCE):
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events[start : start + AT_ONCE])
