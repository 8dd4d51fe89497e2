"""What would not fit into memory is refused before the work starts."""

import psutil

from recsys.errors import ModelError


def available_bytes() -> int:
    """Memory that this machine can give without swapping."""
    return psutil.virtual_memory().available


def refuse_what_cannot_fit(needed: int, task: str, instead: str) -> None:
    """Raises ModelError where `task` needs more bytes than are available; `instead` says what would help."""
    available = available_bytes()
    if needed > available:
        raise ModelError(
            f"{task} needs {needed / 1e9:.1f} GB of memory and {available / 1e9:.1f} GB are available: {instead}"
        )
