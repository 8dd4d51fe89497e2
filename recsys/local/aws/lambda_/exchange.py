"""A call goes to its worker, and its lines and its answer come back, in the one thread that makes the call.

MiniStack starts a thread for each call that waits for the answer, has another read what the function writes, and
guesses when a call has written its last line: it waits 50 ms for a first one, which limits a silent function to 18
calls a second, and what comes later is told with the next call, if there is one. Here the worker's script ends each
call's lines with a mark before it answers, and whoever calls waits for both: to hand over from thread to thread takes
longer than a small function.
"""

import json
import os
import select
import time
from collections.abc import Callable, Iterable
from subprocess import Popen
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.lambda_runtime import Worker

MARK = "__recsys_end_of_call__"  # and the call's id; none where the script is ready for calls
START = "    _real_stdout = sys.stdout\n"
KEPT = "    _real_stderr, _marks = sys.stderr, os.dup(2)\n"  # a function can send its standard error elsewhere
WRITTEN = "        _real_stderr.flush()\n        os.write(_marks, ('" + MARK + "' + {call} + '\\n').encode())\n"
READY = '        _real_stdout.write(json.dumps({"status": "ready", "cold": True}) + "\\n")\n'
END = "        _real_stdout.flush()\n\nrun()\n"
EVENT, EVENTS, BYTES = 1 << 18, 100_000, 10 << 20  # of a log: bytes of a line, and lines and bytes of a call
OVERHEAD = 26  # bytes that CloudWatch Logs counts for an event beside its text
LATE = 1.0  # seconds the mark may come after the answer, where what the function started writes much
CHUNK = 65536  # bytes, what a pipe holds
ANSWER = 1 << 26  # bytes of an answer, ten times what Lambda lets through; of a line that is longer nothing is kept


class Pipe:
    """Lines of text that come through a pipe; what is longer than the `longest` (bytes) comes in parts."""

    def __init__(self, stream: Any, longest: int) -> None:
        self._stream = stream  # its descriptor is good for as long as it is there
        self.descriptor, self._part, self._longest = stream.fileno(), bytearray(), longest

    def read(self) -> list[str] | None:
        """Wait for more; the lines that are whole by now, None at the end."""
        chunk = os.read(self.descriptor, CHUNK)
        self._part += chunk
        if chunk and b"\n" not in chunk:
            return self._first_part()
        *lines, self._part = self._part.split(b"\n")
        if not chunk and self._part:
            lines, self._part = [self._part], bytearray()
        return [line.decode(errors="replace") for line in lines] if chunk or lines else None

    def _first_part(self) -> list[str]:
        """Of a line without an end, when it is too long; a mark that may stand at its end stays whole."""
        if len(self._part) <= self._longest:
            return []
        end = len(self._part) - CHUNK
        cut = next((at for at in range(end, end - 4, -1) if self._part[at] & 0xC0 != 0x80), end)  # between characters
        part, self._part = self._part[:cut], self._part[cut:]
        return [part.decode(errors="replace")]


