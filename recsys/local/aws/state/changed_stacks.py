"""Whether stacks may have changed since the last save, so that a save need not read them.

Only requests to CloudFormation change them, and the tasks that these begin. Without this, each save would read the
templates and change sets of all stacks there ever were: half of the server's time once there are some dozen.
"""

import asyncio
import threading
from collections.abc import Iterable

_asked = threading.Event()
_tasks: set[asyncio.Task] = set()


def note(begun: Iterable[asyncio.Task]) -> None:
    """CloudFormation was asked for something, which these tasks go on with."""
    _asked.set()
    for task in begun:
        _tasks.add(task)
        task.add_done_callback(_done)


def take() -> bool:
    """Whether stacks must be read: asked before they are, so that what comes meanwhile is read next time."""
    asked = _asked.is_set()
    if asked:
        _asked.clear()
    return asked or bool(_tasks)


def forget() -> None:
    """A save failed: read them next time."""
    _asked.set()


def _done(task: asyncio.Task) -> None:
    _asked.set()
    _tasks.discard(task)
