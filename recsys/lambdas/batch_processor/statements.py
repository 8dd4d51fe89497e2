"""BatchExecuteStatement with statements that are JSON already.

botocore makes a request's body of dicts. Here the text takes its place before the request is signed, so that what is
sent and signed is what botocore would have made of them.
"""

from collections.abc import Iterable
from typing import Any

OPERATION = "dynamodb.BatchExecuteStatement"
UNSENT = [{"Statement": "-"}]  # what botocore checks, and makes a body of that is never sent


def take_text(dynamodb: Any) -> None:
    """Have this client's BatchExecuteStatement take text as its Statements: a JSON list."""
    dynamodb.meta.events.register(f"before-parameter-build.{OPERATION}", _set_aside)
    dynamodb.meta.events.register(f"before-call.{OPERATION}", _put_in)


def statement(text: str, parameters: Iterable[str]) -> str:
    """One statement; `text` and the parameters, attribute values, are JSON."""
    return f'{{"Statement": {text}, "Parameters": [{", ".join(parameters)}]}}'


def _set_aside(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    if isinstance(params["Statements"], str):
        context["statements"], params["Statements"] = params["Statements"], UNSENT


def _put_in(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    if "statements" in context:
        params["body"] = f'{{"Statements": {context["statements"]}}}'.encode()
