"""Personalize on its own in a process that tests may kill."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
import ports
from botocore.config import Config

ALONE = """
import sys, uvicorn
from pathlib import Path
from recsys.local.personalize.control.clock import Clock
from recsys.local.personalize.service import Personalize
state, s3, port, day = sys.argv[1:]
personalize = Personalize(Path(state), s3, clock=Clock(float(day)))
personalize.start()
uvicorn.run(personalize, host="127.0.0.1", port=int(port), lifespan="off", log_level="warning")
"""


class Server:
    """Personalize on its own, reading S3 of the embedded AWS, to be killed and started again on the same state.

    day: real seconds that are a day in a schedule.
    """

    def __init__(self, s3: str, day: float = 86400.0) -> None:
        self._day = day
        self.state = Path(tempfile.mkdtemp(prefix="recsys-kill-"))
        self.port = ports.free_port()
        self.endpoint, self._s3 = f"http://127.0.0.1:{self.port}", s3
        self.process: subprocess.Popen[bytes] | None = None
        self._clients: dict[str, Any] = {}

    def start(self) -> None:
        command = [sys.executable, "-c", ALONE, str(self.state), self._s3, str(self.port), str(self._day)]
        with (self.state / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        while self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError((self.state / "server.log").read_text()[-3000:])

    def kill(self) -> None:
        """kill -9: nothing gets a chance to tidy up."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def client(self, service: str) -> Any:
        config = Config(retries={"max_attempts": 1})
        endpoint = self._s3 if service == "s3" else self.endpoint
        return self._clients.setdefault(service, boto3.client(service, endpoint_url=endpoint, config=config))

    def remove(self) -> None:
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.state, ignore_errors=True)
