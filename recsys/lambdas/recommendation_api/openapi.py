"""The OpenAPI 3.1 document, printed from the route table."""

from functools import cache
from typing import Any

from .routes import REASONS, ROUTES, SCHEMAS, Parameter, Route

DESCRIPTION = """\
An answer's `source` says where it is from: `campaign`; `cached`, this worker's last good answer to the same question;
`batch`, the user's list of the last batch run; `popular`, the popular items. The later ones stand in where the ones
before cannot answer. They also do where an environment has no campaign: then a user gets the list of the daily batch
run, of 10 items at most, `ageSeconds` say how stale it is, and an event changes the next run's list, not this one. A
query parameter that is not listed, or given twice where it takes one value, is refused; with similar items, whose
answers may be cached by what is listed, it is ignored, and of two values the last counts. An error is `{"error":
{"code": ..., "message": ...}}`: the code is for programs."""


@cache
def document() -> dict[str, Any]:
    """The document; made once, never to be changed."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.verb.lower()] = _operation(route)
    key = {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "where the API asks for one"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Recommendations", "version": "1", "description": DESCRIPTION},
        "servers": [{"url": "."}],  # beside this document, whatever the stage is called
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": {"ApiKey": key}},
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.verb.lower()}{route.path.split('/')[1].title().replace('-', '').split('.')[0]}",
        "summary": route.summary,
        "parameters": [_parameter(parameter) for parameter in route.parameters],
        "responses": {str(status): _response(status, name) for status, name in sorted(route.answers.items())},
        "security": [] if route.open else [{}, {"ApiKey": []}],
    }
    if route.body:
        operation["requestBody"] = {"required": True, "content": _json(route.body)}
    return operation


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _response(status: int, name: str | None) -> dict[str, Any]:
    described = {"description": REASONS[status]}
    return {**described, "content": _json(name)} if name else described


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
