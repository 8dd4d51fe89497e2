"""Access logs: a line for each request, in the stage's format. MiniStack writes none.

Of the format's variables those get a value that are known here, the others a hyphen, as on AWS where there is none.
"""

import re
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from ministack.services import apigateway_v1, cloudwatch_logs

from recsys.local.aws.apigateway import request_ids

VARIABLE = re.compile(r"\$context\.([A-Za-z.]+[A-Za-z])")
KEPT_LINES = 1000  # of one API's access log; without end they would fill memory and every save

_refused: ContextVar[str] = ContextVar("refused", default="-")  # the type of the error that answers the request


def install() -> None:
    """Log every request, and know what it was refused for."""
    apigateway_v1._gateway_error_response = _noted(apigateway_v1._gateway_error_response)
    apigateway_v1._handle_execute_in_scope = _logged(apigateway_v1._handle_execute_in_scope)


def _noted(respond: Callable[..., tuple]) -> Callable[..., tuple]:
    """MiniStack's answers with an error of API Gateway's own; here its type is kept for the log."""

    def responded(error: Any, request: dict) -> tuple:
        _refused.set(error.response_type)
        return respond(error, request)

    return responded


def _logged(execute: Callable[..., Awaitable[tuple]]) -> Callable[..., Awaitable[tuple]]:
    """MiniStack's answers a request to a stage; here it is written to the stage's log group too, if it has one."""

    async def executed(api_id: str, stage_name: str, verb: str, path: str, headers: dict, *rest: Any) -> tuple:
        started = time.time()
        _refused.set("-")
        answer = await execute(api_id, stage_name, verb, path, headers, *rest)
        settings = (apigateway_v1._stages_v1.get(api_id, {}).get(stage_name) or {}).get("accessLogSettings") or {}
        if settings.get("destinationArn"):
            known = {
                "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(started)),
                "requestTimeEpoch": str(int(started * 1000)),
                "requestId": request_ids.current(),
                "identity.sourceIp": "127.0.0.1",
                "httpMethod": verb,
                "path": f"/{stage_name}{path}",
                "stage": stage_name,
                "status": str(answer[0]),
                "responseLength": str(len(answer[2] or b"")),
                "responseLatency": str(int((time.time() - started) * 1000)),
                "error.responseType": _refused.get(),
            }
            line = VARIABLE.sub(lambda match: known.get(match[1], "-"), settings.get("format", ""))
            _write(settings["destinationArn"].removesuffix(":*").split(":log-group:")[-1], api_id, line)
        return answer

    return executed


def _write(group: str, stream: str, line: str) -> None:
    name = {"logGroupName": group, "logStreamName": stream}
    cloudwatch_logs._create_log_stream(name)
    cloudwatch_logs._put_log_events({**name, "logEvents": [{"timestamp": int(time.time() * 1000), "message": line}]})
    if group in cloudwatch_logs._log_groups:
        events = cloudwatch_logs._log_groups[group]["streams"][stream]["events"]
        del events[:-KEPT_LINES]
