"""The server's side of the worker process: queue jobs, hear how they end."""

import json
import logging
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

# One training at a time: it takes every core, and two ruin each other's matrix products.
AT_ONCE = {"train": 1, **dict.fromkeys(("import", "export", "delete", "infer", "segment"), max(2, os.cpu_count() or 1))}

Done = Callable[[dict[str, Any]], None]


class Jobs:
    """Runs jobs in children of one worker process, AT_ONCE per task; `done` is called on the reader's thread.

    A result is `{"failureReason": ...}` or what the task returned. The worker process is started again if it dies.
    """

    def __init__(self, log_path: Path) -> None:
        self._log_path = log_path
        self._lock = threading.RLock()
        self._queue: deque[dict[str, Any]] = deque()
        self._running: dict[str, tuple[dict[str, Any], subprocess.Popen[bytes]]] = {}  # the job, and who has it
        self._done: dict[str, Done] = {}
        self._pids: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def start(self) -> None:
        """Start the worker process, where there is none, so that its imports are done when the first job comes."""
        with self._lock:
            self._ensure()

    def submit(self, job_id: str, task: str, spec: dict[str, Any], done: Done) -> None:
        """Queue a job; `spec["result"]` names the file its result is left in."""
        with self._lock:
            if job_id in self._done:
                return
            self._queue.append({"id": job_id, "task": task, "spec": spec})
            self._done[job_id] = done
            self._pump()

    def stop(self, job_id: str) -> None:
        """Kill a running job, or forget a queued one; its `done` is not called."""
        with self._lock:
            self._done.pop(job_id, None)
            self._queue = deque(job for job in self._queue if job["id"] != job_id)
            if job_id in self._pids:
                _kill(self._pids[job_id])

    def close(self) -> None:
        """Stop the worker process and, through it, its children."""
        with self._lock:
            self._closed = True
            process = self._process
        if process:
            process.stdin.close()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _ensure(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            with self._log_path.open("ab") as errors:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "recsys.local.personalize.jobs.zygote", self._log_path.with_suffix(".lock")],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                )
            threading.Thread(target=self._listen, args=(self._process,), name="personalize-jobs", daemon=True).start()
        return self._process

    def _pump(self) -> None:
        while (job := self._next()) is not None:
            process = self._ensure()
            self._running[job["id"]] = job, process
            try:
                process.stdin.write((json.dumps(job) + "\n").encode())
                process.stdin.flush()
            except BrokenPipeError:
                self._end(job["id"], -1)

    def _next(self) -> dict[str, Any] | None:
        """The oldest queued job whose task may have one more running."""
        tasks = [job["task"] for job, _ in self._running.values()]
        for job in self._queue:
            if tasks.count(job["task"]) < AT_ONCE[job["task"]] and not self._closed:
                self._queue.remove(job)
                return job
        return None

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        for line in process.stdout:
            message = json.loads(line)
            with self._lock:
                if "pid" in message:
                    self._pids[message["id"]] = message["pid"]
                    if message["id"] not in self._done:  # stopped before it was known how
                        _kill(message["pid"])
                else:
                    self._end(message["id"], message["code"])
                    self._pump()
        with self._lock:
            if self._closed:
                return
            for job_id, (_, owner) in list(self._running.items()):
                if owner is process:
                    if job_id in self._pids:  # its child goes on alone, and holds the lock the next worker waits for
                        _kill(self._pids[job_id])
                    self._end(job_id, process.wait())
            self._pump()

    def _end(self, job_id: str, code: int) -> None:
        self._pids.pop(job_id, None)
        job, _ = self._running.pop(job_id)
        done = self._done.pop(job_id, None)
        if done:
            done(_result(Path(job["spec"]["result"]), code))


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):  # it has just ended by itself
        os.kill(pid, 9)


def _result(path: Path, code: int) -> dict[str, Any]:
    if code == 0 and path.exists():
        return json.loads(path.read_text())
    log.error("a job ended with exit status %d and without a result: %s", code, path)
    return {"failureReason": f"The worker process of this job ended unexpectedly (exit status {code})."}
