"""Two processes on two halves of one piece of work, which tell each other their sums at every step."""

import mmap
import os
import select
import time
from collections.abc import Callable, Sequence

import numpy as np

from recsys.errors import ModelError

# Seconds to wait for the other half without going to sleep: a virtual machine may wake a core only when another
# is idle, and then the halves would work by turns.
AWAKE = 0.01

Total = Callable[[np.ndarray], np.ndarray]  # the sums of both halves, from one half's


def shared_zeros(shape: tuple[int, ...]) -> np.ndarray:
    """float32 zeros that a forked process writes to as its parent does."""
    size = int(np.prod(shape))
    return np.frombuffer(mmap.mmap(-1, max(1, 4 * size)), np.float32, size).reshape(shape)


def side_by_side(halves: Sequence[Callable[[Total], None]]) -> None:
    """Run one or two functions to their end, the second in a forked process; what lasts it leaves in shared arrays.

    Each is given a function that adds a float64 array of its own to the other's of the same size and moment, the first
    half's first, so that both get the same sums. Raises ModelError where the second ends before its time.
    """
    first, *second = halves
    if not second:
        first(lambda own: own)
        return
    (to_first, to_second) = (os.pipe() for _ in range(2))
    child = os.fork()
    if child == 0:
        _end_with(lambda: second[0](_adding(to_first[1], to_second[0], False)), (to_first[0], to_second[1]))
    os.close(to_first[1])
    os.close(to_second[0])
    try:
        first(_adding(to_second[1], to_first[0], True))
    except (BrokenPipeError, EOFError):
        pass  # its exit says more
    finally:
        os.close(to_first[0])
        os.close(to_second[1])
        _, status = os.waitpid(child, 0)
    if status:
        raise ModelError(
            f"half of the training ended with status {os.waitstatus_to_exitcode(status)}: is memory short?"
        )


def _adding(out: int, into: int, first: bool) -> Total:
    """The sums of both halves, exchanged through pipes; a window's are far below what a pipe holds."""
    os.set_blocking(into, False)

    def total(own: np.ndarray) -> np.ndarray:
        sent, received = own.tobytes(), b""
        os.write(out, sent)
        while len(received) < len(sent):
            part = _read(into, len(sent) - len(received))
            if not part:
                raise EOFError
            received += part
        other = np.frombuffer(received, np.float64)
        return own + other if first else other + own

    return total


def _read(pipe: int, size: int) -> bytes:
    """What comes next through a pipe that does not block."""
    asleep = time.perf_counter() + AWAKE
    while True:
        try:
            return os.read(pipe, size)
        except BlockingIOError:
            if time.perf_counter() > asleep:
                select.select([pipe], [], [])


def _end_with(run: Callable[[], None], not_ours: tuple[int, ...]) -> None:
    """A forked process: nothing of its parent's is tidied up or flushed twice."""
    status = 1
    try:
        for descriptor in not_ours:
            os.close(descriptor)
        run()
        status = 0
    finally:
        os._exit(status)
