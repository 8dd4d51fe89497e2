"""A call has a thread of its own, as it may call back into this server, but no new one where an earlier call left one.

MiniStack starts a thread for each, and the server waits until that runs. The threads are no ThreadPoolExecutor's, which
Python joins at its exit: a call in progress must not hold up the server's end.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any

from ministack.core import concurrency
from ministack.services import lambda_svc

_idle: list[SimpleQueue[Callable[[], None]]] = []  # of the threads that have nothing to do, the latest at the end
_stopping = threading.Event()


def install() -> None:
    """Let what runs off the server's loop take them; other services find it in `concurrency` once they are loaded."""
    concurrency.run_reentrant = lambda_svc.run_reentrant = _run


def stop() -> None:
    """Whoever is cancelled from now on no longer waits: the work ends with the server."""
    _stopping.set()


async def _run(work: Callable[..., Any], *args: Any, thread_name: str = "") -> Any:
    """What the work returns. Who is cancelled meanwhile waits for its end all the same: a thread cannot be stopped."""
    loop, context, thread = asyncio.get_running_loop(), contextvars.copy_context(), _thread()
    future = loop.create_future()

    def done() -> None:
        try:
            outcome = partial(future.set_result, context.run(work, *args))
        except BaseException as error:
            outcome = partial(future.set_exception, error)
        _idle.append(thread)  # first: who is told the outcome may be the next to need it
        with suppress(RuntimeError):  # the server has stopped: nobody waits
            loop.call_soon_threadsafe(outcome)

    thread.put(done)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done() and not _stopping.is_set():
            with suppress(asyncio.CancelledError, Exception):
                await asyncio.shield(future)
        if future.done():
            future.exception()
        raise


def _thread() -> SimpleQueue[Callable[[], None]]:
    with suppress(IndexError):
        return _idle.pop()
    work: SimpleQueue[Callable[[], None]] = SimpleQueue()
    threading.Thread(target=_serve, args=(work,), daemon=True).start()
    return work


def _serve(work: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        work.get()()
