"""The API as a client meets it: plain HTTP, nothing of AWS."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from recsys.errors import AwsError

TIMEOUT = 30


def get(url: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON body of a GET; a refusal is an answer, not an error. Raises AwsError where nothing answers."""
    return _ask(urllib.request.Request(url))


def post(url: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and JSON body of a POST with a JSON body."""
    data = json.dumps(body).encode()
    return _ask(urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"}, method="POST"))


def table(answer: dict[str, Any]) -> pd.DataFrame:
    """The items of an answer, one row each, best first."""
    return pd.DataFrame(answer["recommendations"])


def latencies(api_url: str, users: Sequence[str], requests: int, num_results: int) -> np.ndarray:
    """Milliseconds of each of `requests` GETs, one client, users in turn; the first five, which warm up, left out.

    Raises AwsError when an answer is not 200.
    """
    taken = []
    for count in range(requests + 5):
        user = users[count % len(users)]
        began = time.perf_counter()
        status, body = get(f"{api_url}/recommendations/{user}?numResults={num_results}")
        taken.append((time.perf_counter() - began) * 1000)
        if status != 200:
            raise AwsError(f"{api_url}/recommendations/{user} answered {status}: {body}")
    return np.array(taken[5:])


def _ask(request: urllib.request.Request) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, _body(error)
    except (urllib.error.URLError, OSError) as error:
        raise AwsError(f"{request.full_url}: {error}; `recsys status` tells whether the API still stands") from error


def _body(error: urllib.error.HTTPError) -> dict[str, Any]:
    text = error.read().decode(errors="replace")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return {"message": text}
