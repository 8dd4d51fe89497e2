"""No 50 ms wait after every Lambda call.

A MiniStack worker waits 50 ms for a first line on stderr before it believes that a handler wrote nothing, which limits
a silent function to 18 calls a second. The line, if there is one, was written before the answer and is in the pipe:
1 ms finds it (measured: p50 5.6 ms instead of 55 ms). What comes later is not lost, only told with the next call.
"""

import functools

from ministack.core.lambda_runtime import Worker

FIRST_LINE, QUIET, LONGEST = 0.001, 0.001, 0.05  # seconds


def install() -> None:
    """Shorten the waits of every worker."""
    Worker._drain_stderr_bounded = functools.partialmethod(
        Worker._drain_stderr_bounded, first_line_wait=FIRST_LINE, idle_confirm=QUIET, hard_cap=LONGEST
    )
