"""The wire of SageMaker's control plane (JSON 1.1) and runtime (REST: a body and headers), by botocore's models."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import botocore.session
from botocore.model import OperationModel

from recsys.local.shared.errors import ServiceError
from recsys.local.shared.http import json_object
from recsys.local.shared.output import trim
from recsys.local.shared.validate import validate

SCALING = "application-autoscaling"
TARGETS = {"SageMaker": "sagemaker", "AnyScaleFrontendService": SCALING}  # services by the prefix of X-Amz-Target
RUNTIME = re.compile(r"/endpoints/(?P<endpoint>[^/]+)/(?P<verb>[a-z-]+)")
JSON = (b"content-type", b"application/x-amz-json-1.1")

Params = dict[str, Any]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]  # status, headers, body


@dataclass(frozen=True)
class Operation:
    """An operation of the control plane, or of Application Auto Scaling, which knows SageMaker's variants."""

    service: str
    name: str
    model: OperationModel


def find_operation(target: str) -> Operation:
    """The operation an X-Amz-Target names. Raises UnknownOperationException."""
    prefix, _, name = target.partition(".")
    service = TARGETS.get(prefix, "")
    if not service or name not in _service(service).operation_names:
        raise ServiceError("UnknownOperationException", f"Unknown operation: {target or 'none'}")
    return Operation(service, name, _service(service).operation_model(name))


def parse(operation: Operation, body: bytes) -> Params:
    """The request's parameters, validated. Raises SerializationException or ValidationException."""
    return validate(json_object(body), operation.model.input_shape)


def answer(operation: Operation, value: Params | None) -> Answer:
    """Status, headers and body, trimmed to the operation's output shape."""
    shape = operation.model.output_shape
    return 200, [JSON], json.dumps(trim(value or {}, shape)).encode() if shape else b"{}"


def refusal(error: ServiceError) -> Answer:
    """Status, headers and body of a control plane's error."""
    body = json.dumps({"__type": error.code, "message": error.message}).encode()
    return error.status, [JSON, (b"x-amzn-errortype", error.code.encode())], body


def checked(operation: str, headers: dict[str, str], endpoint: str) -> Params:
    """The members of a request to the runtime beside its body. Raises ValidationError, as the runtime calls it."""
    shape = _service("sagemaker-runtime").operation_model(operation).input_shape
    given: Params = {"EndpointName": endpoint}
    for name, member in shape.members.items():
        value = headers.get(member.serialization.get("name", "").lower())
        if member.serialization.get("location") == "header" and value is not None:
            given[name] = int(value) if member.type_name == "integer" and value.isdigit() else value
    try:
        return {name: validate(value, shape.members[name], name[0].lower() + name[1:]) for name, value in given.items()}
    except ServiceError as error:
        raise ServiceError("ValidationError", error.message) from None


@lru_cache
def _service(name: str) -> Any:
    return botocore.session.get_session().get_service_model(name)
