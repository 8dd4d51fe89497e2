"""This machine: Python, packages, disk, what answers at the endpoint, whether the clock is right."""

import importlib.metadata
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from packaging.requirements import Requirement

from recsys import aws, files, http
from recsys.errors import NotKnown, RecsysError
from recsys.params import Params

NEEDED_GIB = 3
SKEW_SECONDS = 300  # AWS refuses a signature that is older or newer than five minutes
HEALTH, SECONDS = "/_recsys/health", 5
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
SHOWN = ("boto3", "pandas", "papermill", "sagemaker")

Check = Callable[[Params], str]
Occupant = Callable[[int], str]


def python(_: Params) -> str:
    """Python's version, one of those the packages are locked for."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise RecsysError(
            f"Python {sys.version.split()[0]}: 3.11, 3.12 or 3.13 is needed; make PYTHON=/path/to/python setup"
        )
    return f"Python {sys.version.split()[0]}"


def packages(_: Params) -> str:
    """Every package pyproject.toml asks for, in a version it takes; what differs from the lock file is told."""
    project = tomllib.loads((files.root() / "pyproject.toml").read_text())["project"]
    wrong = []
    for needed in map(Requirement, project["dependencies"]):
        found = _version(needed.name)
        if found is None:
            wrong.append(f"{needed.name} is not installed")
        elif found not in needed.specifier:
            wrong.append(f"{needed.name} {found} is not {needed.specifier}")
    if wrong:
        raise RecsysError(f"{', '.join(wrong)}; run: make setup")
    locked: dict[str, set[str | None]] = {}
    for name, version in LOCKED.findall((files.root() / "requirements.lock").read_text()):
        locked.setdefault(name, {None}).add(version)  # a package may have another version for another Python
    other = [f"{name} {found}" for name, versions in locked.items() if (found := _version(name)) not in versions]
    drift = f"; not as in requirements.lock: {', '.join(other)}" if other else ""
    return ", ".join(f"{name} {_version(name)}" for name in SHOWN) + drift


def disk(_: Params) -> str:
    """Room for environments, data and runs."""
    free = shutil.disk_usage(files.root()).free / 2**30
    if free < NEEDED_GIB:
        raise RecsysError(
            f"{free:.1f} GiB free at {files.root()}: {NEEDED_GIB} are needed; remove old folders in runs/"
        )
    return f"{free:.0f} GiB free"


def endpoint(values: Params, occupant: Occupant) -> str:
    """What answers in AWS's place: ours, another emulator, a stranger on the port, nobody."""
    url = values.aws.endpoint
    others = "".join(f"; but {name} is {there}" for name, there in aws.service_endpoints().items())
    if not url:
        return "AWS itself" + others
    address = urlsplit(url)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        status, _, body = http.ask(url + HEALTH, timeout=SECONDS)
    except OSError as error:
        said = getattr(error, "reason", error)
        if address.hostname not in aws.LOOPBACK:
            raise RecsysError(f"nothing answers at {url} ({said}): is it started, and is the address right?") from error
        if not isinstance(said, ConnectionRefusedError):
            raise RecsysError(_stranger(url, port, occupant)) from error
        message = f"nothing answers at {url} ({said}); start it with: recsys local up --port {port}"
        raise RecsysError(message) from error
    if status == 200 and (health := _json(body)).get("pid"):
        return f"{url} answers: the embedded AWS, process {health['pid']}, state in {health.get('state')}" + others
    try:
        return f"{url} answers: another's AWS, account {aws.account_id()}" + others
    except Exception as error:  # whatever a stranger answers, botocore can make nothing of it
        raise RecsysError(_stranger(url, port, occupant)) from error


def clock(_: Params) -> str:
    """The difference to the clock of what answers: a signature that is five minutes off is refused."""
    url = aws.address("sts")
    try:
        _, headers, _ = http.ask(url, timeout=SECONDS)
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise RecsysError(f"{url} cannot be reached ({reason}): look at network, region and HTTPS_PROXY") from error
    date = headers.get("Date")
    if not date:
        raise NotKnown(f"{url} tells no time")
    seconds = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    if abs(seconds) > SKEW_SECONDS:
        ahead = "ahead of" if seconds > 0 else "behind"
        raise RecsysError(
            f"this machine's clock is {abs(seconds):.0f} s {ahead} {url}: signatures are refused from 300 s on; "
            "set it with: timedatectl set-ntp true"
        )
    return f"{abs(seconds):.0f} s from that of {url}"


def _stranger(url: str, port: int, occupant: Occupant) -> str:
    return (
        f"{url}: no AWS answers there; port {port} is held by {occupant(port)}; stop that, or take another port: "
        f"recsys local up --port {port + 1}, and --set aws.endpoint=http://127.0.0.1:{port + 1}"
    )


def _json(body: bytes) -> dict[str, object]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
