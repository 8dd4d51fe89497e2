"""One forked process a model: what it imports and allocates is gone afterwards, and its peak memory is its own."""

import multiprocessing
import resource
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in ru_maxrss: getrusage(2)


class ChildFailed(Exception):
    """What the child raised, or that it ended without an answer."""


def in_child(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` answers in a forked process, and the most memory that process ever held resident, in MB.

    The pages it shares with its parent count as long as they are resident, so compare with a child that does nothing.
    Raises ChildFailed with the message of what went wrong.
    """
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=_answer, args=(work, sender))
    child.start()
    sender.close()
    try:
        answer, failure, peak = receiver.recv()
    except EOFError:
        child.join()
        raise ChildFailed(f"ended without an answer (exit code {child.exitcode}); too little memory?") from None
    child.join()
    if failure:
        raise ChildFailed(failure)
    return answer, peak


def _answer(work: Callable[[], Any], sender: Connection) -> None:
    answer, failure = None, ""
    try:
        answer = work()
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
        traceback.print_exc()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / 1e6
    sender.send((answer, failure, peak))
