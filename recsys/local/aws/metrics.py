"""Metrics the services owe CloudWatch: Lambda's for every call, API Gateway's for every request.

MiniStack counts a Lambda call only where a client made it through the Invoke API, so what API Gateway, a stream or a
queue calls is invisible; API Gateway records nothing at all. Alarms and dashboards need both.
"""

import re
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc

KEPT_CALLS = 1000  # calls of one function whose log lines are kept
LOOK_BACK = 50  # points of the same second that are compared
API_PATH = re.compile(r"^/restapis/([^/]+)/([^/]+)/_user_request_")


def install() -> None:
    """Count at the one point every Lambda call passes, and no longer in the Invoke API."""
    cloudwatch.record_metric = _counting_equals(cloudwatch.record_metric)
    lambda_svc._emit_lambda_logs = _counted(lambda_svc._emit_lambda_logs, lambda_svc._emit_lambda_metrics)
    lambda_svc._emit_lambda_metrics = _throttles_only


def _counting_equals(record: Callable[..., None]) -> Callable[..., None]:
    """Equal values of one second become one point with a count, as PutMetricData allows; saves stay small."""

    def recorded(
        namespace: str, name: str, value: float, unit: str = "None", dimensions: dict[str, str] | None = None
    ) -> None:
        points = cloudwatch._metrics.get((namespace, name, cloudwatch._dims_key(dimensions or {}))) or []
        second = int(time.time())
        for point in points[: -LOOK_BACK - 1 : -1]:
            if int(point["Timestamp"]) != second:
                break
            if point["Value"] == value and point["Unit"] == unit:
                point["Count"] = point.get("Count", 1.0) + 1.0
                return
        record(namespace, name, value, unit, dimensions)

    return recorded


def _counted(write_logs: Callable[..., None], emit: Callable[..., None]) -> Callable[..., None]:
    def counted(func: dict, request_id: str, log: str, error: bool, duration_ms: int, **options: Any) -> None:
        write_logs(func, request_id, log, error, duration_ms, **options)
        config = func.get("config") or func
        _keep_newest_logs(config)
        emit(config.get("FunctionName", ""), duration_ms=max(1, duration_ms), error=error, throttle=False)

    return counted


def _keep_newest_logs(config: dict[str, Any]) -> None:
    """Every call has a log stream of its own; without end they would fill memory and every save."""
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config.get('FunctionName', '')}"
    streams = (cloudwatch_logs._log_groups.get(group) or {}).get("streams") or {}
    for name in list(streams)[:-KEPT_CALLS]:
        streams.pop(name, None)


def _throttles_only(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:
    # The Invoke API reports a throttled call a second time, with the time it took. It is none of the Invocations.
    if throttle and duration_ms == 0:
        cloudwatch.record_metric("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": function_name})


def record_api_request(path: str, status: int, seconds: float) -> None:
    """AWS/ApiGateway's Count, 4XXError, 5XXError and Latency (ms) of one request: of the API, and of its stage."""
    from ministack.services import apigateway_v1  # here, as a server without an API need not wait for it

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
