"""The deployed API, called as a shop's front end would call it."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pandas as pd

from recsys.errors import AwsError

TIMEOUT = 30  # seconds; API Gateway gives up after 29

Answer = tuple[int, dict[str, Any]]


def get(url: str) -> Answer:
    """Status and JSON body of a GET; a refusal is an answer too. Raises AwsError where nothing answers."""
    return _ask(urllib.request.Request(url))


def post(url: str, body: Mapping[str, Any]) -> Answer:
    """Status and JSON body of a POST of JSON. Raises AwsError where nothing answers."""
    headers = {"Content-Type": "application/json"}
    return _ask(urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers))


def table(answer: Mapping[str, Any]) -> pd.DataFrame:
    """The recommendations of an answer as a table: itemId, title, category, price and, where there is one, score."""
    return pd.DataFrame(answer["recommendations"])


def latencies(url: str, users: Sequence[str], requests: int, num_results: int) -> list[float]:
    """Milliseconds of each of `requests` calls for recommendations, one after the other, the users in turn.

    Raises AwsError at the first answer that is not 200.
    """
    milliseconds = []
    for number in range(requests):
        user = quote(str(users[number % len(users)]), safe="")
        started = time.perf_counter()
        status, answer = get(f"{url}/recommendations/{user}?numResults={num_results}")
        milliseconds.append((time.perf_counter() - started) * 1000)
        if status != 200:
            raise AwsError(f"GET /recommendations/{user} answered {status}: {answer.get('error', answer)}")
    return milliseconds


def _ask(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, _body(refusal.read())
    except OSError as error:
        raise AwsError(f"{request.full_url} does not answer: {error}") from error


def _body(data: bytes) -> dict[str, Any]:
    try:
        return json.loads(data)
    except ValueError:
        return {"error": {"code": "NotJson", "message": data[:200].decode(errors="replace")}}