class Log:
    """The lines of a call that nobody was told of yet: a program that writes without end must not fill the memory."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._bytes = self._missed = 0

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, lines: Iterable[str]) -> None:
        """Keep these as long as there is room."""
        for line in lines:
            size = len(line.encode()) + OVERHEAD
            if len(self._lines) == EVENTS or self._bytes + size > BYTES:
                self._missed += 1
            else:
                self._lines.append(line)
                self._bytes += size

    def take(self) -> str:
        """All of it, and how many lines there was no room for."""
        missed = [f"[recsys] {self._missed:,} lines more than a call's log takes here were dropped"]
        text = "\n".join(self._lines + (missed if self._missed else []))
        self._lines, self._bytes, self._missed = [], 0, 0
        return text


class Conversation:
    """What a worker's process is told, and what it tells."""

    def __init__(self, process: Popen) -> None:
        self._input = process.stdin
        self._lines, self._answers = Pipe(process.stderr, EVENT), Pipe(process.stdout, ANSWER)
        self._pipes = select.poll()
        for pipe in (self._lines, self._answers):
            self._pipes.register(pipe.descriptor, select.POLLIN)
        self.log = Log()

    def begin(self) -> None:
        """Read lines until the script is ready for calls, or has ended."""
        while not self._reads_mark(""):
            pass

    def ask(self, envelope: dict[str, Any], call: str, seconds: float) -> dict[str, Any]:
        """The script's answer to a call. Raises TimeoutError, or OSError where the script has ended."""
        self._input.write(json.dumps(envelope) + "\n")
        answer, marked, deadline = None, False, time.monotonic() + seconds
        while (answer is None or not marked) and (left := deadline - time.monotonic()) > 0:
            ready = [descriptor for descriptor, _ in self._pipes.poll(1000 * left)]
            if self._lines.descriptor in ready:
                marked = self._reads_mark(call) or marked
            if answer is None and self._answers.descriptor in ready and (answer := self._read_answer()):
                deadline = time.monotonic() + LATE
        if answer is None:
            raise TimeoutError
        return answer

    def read_rest(self) -> None:
        """Read the lines of a process that has ended; not those that one it started may go on to write."""
        for _ in range(2):  # what the pipe holds, and its end
            if self._lines.descriptor in [descriptor for descriptor, _ in self._pipes.poll(0)]:
                self._reads_mark("")

    def _reads_mark(self, call: str) -> bool:
        """Read lines into the log; whether the call's mark, or the end, was among them."""
        lines = self._lines.read()
        if lines is None:
            self._pipes.unregister(self._lines.descriptor)
            return True
        parts = [line.partition(MARK) for line in lines]
        self.log.add(text for text, mark, _ in parts if text or not mark)
        return any(mark and of == call for _, mark, of in parts)

    def _read_answer(self) -> dict[str, Any] | None:
        """The answer, if it is among what was read; the rest is what the function's own programs have printed."""
        lines = self._answers.read()
        if lines is None:
            raise OSError("the worker's process has ended")
        for line in lines:
            try:
                answer = json.loads(line) if line.startswith("{") else {}
            except (ValueError, RecursionError):
                continue
            if answer.get("status") in ("ok", "error"):
                return answer
        return None


def install() -> None:
    """Change what the script of Python's workers writes, and how it is called."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT.replace(START, START + KEPT)
    script = script.replace(READY, WRITTEN.format(call="''") + READY)
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(END, WRITTEN.format(call="_ms_ctx['request_id']") + END)
    Worker._read_stderr = _until_ready(Worker._read_stderr)
    Worker.invoke = _in_one_thread(Worker.invoke)


def _until_ready(read: Callable[[Worker], None]) -> Callable[[Worker], None]:
    """MiniStack's reads lines as long as the process lives; here until calls come, which read their own."""

    def begun(worker: Worker) -> None:
        if _runs_python(worker):
            worker.conversation = Conversation(worker._proc)
            worker.conversation.begin()
        else:
            read(worker)

    return begun


def _in_one_thread(invoke: Callable[..., dict]) -> Callable[..., dict]:
    """MiniStack's has two more threads read what comes back; here the caller's does."""

    def invoked(worker: Worker, event: Any, request_id: str, **context: Any) -> dict:
        if not _runs_python(worker):
            return invoke(worker, event, request_id, **context)
        with worker._lock:
            cold = worker._proc is None or worker._proc.poll() is not None
            if cold:
                worker._spawn()
                worker._cold = False
            worker._stderr_thread.join()
            told = {"invoked_function_arn": worker.config.get("FunctionArn", ""), **context, "request_id": request_id}
            answer = _answer(worker, {"event": event, "ctx": told}, request_id)
            if answer["status"] == "error":
                _end(worker)
            return {**answer, "cold_start": cold, "log": worker.conversation.log.take()}

    return invoked


def _answer(worker: Worker, envelope: dict[str, Any], call: str) -> dict[str, Any]:
    seconds = worker.config.get("Timeout", 30)
    try:
        return worker.conversation.ask(envelope, call, seconds)
    except TimeoutError:
        return {"status": "error", "error": f"Task timed out after {seconds}.00 seconds"}
    except OSError:
        return {"status": "error", "error": "Worker process died"}


def _end(worker: Worker) -> None:
    process, worker._proc = worker._proc, None
    lambda_runtime._signal(process)
    lambda_runtime._collect(process, time.monotonic() + lambda_runtime._REAP_GRACE)
    worker.conversation.read_rest()


def _runs_python(worker: Worker) -> bool:
    return worker.config.get("Runtime", "python").startswith("python")
