"""Is a folder a state folder, and can it be read? Asked before anything is removed."""

import sqlite3
from pathlib import Path

MARKS = ("server.lock", "state.sqlite", "server.log")


def is_state(folder: Path) -> bool:
    """Whether `folder` was written by an embedded AWS (or is empty)."""
    return folder.is_dir() and (not any(folder.iterdir()) or any((folder / mark).exists() for mark in MARKS))


def found(folder: Path) -> str | None:
    """The first damaged file of a state folder and what is wrong with it; None where all of it can be read."""
    for path in sorted(folder.rglob("*.sqlite")):
        reason = _damage(path)
        if reason:
            return f"{path}: {reason}"
    return None


def _damage(path: Path) -> str | None:
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        try:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        return str(error)
    return None if verdict == "ok" else verdict
