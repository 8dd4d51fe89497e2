"""Why a body is refused, which a gateway response may tell as `$context.error.validationErrorString`.

MiniStack leaves the variable as it is.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import apigateway_v1

WHY = "$context.error.validationErrorString"
KINDS = ("object", "array", "string", "boolean", "integer", "number", "null")

Schema = Mapping[str, Any]


def install() -> None:
    """Find out why, and tell it."""
    apigateway_v1._check_request_validation = _with_reason(apigateway_v1._check_request_validation)
    apigateway_v1._gateway_error_response = _telling(apigateway_v1._gateway_error_response)


def _with_reason(validate: Callable[..., Any]) -> Callable[..., Any]:
    """MiniStack's refuses a body; here the request knows why, for the answer."""

    def validated(method: dict, api_id: str, request: dict, headers: dict, body: bytes, query: dict) -> Any:
        error = validate(method, api_id, request, headers, body, query)
        if error is not None and error.response_type == "BAD_REQUEST_BODY":
            models = method.get("requestModels") or {}
            request["why"] = reason(apigateway_v1._model_schema(api_id, models.get("application/json")), body)
        return error

    return validated


def _telling(respond: Callable[..., tuple]) -> Callable[..., tuple]:
    """MiniStack's leaves the variable in the answer; here the reason takes its place."""

    def told(error: Any, request: dict) -> tuple:
        status, headers, body = respond(error, request)
        return status, headers, body.replace(WHY.encode(), json.dumps(request.get("why", ""))[1:-1].encode())

    return told


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


def _bounds(schema: Schema, what: str, over: str, under: str, size: Any, limit: str) -> list[str]:
    most, least = (schema.get(f"{end}{limit}" if limit else f"{end}imum") for end in ("max", "min"))
    if most is not None and size > most:
        return [f"{what} {over} (maximum: {most}, found: {size})"]
    return [f"{what} {under} (minimum: {least}, found: {size})"] if least is not None and size < least else []
