"""What API Gateway must do here that MiniStack's leaves out: say why a body is refused, and write access logs.

A gateway response may tell `$context.error.validationErrorString`; MiniStack leaves the variable as it is. A stage's
access log format gets those variables that are known here, the others a hyphen, as on AWS where there is no value.
"""

import json
import re
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import apigateway_v1, cloudwatch_logs

WHY = "$context.error.validationErrorString"
VARIABLE = re.compile(r"\$context\.([A-Za-z.]+[A-Za-z])")
KEPT_LINES = 1000  # of one API's access log; without end they would fill memory and every save

Schema = Mapping[str, Any]
refused: ContextVar[str] = ContextVar("refused", default="-")


def install() -> None:
    """Change the three functions a request passes."""
    apigateway_v1._check_request_validation = _with_reason(apigateway_v1._check_request_validation)
    apigateway_v1._gateway_error_response = _telling(apigateway_v1._gateway_error_response)
    apigateway_v1._handle_execute_in_scope = _logged(apigateway_v1._handle_execute_in_scope)


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
