"""A request checked against the route table: every message names the field, what is allowed and what came."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from ..events import Invalid, is_unicode, short
from .routes import Parameter, Route, Schema

WHOLE = re.compile(r"[0-9]{1,9}")
NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?")


def arguments(route: Route, path: Mapping[str, str], query: Mapping[str, Sequence[str]] | None) -> dict[str, Any]:
    """Path and query parameters by name, as their schema's type; defaults filled in. Raises Invalid.

    A misspelt parameter is refused: ignored, it would silently give an answer that was not asked for. Not where answers
    are cached, though: the cache knows a question by the last value of each parameter of the route, and would give the
    refusal to all who ask without a fault.
    """
    known = {parameter.name: parameter for parameter in route.parameters if parameter.place == "query"}
    given = dict(query or {})
    if route.cached:
        given = {name: texts[-1:] for name, texts in given.items() if name in known}
    for name in given:
        if name not in known:
            raise Invalid(f"there is no parameter {short(name)}; there are {', '.join(known)}")
    found = {name: _query(known[name], texts) for name, texts in given.items()}
    default = {name: each.schema["default"] for name, each in known.items() if "default" in each.schema}
    paths = (each for each in route.parameters if each.place == "path")
    return {
        **default,
        **found,
        **{each.name: check(each.schema, unquote(path[each.name]), each.name) for each in paths},
    }


def check(schema: Schema, value: Any, name: str) -> Any:
    """The value, where it keeps to the schema. Raises Invalid."""
    kind = schema["type"]
    if kind == "object":
        if not isinstance(value, dict):
            raise Invalid(f"{name} must be a JSON object, not {short(value)}")
        for field, inner in schema["properties"].items():
            if field in value or field in schema["required"]:
                check(inner, value.get(field), field)
        return value
    if not FITS[kind](schema, value):
        raise Invalid(f"{name} must be {_wanted(schema)}, not {short(value)}")
    if kind == "array":
        for place, entry in enumerate(value):
            check(schema["items"], entry, f"{name}[{place}]")
    return value


def _query(parameter: Parameter, texts: Sequence[str]) -> Any:
    name, schema = parameter.name, parameter.schema
    if schema["type"] == "array":
        return check(schema, list(texts), name)
    if len(texts) > 1:
        raise Invalid(f"{name} must be given once, not {len(texts)} times")
    value = READ[schema["type"]](texts[0])
    if value is None:
        raise Invalid(f"{name} must be {_wanted(schema)}, not {short(texts[0])}")
    return check(schema, value, name)


READ: Mapping[str, Any] = {
    "string": str,
    "integer": lambda text: int(text) if WHOLE.fullmatch(text) else None,
    "number": lambda text: float(text) if NUMBER.fullmatch(text) else None,
    "boolean": {"true": True, "false": False}.get,
}


def _is_text(schema: Schema, value: Any) -> bool:
    return (
        isinstance(value, str)
        and schema["minLength"] <= len(value) <= schema["maxLength"]
        and re.search(schema.get("pattern", ""), value) is not None
        and is_unicode(value)
    )


def _is_number(schema: Schema, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and schema["minimum"] <= value <= schema["maximum"]


FITS: Mapping[str, Any] = {
    "string": _is_text,
    "number": _is_number,
    # JSON Schema's integers are whole numbers, 5.0 among them.
    "integer": lambda schema, value: _is_number(schema, value) and value == int(value),
    "boolean": lambda schema, value: isinstance(value, bool),
    "array": lambda schema, value: isinstance(value, list) and schema["minItems"] <= len(value) <= schema["maxItems"],
}


def _wanted(schema: Schema) -> str:
    kind = schema["type"]
    if kind == "string":
        but = " without quotes and backslashes" if "pattern" in schema else ""
        return f"text of {schema['minLength']} to {schema['maxLength']} characters{but}"
    if kind == "array":
        return f"a list of {schema['minItems']} to {schema['maxItems']}"
    if kind == "boolean":
        return "true or false"
    return f"a {'whole ' if kind == 'integer' else ''}number from {schema['minimum']} to {schema['maximum']}"
