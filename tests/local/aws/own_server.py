"""An embedded AWS of a test's own, to be killed and started again."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config

from recsys.local import launcher

SESSION = boto3.Session("test", "test", region_name="us-east-1")


class OwnServer:
    """One server on a port of its own with its state in `state`; `client` makes boto3 clients against it."""

    def __init__(self, port: int, state: Path) -> None:
        self.port, self.state = port, state
        self.lines: list[str] = []
        self._clients: dict[str, Any] = {}

    def start(self) -> launcher.Status:
        """Up, or up again."""
        self.status = launcher.up(self.port, self.state, report=self.lines.append)
        return self.status

    def kill(self) -> None:
        """End it as a crash would."""
        os.kill(self.status.pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(self.status.pid)], timeout=10) if psutil.pid_exists(self.status.pid) else None

    def stop(self) -> None:
        """End it in order."""
        launcher.down(self.state, report=self.lines.append)

    def client(self, service: str) -> Any:
        """A client that does not retry: what is not acknowledged is not acknowledged."""
        if service not in self._clients:
            config = Config(retries={"max_attempts": 0}, read_timeout=30)
            self._clients[service] = SESSION.client(
                service, endpoint_url=f"http://127.0.0.1:{self.port}", config=config
            )
        return self._clients[service]

    def saved_after(self, moment: float) -> None:
        """Wait until what was there at epoch second `moment` is saved."""
        deadline = time.monotonic() + 20
        while ((self.health()["autosave"]["saved_at"]) or 0) <= moment:
            assert time.monotonic() < deadline, f"not saved: {self.health()['autosave']}"
            time.sleep(0.05)

    def health(self) -> dict[str, Any]:
        """The server's own report."""
        return launcher.status(self.state).health
