"""Every line that a function writes in a call is told with that call, and none is waited for.

MiniStack reads a worker's log through a pipe and guesses when a call has written its last line: it waits 50 ms for a
first one, which limits a silent function to 18 calls a second, and what comes later is told with the next call, if
there is one. Here the worker's script ends each call's lines with a mark, before it answers.
"""

import queue
import time
from collections.abc import Callable, Iterator

from ministack.core import lambda_runtime
from ministack.core.lambda_runtime import Worker

MARK = "__recsys_end_of_call__"
END = "        _real_stdout.flush()\n\nrun()\n"
MARKED = f"        sys.__stderr__.write('{MARK}\\n')\n        sys.__stderr__.flush()\n" + END
LONGEST = 1.0  # seconds; a mark that takes longer is owed to the next call


def install() -> None:
    """Change what the script of Python's workers writes, and how it is read."""
    lambda_runtime._PYTHON_WORKER_SCRIPT = lambda_runtime._PYTHON_WORKER_SCRIPT.replace(END, MARKED)
    Worker._drain_stderr_bounded = _to_the_mark(Worker._drain_stderr_bounded)


def _to_the_mark(guessed: Callable[..., str]) -> Callable[..., str]:
    """MiniStack's guesses which lines are a call's; here they are those up to its mark.

    `guessed` stays where no mark comes, as the worker is of another language or has ended.
    """

    def drained(worker: Worker, **waits: float) -> str:
        if worker._proc is None or not worker.config.get("Runtime", "python").startswith("python"):
            worker._owed = 0
            return guessed(worker, **waits)
        worker._owed = getattr(worker, "_owed", 0) + 1  # marks that have not been read
        lines = []
        for line in _until(worker._stderr_queue, time.monotonic() + LONGEST):
            text = line.replace(MARK, "")
            worker._owed -= text != line
            if line != MARK:
                lines.append(text)
            if not worker._owed:
                break
        return "\n".join(lines)

    return drained


def _until(lines: queue.Queue, deadline: float) -> Iterator[str]:
    while True:
        try:
            yield lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return
