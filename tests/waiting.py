"""Waiting for what comes about by itself."""

import time
from collections.abc import Callable, Iterator
from typing import Any


def patiently() -> Iterator[None]:
    """Turns to look, at once and then ever more rarely: each look takes time from whoever is waited for."""
    started = time.monotonic()
    while True:
        yield
        time.sleep(min(0.25, max(0.02, (time.monotonic() - started) / 10)))


def eventually(condition: Callable[[], Any], seconds: float = 90.0) -> Any:
    """The first truthy value of `condition`, asked again and again; fails with its last value after `seconds`."""
    deadline = time.monotonic() + seconds
    for _ in patiently():
        if value := condition():
            break
        assert time.monotonic() < deadline, f"still {value!r} after {seconds} s"
    return value
