"""The container's programs as plain processes, each with a base folder of its own."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import ports
import waiting

ROOT = Path(__file__).parents[3]


def interactions(users: int = 200, events: int = 24, items: int = 150) -> pd.DataFrame:
    """Users who go on along a ring of items from anywhere, and come back to one of their own now and then."""
    rng = np.random.default_rng(0)
    walks = (rng.integers(0, items, users)[:, None] + np.arange(events)) % items
    own = rng.random((users, events)) < 0.3
    codes = np.where(own, rng.integers(0, items, users)[:, None], walks).ravel()
    return pd.DataFrame(
        {
            "USER_ID": [f"u{n:03d}" for n in np.repeat(np.arange(users), events)],
            "ITEM_ID": [f"i{n:03d}" for n in codes],
            "TIMESTAMP": 1_700_000_000 + np.arange(users * events),
        }
    )


def base_of(folder: Path, table: pd.DataFrame | None = None, channel: str = "interactions", **asked: Any) -> Path:
    """A base folder as SageMaker fills it for a training."""
    (folder / "input" / "config").mkdir(parents=True)
    (folder / "input" / "config" / "hyperparameters.json").write_text(json.dumps({k: str(v) for k, v in asked.items()}))
    if table is not None:
        (folder / "input" / "data" / channel).mkdir(parents=True)
        table.to_csv(folder / "input" / "data" / channel / "part-0.csv", index=False)
    return folder


def start(entry: str, base: Path, **environment: str) -> subprocess.Popen:
    """`python -m recsys.sagemaker.container.ENTRY` with its output as text."""
    surroundings = os.environ | {"SAGEMAKER_BASE_DIR": str(base), "PYTHONPATH": str(ROOT)} | environment
    command = [sys.executable, "-m", f"recsys.sagemaker.container.{entry}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings)


def digests(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@dataclass(frozen=True)
class Served:
    """A process that serves, and how it is asked."""

    process: subprocess.Popen
    port: int

    def ask(self, method: str, path: str, body: Any = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers in lower case, body; a body that is no bytes is sent as JSON."""
        if not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"content_type": "application/json"} | headers
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def sent(self, body: Any) -> HTTPConnection:
        """An invocation that is on its way; `getresponse` waits for its answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"})
        return connection

    def invoke(self, body: Any, **headers: str) -> Any:
        """The JSON of an answer, whatever its status."""
        return json.loads(self.ask("POST", "/invocations", body, **headers)[2])

    def ready(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()
        try:
            return self.ask("GET", "/ping")[0] == 200
        except OSError:
            return False


@contextmanager
def serving(base: Path, **environment: str) -> Iterator[Served]:
    """A server that is ready."""
    port = ports.free_port()
    address = {"SAGEMAKER_BIND_TO_HOST": "127.0.0.1", "SAGEMAKER_BIND_TO_PORT": str(port)}
    process = start("serve", base, **address, **environment)
    try:
        served = Served(process, port)
        waiting.eventually(served.ready, 60)
        yield served
    finally:
        process.kill()
        process.communicate()
