"""An update of a function lets the calls in progress end, with the code they began with.

MiniStack kills all of a function's workers at every change of its code or configuration, those at work too: each of
their callers gets a 502. On AWS a call in progress ends where it began, and only what comes after sees the change. Here
a worker at work is taken out of the pool, and ended once it is given back. A call that had read the old code and found
no worker left would put one with the old code into the pool, for good: that one is ended after its call too.
"""

import threading
from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.lambda_runtime import Worker
from ministack.services import lambda_svc

LATEST = "$LATEST"

_leased = threading.local()  # .worker: the one this thread calls


def install() -> None:
    """Change how workers are leased, given back and dropped."""
    lambda_svc.acquire_worker = _leasing(lambda_runtime.acquire_worker)
    lambda_svc.release_worker = _ending(lambda_runtime.release_worker)
    lambda_svc.invalidate_worker = _sparing(lambda_runtime.invalidate_worker)


def _leasing(acquire: Callable[..., tuple[Worker | None, str]]) -> Callable[..., tuple[Worker | None, str]]:
    """MiniStack's may make a worker of code that is old by now; here it is marked, and known to its caller's thread."""

    def leased(name: str, config: dict, code: bytes, qualifier: str = LATEST, **options: Any) -> Any:
        worker, how = acquire(name, config, code, qualifier=qualifier, **options)
        if worker is not None and qualifier == LATEST:
            current = (lambda_svc._functions.get(name) or {}).get("code_zip")
            worker.outdated = getattr(worker, "outdated", False) or worker.code_zip != current
        _leased.worker = worker
        return worker, how

    return leased


def _ending(release: Callable[[Worker | None], None]) -> Callable[[Worker | None], None]:
    """MiniStack's puts every worker back into the pool; here one of old code is ended."""

    def released(worker: Worker | None) -> None:
        release(worker)
        _leased.worker = None
        if getattr(worker, "outdated", False):
            _drop([worker])
            threading.Thread(target=lambda_runtime.kill_workers, args=([worker],), daemon=True).start()

    return released


def _sparing(invalidate: Callable[..., None]) -> Callable[..., None]:
    """MiniStack's kills all of a function's workers; here those at work are marked, and end with their call."""

    def invalidated(name: str, qualifier: str | None = None, **scope: Any) -> None:
        def is_of(key: str) -> bool:
            _, _, function, version = key.split(":")
            return function == name and qualifier in (None, version)

        mine = getattr(_leased, "worker", None)  # a worker that cannot begin is dropped by its own caller
        with lambda_runtime._lock:
            workers = [worker for key, pool in lambda_runtime._workers.items() if is_of(key) for worker in pool]
            busy = [worker for worker in workers if worker.in_use and worker is not mine]
        for worker in busy:
            worker.outdated = True
        _drop(busy)
        invalidate(name, qualifier=qualifier, **scope)

    return invalidated


def _drop(workers: list[Worker]) -> None:
    """Take the workers out of their pools, so that nobody else leases or ends them."""
    with lambda_runtime._lock:
        for pool in lambda_runtime._workers.values():
            pool[:] = [worker for worker in pool if worker not in workers]
