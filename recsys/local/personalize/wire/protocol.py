"""The wire of the three services, read and written through botocore's models.

`personalize` speaks JSON 1.1 (POST / with X-Amz-Target), `personalize-runtime` and `personalize-events` speak REST-JSON
(POST to a path). No path clashes, so one URL answers all three, as their common signing name `personalize` suggests.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import botocore.session
from botocore.model import OperationModel

from recsys.local.personalize.errors import invalid
from recsys.local.shared.errors import ServiceError
from recsys.local.shared.http import json_object
from recsys.local.shared.output import trim
from recsys.local.shared.validate import validate

SERVICES = ("personalize", "personalize-runtime", "personalize-events")
TARGET = "AmazonPersonalize."

# Web pages put events and ask for recommendations themselves, as Amplify does; a browser shows them what is marked so.
ANY_PAGE = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"x-amzn-requestid,x-amzn-errortype"),
]


@dataclass(frozen=True)
class Operation:
    """One of the 79 operations, and which service it belongs to."""

    service: str
    name: str
    model: OperationModel

    @property
    def rest(self) -> bool:
        return self.service != "personalize"


@lru_cache(maxsize=1)
def operations() -> dict[str, Operation]:
    """Operations by X-Amz-Target, or by path for the REST services."""
    session = botocore.session.get_session()
    table = {}
    for service in SERVICES:
        model = session.get_service_model(service)
        for name in model.operation_names:
            operation = model.operation_model(name)
            key = TARGET + name if service == "personalize" else operation.http["requestUri"]
            table[key] = Operation(service, name, operation)
    return table


def find_operation(method: str, path: str, target: str) -> Operation:
    """The operation a request asks for. Raises UnknownOperationException."""
    operation = operations().get(target if path == "/" else path)
    if operation is None or method != "POST":
        status = 400 if path == "/" else 404
        raise ServiceError("UnknownOperationException", f"Unknown operation: {target or f'{method} {path}'}", status)
    return operation


def parse(operation: Operation, body: bytes) -> dict[str, Any]:
    """The request's parameters, validated. Raises SerializationException or InvalidInputException."""
    value = json_object(body)
    try:
        return validate(value, operation.model.input_shape)
    except ServiceError as error:
        raise invalid(error.message) from None


def answer(operation: Operation, value: dict[str, Any] | None) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of an answer, trimmed to the operation's output shape."""
    shape = operation.model.output_shape
    body = json.dumps(trim(value, shape), separators=(",", ":")).encode() if shape and value is not None else b""
    return 200, _headers(operation), body or (b"" if operation.rest else b"{}")


def refusal(operation: Operation | None, error: ServiceError) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of an error; the status is the model's where the model gives one."""
    status = error.status
    modelled = {shape.name: shape for shape in (operation.model.error_shapes if operation else ())}
    code = error.code
    if operation and code == "InvalidInputException" and code not in modelled:
        code = "ValidationException"  # what every AWS service answers, modelled or not
    if code in modelled:
        status = modelled[code].metadata.get("error", {}).get("httpStatusCode", status)
    body = json.dumps({"__type": code, "message": error.message}).encode()
    return status, [*_headers(operation), (b"x-amzn-errortype", code.encode())], body


def _headers(operation: Operation | None) -> list[tuple[bytes, bytes]]:
    json_1_1 = operation is None or not operation.rest
    return [(b"content-type", b"application/x-amz-json-1.1" if json_1_1 else b"application/json"), *ANY_PAGE]
