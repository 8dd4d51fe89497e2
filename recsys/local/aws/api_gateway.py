"""What API Gateway must do here that MiniStack's leaves out: say why a body is refused, write access logs, know where
a path is cut, and refuse what is no answer of a Lambda proxy.

A function that fails, or answers with anything but a status code, headers and a text, gives a 502 that tells nothing;
MiniStack gives a 200 or tells the stack trace. A slash in a segment, `%2F`, stays one in the event's path, and is a
slash in the path's parameter.
A gateway response may tell `$context.error.validationErrorString`; MiniStack leaves the variable as it is. A stage's
access log format gets those variables that are known here, the others a hyphen, as on AWS where there is no value.
"""

import json
import logging
import re
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote

from ministack import app
from ministack.core.responses import new_uuid
from ministack.services import apigateway_v1, cloudwatch_logs

WHY = "$context.error.validationErrorString"
VARIABLE = re.compile(r"\$context\.([A-Za-z.]+[A-Za-z])")
SLASH = "%2F"
ENVELOPE = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}  # of a Lambda proxy's answer
FAILED = "Internal server error"
KEPT_LINES = 1000  # of one API's access log; without end they would fill memory and every save

Schema = Mapping[str, Any]
refused: ContextVar[str] = ContextVar("refused", default="-")
logger = logging.getLogger(__name__)


def install() -> None:
    """Change the functions a request passes."""
    app._handle_execute_api_request = _cut_where_sent(app._handle_execute_api_request)
    for name in ("_match_resource_tree", "_match_greedy_fallback"):
        setattr(apigateway_v1, name, _with_slashes(getattr(apigateway_v1, name)))
    apigateway_v1._lambda_proxy_response = _well_formed
    apigateway_v1._check_request_validation = _with_reason(apigateway_v1._check_request_validation)
    apigateway_v1._gateway_error_response = _telling(apigateway_v1._gateway_error_response)
    apigateway_v1._handle_execute_in_scope = _logged(apigateway_v1._handle_execute_in_scope)


def _cut_where_sent(handle: Any) -> Any:
    async def handled(host: str, path: str, *rest: Any, raw_path: str | None = None, **more: Any) -> Any:
        if SLASH in (raw_path or "").upper():
            path = "/".join(unquote(segment).replace("/", SLASH) for segment in raw_path.split("/"))
        return await handle(host, path, *rest, raw_path=raw_path, **more)

    return handled


def _with_slashes(match: Any) -> Any:
    def matched(*asked: Any) -> tuple:
        resource, params = match(*asked)
        return resource, {name: value.replace(SLASH, "/") for name, value in (params or {}).items()}

    return matched


def _well_formed(result: dict) -> tuple[dict | None, str | None]:
    """The answer a function gave, or what the caller is told instead."""
    answer = result.get("body")
    if result.get("throttle"):
        return {"statusCode": 429, "body": json.dumps(answer)}, None
    if result.get("error"):
        return None, FAILED
    body, status = (answer.get("body"), str(answer.get("statusCode", 200))) if isinstance(answer, dict) else (0, "")
    if not isinstance(body or "", str) or not status.isdigit() or answer.keys() - ENVELOPE:
        logger.warning("no answer of a Lambda proxy, so a 502: %.200s", json.dumps(answer, default=str))
        return None, FAILED
    return {**answer, "statusCode": int(status), "body": body or ""}, None


def _with_reason(validate: Any) -> Any:
    def validated(method: dict, api_id: str, request: dict, headers: dict, body: bytes, query: dict) -> Any:
        error = validate(method, api_id, request, headers, body, query)
        if error is not None and error.response_type == "BAD_REQUEST_BODY":
            models = method.get("requestModels") or {}
            request["why"] = reason(apigateway_v1._model_schema(api_id, models.get("application/json")), body)
        return error

    return validated


def _telling(respond: Any) -> Any:
    def told(error: Any, request: dict) -> tuple:
        refused.set(error.response_type)
        status, headers, body = respond(error, request)
        return status, headers, body.replace(WHY.encode(), json.dumps(request.get("why", ""))[1:-1].encode())

    return told


def _logged(execute: Any) -> Any:
    async def executed(api_id: str, stage_name: str, verb: str, path: str, headers: dict, *rest: Any) -> tuple:
        started = time.time()
        refused.set("-")
        answer = await execute(api_id, stage_name, verb, path, headers, *rest)
        settings = (apigateway_v1._stages_v1.get(api_id, {}).get(stage_name) or {}).get("accessLogSettings") or {}
        if settings.get("destinationArn"):
            known = {
                "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(started)),
                "requestTimeEpoch": str(int(started * 1000)),
                "requestId": new_uuid(),
                "identity.sourceIp": "127.0.0.1",
                "httpMethod": verb,
                "path": f"/{stage_name}{path}",
                "stage": stage_name,
                "status": str(answer[0]),
                "responseLength": str(len(answer[2] or b"")),
                "responseLatency": str(int((time.time() - started) * 1000)),
                "error.responseType": refused.get(),
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
        del cloudwatch_logs._log_groups[group]["streams"][stream]["events"][:-KEPT_LINES]


def reason(schema: Schema | None, body: bytes) -> str:
    """Why the body is refused, in the words of the validator behind API Gateway, which name no field."""
    try:
        document = json.loads(body)
    except (ValueError, TypeError, RecursionError):
        return "[the body is not JSON]"
    found = _faults(schema or {}, document)
    return f"[{', '.join(found) or 'instance does not match the schema'}]"


def _faults(schema: Schema, value: Any) -> list[str]:
    types = schema.get("type", [])
    allowed = types if isinstance(types, list) else [types]
    kind = next((name for name in KINDS if apigateway_v1._JSON_TYPES[name](value)), "null")
    if allowed and not any(apigateway_v1._JSON_TYPES[name](value) for name in allowed):
        listed = json.dumps(sorted(allowed), separators=(",", ":"))
        return [f"instance type ({kind}) does not match any allowed primitive type (allowed: {listed})"]
    if isinstance(value, str):
        return _bounds(schema, f'string "{value[:40]}" is too', "long", "short", len(value), "Length")
    if isinstance(value, list):
        inner = [fault for entry in value for fault in _faults(schema.get("items") or {}, entry)]
        return _bounds(schema, "array is too", "long", "short", len(value), "Items") + inner[:5]
    if isinstance(value, dict):
        missing = sorted(set(schema.get("required") or []) - value.keys())
        listed = json.dumps(missing, separators=(",", ":"))
        inner = [
            fault
            for name, each in (schema.get("properties") or {}).items()
            if name in value
            for fault in _faults(each, value[name])
        ]
        return ([f"object has missing required properties ({listed})"] if missing else []) + inner
    return _bounds(
        schema, "numeric instance is", "greater than the required maximum", "lower than the required minimum", value, ""
    )


KINDS = ("object", "array", "string", "boolean", "integer", "number", "null")


def _bounds(schema: Schema, what: str, over: str, under: str, size: Any, limit: str) -> list[str]:
    most, least = (schema.get(f"{end}{limit}" if limit else f"{end}imum") for end in ("max", "min"))
    if most is not None and size > most:
        return [f"{what} {over} (maximum: {most}, found: {size})"]
    return [f"{what} {under} (minimum: {least}, found: {size})"] if least is not None and size < least else []
