"""What the pipeline needs, checked one by one, each with its remedy."""

import importlib.metadata
import shutil
import socket
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

from recsys import aws
from recsys import params as parameters
from recsys.errors import RecsysError
from recsys.params import Params

PACKAGES = (
    "boto3",
    "jupyterlab",
    "matplotlib",
    "nbval",
    "numpy",
    "pandas",
    "papermill",
    "pytest",
    "sagemaker",
    "scipy",
)
NEEDED_GIB = 3

Check = Callable[[Params], str]


def examine(values: Params) -> list[dict[str, str]]:
    """One row per check: check, ok (`yes` or `no`), found (what is so, or what is wrong and the remedy)."""
    return [_row(name, check, values) for name, check in CHECKS.items()]


def _row(name: str, check: Check, values: Params) -> dict[str, str]:
    try:
        return {"check": name, "ok": "yes", "found": check(values)}
    except RecsysError as error:
        return {"check": name, "ok": "no", "found": str(error)}


def _python(_: Params) -> str:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise RecsysError(
            f"Python {sys.version.split()[0]}: 3.11, 3.12 or 3.13 is needed; make PYTHON=/path/to/python setup"
        )
    return f"Python {sys.version.split()[0]}"


def _packages(_: Params) -> str:
    missing = [name for name in PACKAGES if not _installed(name)]
    if missing:
        raise RecsysError(f"not installed: {', '.join(missing)}; run: make setup")
    return ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("boto3", "pandas", "papermill", "sagemaker")
    )


def _installed(name: str) -> bool:
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False


def _disk(_: Params) -> str:
    free = shutil.disk_usage(parameters.root()).free / 2**30
    if free < NEEDED_GIB:
        raise RecsysError(
            f"{free:.1f} GiB free at {parameters.root()}: {NEEDED_GIB} are needed; remove old folders in runs/"
        )
    return f"{free:.0f} GiB free"


def _endpoint(values: Params) -> str:
    url = values.aws.endpoint
    if not url:
        return "AWS itself"
    address = urlsplit(url)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((str(address.hostname), port), timeout=3).close()
    except OSError as error:
        raise RecsysError(
            f"nothing answers at {url} ({error}); start it with: recsys local up --port {port}"
        ) from error
    return f"{url} answers"


def _credentials(_: Params) -> str:
    return f"account {aws.account_id()}"


def _region(_: Params) -> str:
    return aws.region()


def _quota(values: Params) -> str:
    groups = [group["name"] for group in aws.pages("personalize", "list_dataset_groups", "datasetGroups")]
    name = values.named(values.dataset.dataset_group)
    if name not in groups and len(groups) >= 5:
        raise RecsysError(
            f"{len(groups)} of 5 dataset groups are in use ({', '.join(groups)}): delete one or raise the quota"
        )
    return f"{len(groups)} of 5 dataset groups in use"


CHECKS: dict[str, Check] = {
    "Python": _python,
    "packages": _packages,
    "disk": _disk,
    "endpoint": _endpoint,
    "region": _region,
    "credentials": _credentials,
    "Personalize quota": _quota,
}
