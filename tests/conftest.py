"""The embedded AWS for every test that needs it: one real server a session, on a free port, in a temporary folder."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import ports
import pytest
from botocore.config import Config

START_SECONDS = 60
# The longest: begun last, one worker would wait for the other.
FIRST = ("test_notebooks.py", "test_front_doors.py", "test_runner.py")
TOGETHER = ("tests/contract/", "tests/lambdas/")  # folders whose files share what takes long to set up


@dataclass(frozen=True)
class Embedded:
    """A running embedded AWS: its URL, the folder of its state, its process number."""

    endpoint: str
    state: Path
    pid: int


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""
    items.sort(key=lambda item: item.path.name not in FIRST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file goes to one worker whole, and so do the folders of which both workers would set everything up."""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((folder for folder in TOGETHER if nodeid.startswith(folder)), super()._split_scope(nodeid))

    return Together(config, log)


@pytest.fixture(scope="session")
def embedded() -> Iterator[Embedded]:
    """The server that tests share."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def embedded_of_its_own() -> Callable[[], AbstractContextManager[Embedded]]:
    """What starts a server for tests that leave more behind than others can bear."""
    return running


@contextmanager
def running() -> Iterator[Embedded]:
    """Start a server, point the environment at it, stop it at the end; if it fails to start, show its log's end."""
    state = Path(tempfile.mkdtemp(prefix="recsys-test-"))
    port = ports.free_port()
    endpoint = f"http://127.0.0.1:{port}"
    with (state / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "recsys.local.server", "--port", str(port), "--state", str(state)],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    before = dict(os.environ)
    try:
        _wait_until_healthy(process, endpoint, state / "server.log")
        os.environ.update(
            AWS_ENDPOINT_URL=endpoint,
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            AWS_DEFAULT_REGION="us-east-1",
            AWS_REGION="us-east-1",
        )
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            os.environ.pop(name, None)
        _make_role()
        yield Embedded(endpoint, state, process.pid)
    finally:
        os.environ.clear()
        os.environ.update(before)
        _stop(process)
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture(scope="session")
def client(embedded: Embedded) -> Callable[[str], Any]:
    """`client("s3")`: a plain boto3 client against the embedded AWS, one per service."""
    made: dict[str, Any] = {}

    def client_of(service: str) -> Any:
        if service not in made:
            made[service] = boto3.client(service, config=Config(retries={"max_attempts": 1}, max_pool_connections=32))
        return made[service]

    return client_of


@pytest.fixture
def free_port() -> int:
    """A loopback port nobody listens on at this moment."""
    return ports.free_port()


def _make_role() -> None:
    """The role that jobs name: an account that has any for Personalize has others refused that are not there."""
    allow = {"Effect": "Allow", "Principal": {"Service": "personalize.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam = boto3.client("iam")
    iam.create_role(RoleName="personalize", AssumeRolePolicyDocument=policy)
    actions = ["personalize:*", "s3:ListBucket", "s3:GetObject", "s3:PutObject"]
    document = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    )
    iam.put_role_policy(RoleName="personalize", PolicyName="work", PolicyDocument=document)


def _wait_until_healthy(process: subprocess.Popen, endpoint: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{endpoint}/_recsys/health", timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-40:])
    pytest.fail(f"the embedded AWS did not start (exit code {process.poll()}); the end of its log:\n{tail}")


def _stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
