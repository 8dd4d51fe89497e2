"""Calls of the deployed API that need more than a status and a body."""

import json
import urllib.error
import urllib.request
from typing import Any


def raw(address: str, method: str = "GET", data: bytes | None = None, **headers: str) -> tuple[int, Any, Any]:
    """Status, headers and parsed body (None for none), whatever the status."""
    request = urllib.request.Request(address, data=data, method=method, headers=headers)
    if data is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.headers, _parsed(response.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers, _parsed(refusal.read())


def _parsed(body: bytes) -> Any:
    return json.loads(body) if body else None
