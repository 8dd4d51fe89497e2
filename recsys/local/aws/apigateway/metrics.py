"""AWS/ApiGateway's metrics of every request to an API, which MiniStack does not record."""

import re
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import apigateway_v1, cloudwatch

from recsys.local.shared.http import Send

API_PATH = re.compile(r"^/restapis/([^/]+)/([^/]+)/_user_request_")


def timed(path: str, send: Send) -> Send:
    """`send`, which records the request once its answer begins."""
    started = time.perf_counter()

    async def sent(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            record(path, message["status"], time.perf_counter() - started)
        await send(message)

    return sent


def record(path: str, status: int, seconds: float) -> None:
    """Count, 4XXError, 5XXError and Latency (ms) of one request: of the API, and of its stage."""
    match = API_PATH.match(path)
    if not match:
        return
    api_id, stage = match.groups()
    for (account, region, key), api in apigateway_v1._rest_apis.all_items():
        if key == api_id:
            name = {"ApiName": api.get("name", "")}
            with request_scope(account, region):
                _record(name, status, seconds)
                _record({**name, "Stage": stage}, status, seconds)


def _record(dimensions: dict[str, str], status: int, seconds: float) -> None:
    namespace = "AWS/ApiGateway"
    cloudwatch.record_metric(namespace, "Count", 1, "Count", dimensions)
    cloudwatch.record_metric(namespace, "4XXError", 400 <= status < 500, "Count", dimensions)
    cloudwatch.record_metric(namespace, "5XXError", status >= 500, "Count", dimensions)
    cloudwatch.record_metric(namespace, "Latency", round(seconds * 1000), "Milliseconds", dimensions)
