"""Where a command talks to, and what it hands on."""

import os
import socket
from urllib.parse import urlsplit

from recsys import aws
from recsys import params as parameters
from recsys.cli.options import STATE
from recsys.cli.output import line
from recsys.errors import LocalError
from recsys.files import resolve
from recsys.params import Params


def connect(values: Params, start_it: bool = False) -> None:
    """Connect to what the params name; a loopback address nobody serves is our own to start."""
    parameters.work_on(values)
    aws.connect(values.aws.region, values.aws.endpoint)
    if not values.aws.endpoint:
        if start_it:
            aws.account_id()  # refuses at once where credentials are missing, before anything is written
        return
    from recsys.local import launcher

    address = urlsplit(values.aws.endpoint)
    if address.hostname not in aws.LOOPBACK:
        return
    port = address.port or launcher.PORT
    if start_it:
        launcher.up(port, resolve(STATE), report=line)
    elif not _answers(port):
        raise LocalError(f"nothing answers at {values.aws.endpoint}; start it with: recsys local up --port {port}")


def place(values: Params) -> str:
    """Where a command looks: endpoint or account, region and environment, as the end of a sentence."""
    there = f"at {values.aws.endpoint}" if values.aws.endpoint else f"in account {aws.account_id()}"
    return f"{there}, region {aws.region()}, environment {values.aws.environment_suffix}"


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=3).close()
    except OSError:
        return False
    return True


def export(settings: list[str] | None) -> None:
    """Hand `--set` values on to the notebooks' kernels."""
    for setting in settings or []:
        key, _, text = setting.partition("=")
        section, _, name = key.strip().partition(".")
        os.environ[f"{parameters.ENVIRONMENT_PREFIX}{section.upper()}__{name.upper()}"] = text
