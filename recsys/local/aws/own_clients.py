"""Clients against this very server, for what AWS's services ask of each other."""

import threading
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config


def clients(endpoint: str) -> Callable[..., Any]:
    """`client(service, **keys)`: one of a kind, with the account's own keys where no others are given.

    Keys are named as boto3.client names them.
    """
    lock = threading.Lock()
    made: dict[tuple, Any] = {}

    def client(service: str, **keys: str) -> Any:
        kind = service, *sorted(keys.items())
        with lock:  # boto3's session makes one client at a time
            if kind not in made:
                config = Config(retries={"max_attempts": 2})
                made[kind] = boto3.client(service, endpoint_url=endpoint, config=config, **keys)
            return made[kind]

    return client
