"""Which process is ours, and who sits on a port.

A server holds the lock of its state from its start to its end, however it ends: that tells whether it runs. A note
beside the lock says its number and its port. The number alone is not enough: after a crash the system may have given it
to somebody else, whom we must not stop; nor is the time it started at, which moves with the clock.
"""

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from recsys.errors import LocalError
from recsys.files import replace_text

NOTE, LOCK = "server.json", "server.lock"
ATTEMPTS, PAUSE = 50, 0.02  # how often, how many seconds apart: what is in the way for an instant is waited for


@dataclass(frozen=True)
class Ours:
    """The server a state folder belongs to: process number, port."""

    pid: int
    port: int

    def write(self, state: Path) -> None:
        """Leave a note in `state`, whole or not at all."""
        replace_text(state / NOTE, json.dumps(asdict(self)))

    @classmethod
    def read(cls, state: Path) -> "Ours | None":
        """The note in `state`, if there is a readable one."""
        try:
            note = json.loads((state / NOTE).read_text())
            return cls(note["pid"], note["port"])
        except (OSError, ValueError, TypeError, KeyError):
            return None

    @classmethod
    def running(cls, state: Path) -> "Ours | None":
        """The server that runs on `state`, None where none does. Raises LocalError where it has left no note."""
        for _ in range(ATTEMPTS):
            if not held(state):
                return None
            if note := cls.read(state):
                return note
            time.sleep(PAUSE)
        raise LocalError(
            f"{state}: {LOCK} is held, and there is no {NOTE}: wait for a reset to end, or stop the server by hand"
        )

    @staticmethod
    def forget(state: Path) -> None:
        """Take the note away."""
        (state / NOTE).unlink(missing_ok=True)

    def process(self, state: Path) -> psutil.Process | None:
        """The process, where it is the one that has the lock of `state` open."""
        try:
            process = psutil.Process(self.pid)
            return process if str(state / LOCK) in (file.path for file in process.open_files()) else None
        except psutil.Error:
            return None


def hold(state: Path) -> IO[Any] | None:
    """Hold `state` until the file is closed or this process ends; None where another holds it. Raises OSError."""
    for _ in range(ATTEMPTS):  # somebody may just be asking whether it is held
        lock = (state / LOCK).open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if (state / LOCK).stat().st_ino == os.fstat(lock.fileno()).st_ino:  # not removed meanwhile
                return lock
        except (BlockingIOError, FileNotFoundError):
            time.sleep(PAUSE)
        lock.close()
    return None


def held(state: Path) -> bool:
    """Whether a server runs on `state`."""
    try:
        with (state / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return False
    return False


def occupant(port: int) -> str:
    """Who listens on `port`, as far as the system tells: "process 123 (nginx -g ...)" or "another process"."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"process {connection.pid} ({_command(connection.pid)})"
    except psutil.Error:
        pass
    return "another process"


def _command(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())[:80]
    except psutil.Error:
        return "unknown"
