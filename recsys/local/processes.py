"""Which process is ours, and who sits on a port. A process is known by its number and its start time together.

The number alone is not enough: after a crash the system may have given it to somebody else, whom we must not stop.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from recsys.local.shared.files import write_whole

NOTE = "server.json"
CLOCK_TOLERANCE = 2.0  # seconds; start times are derived from a clock that is corrected now and then


@dataclass(frozen=True)
class Ours:
    """The server a state folder belongs to: process number, port, start of the process (epoch seconds)."""

    pid: int
    port: int
    created: float = field(default=0.0)

    def write(self, state: Path) -> None:
        """Leave a note in `state`, whole or not at all."""
        note = {"pid": self.pid, "port": self.port, "created": psutil.Process(self.pid).create_time()}
        write_whole(state / NOTE, json.dumps(note))

    @classmethod
    def read(cls, state: Path) -> "Ours | None":
        """The note in `state`, if there is a readable one."""
        try:
            return cls(**json.loads((state / NOTE).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    @staticmethod
    def forget(state: Path) -> None:
        """Take the note away."""
        (state / NOTE).unlink(missing_ok=True)

    def process(self) -> psutil.Process | None:
        """The running process, or None where it ended or its number belongs to another by now."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < CLOCK_TOLERANCE
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


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
