"""Why the last object could not be stored: MiniStack logs it and answers 200; the health report must show it."""

import functools
from collections.abc import Callable
from typing import Any

from ministack.services import s3

_error: str | None = None


def install() -> None:
    """Look at every write of a file."""
    s3._atomic_write = _noticed(s3._atomic_write)


def last() -> str | None:
    """The file and the reason if the last write failed."""
    return _error


def _noticed(write: Callable[..., None]) -> Callable[..., None]:
    """MiniStack's caller logs what `write` raises and goes on; here it is kept as well, until a write succeeds."""

    @functools.wraps(write)
    def noticed(path: str, *data: Any, **options: Any) -> None:
        global _error
        try:
            write(path, *data, **options)
        except OSError as error:
            _error = f"{path}: {error.strerror}"
            raise
        _error = None

    return noticed
