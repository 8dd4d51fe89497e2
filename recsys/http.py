"""One plain HTTP request, to what is no AWS client's: the deployed API, whoever sits on a port; and the way there."""

import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException

TIMEOUT = 30  # seconds; API Gateway gives up after 29
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def ask(
    url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, timeout: float = TIMEOUT
) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body of what answers, a refusal too; a POST where there is a body.

    Raises OSError where nothing answers, or something that is no HTTP.
    """
    try:
        request = urllib.request.Request(url, data=body, headers=dict(headers or {}))
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers, refusal.read()
    except (HTTPException, ValueError, TypeError, ArithmeticError) as error:
        raise OSError(str(error)) from error


def past_proxies() -> dict[str, str]:
    """What the environment must say for no proxy to be asked for what is on this machine, beside what it says now."""
    said = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    known = [name.strip() for name in said.split(",") if name.strip()]
    names = known if known == ["*"] else [*known, *(name for name in LOOPBACK if name not in known)]
    return dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(names))
