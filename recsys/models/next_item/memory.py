"""What would not fit into memory is refused before the work starts."""

from pathlib import Path

import psutil

from recsys.errors import ModelError

CGROUP = Path("/sys/fs/cgroup")  # a container's own limits: what it may use, what it uses, what it could drop at once
VERSIONS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)


def available_bytes() -> int:
    """Memory that this machine, or the container it is, can give without swapping."""
    return min([psutil.virtual_memory().available, *_of_container()])


def _of_container() -> list[int]:
    """What is left under a container's limit; nothing where there is no limit, or none that can be read."""
    for limit, usage, stat, droppable in VERSIONS:
        try:
            used, most = (int((CGROUP / name).read_text()) for name in (usage, limit))
            counts = dict(line.split() for line in (CGROUP / stat).read_text().splitlines())
        except (OSError, ValueError):  # no such file, or "max"
            continue
        return [max(0, most - used + int(counts.get(droppable, 0)))]
    return []


def refuse_what_cannot_fit(needed: int, task: str, instead: str) -> None:
    """Raises ModelError where `task` needs more bytes than are available; `instead` says what would help."""
    available = available_bytes()
    if needed > available:
        raise ModelError(
            f"{task} needs {needed / 1e9:.1f} GB of memory and {available / 1e9:.1f} GB are available: {instead}"
        )
