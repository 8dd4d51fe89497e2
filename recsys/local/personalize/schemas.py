"""Avro schemas: which ones Personalize accepts, and what their fields mean to the engine.

Source: the developer guide's "Creating schema JSON files". What the guide leaves open is decided here: a schema is
matched to a dataset type by its `name` when a dataset is created; `version` may be the text or the number 1.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from recsys.local.personalize.errors import ServiceError, invalid

PRIMITIVES = ("float", "double", "int", "long", "string", "boolean", "null")
NUMBERS = ("float", "double", "int", "long")

# name of the schema -> (required fields with their types, reserved fields with theirs, most metadata columns)
TYPES: dict[str, tuple[dict[str, str], dict[str, tuple[str, ...]], int]] = {
    "Interactions": (
        {"USER_ID": "string", "ITEM_ID": "string", "TIMESTAMP": "long"},
        {
            "EVENT_TYPE": ("string",),
            "EVENT_VALUE": ("float", "double", "null"),
            "IMPRESSION": ("string", "null"),
            "RECOMMENDATION_ID": ("string", "null"),
            "EVENT_ATTRIBUTION_SOURCE": ("string", "null"),
        },
        5,
    ),
    "Items": ({"ITEM_ID": "string"}, {"CREATION_TIMESTAMP": ("long", "null")}, 100),
    "Users": ({"USER_ID": "string"}, {}, 25),
}
DATASET_TYPES = {name.upper(): name for name in TYPES}


@dataclass(frozen=True)
class Field:
    """One column of a dataset."""

    name: str
    types: tuple[str, ...]
    categorical: bool = False
    textual: bool = False

    @property
    def nullable(self) -> bool:
        return "null" in self.types

    @property
    def type(self) -> str:
        """The type beside null."""
        return next((name for name in self.types if name != "null"), "null")

    @property
    def numeric(self) -> bool:
        return self.type in NUMBERS


def fields(schema: str) -> dict[str, Field]:
    """The columns of an accepted schema, by name, in the schema's order."""
    return {field.name: field for field in map(_field, json.loads(schema)["fields"])}


def plain(name: str) -> str:
    """A field's name as Personalize compares names: `CREATION_TIMESTAMP`, `creationTimestamp`, `A1` and `a_1` fold."""
    return name.replace("_", "").lower()


def check(schema: str) -> str:
    """The dataset type an Avro schema is for: Interactions, Users or Items. Raises InvalidInputException."""
    try:
        record = json.loads(schema)
    except (ValueError, RecursionError) as error:
        raise invalid(f"Schema is not valid JSON: {error}") from None
    if not isinstance(record, dict) or record.get("type") != "record" or not isinstance(record.get("fields"), list):
        raise invalid("Schema must be an Avro record with a list of fields")
    name = record.get("name")
    if name in ("Actions", "Action_Interactions"):
        raise ServiceError("NotImplementedException", f"{name} schemas are not implemented here yet", 501)
    if not isinstance(name, str) or name not in TYPES:
        raise invalid(f"Schema name must be one of {', '.join(TYPES)}, not {name!r}")
    try:
        columns = [_field(entry) for entry in record["fields"]]
    except (KeyError, TypeError, AttributeError):
        raise invalid("Every field of a schema needs a name and a type") from None
    _check_fields(name, columns)
    return name


def _check_fields(name: str, columns: list[Field]) -> None:
    required, reserved, most = TYPES[name]
    _check_names(columns)
    by_name = {column.name: column for column in columns}
    for column, wanted in required.items():
        if column not in by_name:
            raise invalid(f"{name} schema is missing the required field {column}")
        if by_name[column].types != (wanted,):
            raise invalid(f"Field {column} of the {name} schema must be of type {wanted}")
    for column, allowed in reserved.items():
        if column in by_name and not set(by_name[column].types) <= set(allowed):
            raise invalid(f"Field {column} of the {name} schema must be of type {' or '.join(allowed)}")
    metadata = [column for column in columns if column.name not in required and column.name not in reserved]
    if len(metadata) > most:
        raise invalid(f"{name} schema has {len(metadata)} metadata fields; the most is {most}")
    if name != "Interactions" and len(columns) == len(required):
        raise invalid(f"{name} schema needs at least one metadata field besides {', '.join(required)}")
    if "EVENT_TYPE" in by_name and by_name["EVENT_TYPE"].categorical:
        raise invalid("Field EVENT_TYPE must not be categorical")
    _check_text(name, columns)


def _check_names(columns: list[Field]) -> None:
    seen: dict[str, str] = {}
    for column in columns:
        if not isinstance(column.name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", column.name):
            raise invalid(f"Field name {column.name!r} must be alphanumeric")
        if plain(column.name) in seen:
            raise invalid(f"Field names must be unique: {seen[plain(column.name)]} and {column.name}")
        seen[plain(column.name)] = column.name
        unknown = [name for name in column.types if name not in PRIMITIVES]
        if unknown or not set(column.types) - {"null"}:
            raise invalid(f"Field {column.name} has an unsupported type; supported: {', '.join(PRIMITIVES)}")


def _check_text(name: str, columns: list[Field]) -> None:
    textual = [column.name for column in columns if column.textual]
    if textual and name != "Items":
        raise invalid(f"Only the Items schema may have a textual field, not {name}")
    if len(textual) > 1:
        raise invalid(f"Items schema may have one textual field, not {len(textual)}: {', '.join(textual)}")


def _field(entry: dict[str, Any]) -> Field:
    types = entry["type"]
    if not isinstance(types, (str, list)):  # an array or a map is an object in Avro
        types = [types.get("type", "object")]
    names = (types,) if isinstance(types, str) else tuple(map(str, types))
    return Field(entry["name"], names, bool(entry.get("categorical")), bool(entry.get("textual")))
