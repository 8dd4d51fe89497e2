"""AWS/Lambda's Invocations, Errors, Duration and Throttles, recorded for every call.

MiniStack counts a call only where a client made it through the Invoke API, so what API Gateway, a stream or a queue
calls is invisible. Alarms and dashboards need it.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc

KEPT_CALLS = 1000  # calls of one function whose log lines are kept


def install() -> None:
    """Count at the one point every Lambda call passes, and no longer in the Invoke API."""
    lambda_svc._emit_lambda_logs = _counted(lambda_svc._emit_lambda_logs, lambda_svc._emit_lambda_metrics)
    lambda_svc._emit_lambda_metrics = _throttles_only


def _counted(write_logs: Callable[..., None], emit: Callable[..., None]) -> Callable[..., None]:
    """MiniStack's only writes the log of a call; here the call is counted too, and the logs of old ones are dropped."""

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
