"""Avro schemas: which ones Personalize accepts, and what their fields mean to the engine.

Source: the developer guide's "Creating schema JSON files". What the guide leaves open is decided here: a schema is
matched to a dataset type by its `name`, in any case, when a dataset is created; `version` may be the text or the number
1, or absent. Programs of AWS's own write them so.
"""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from recsys.local.personalize.errors import invalid

PRIMITIVES = ("float", "double", "int", "long", "string", "boolean", "null")
NUMBERS = ("float", "double", "int", "long")

NUMBER = ("float", "double", "int", "long", "null")
TEXT = ("string", "null")


@dataclass(frozen=True)
class Type:
    """One dataset type: required and reserved fields with the types they may have, most metadata fields."""

    required: dict[str, tuple[str, ...]]
    reserved: dict[str, tuple[str, ...]]
    most: int


EVENT = {
    "EVENT_TYPE": ("string",),
    "EVENT_VALUE": ("float", "double", "null"),
    "IMPRESSION": TEXT,
    "RECOMMENDATION_ID": TEXT,
    "EVENT_ATTRIBUTION_SOURCE": TEXT,
}
CREATED = {"CREATION_TIMESTAMP": ("long", "float", "double", "null")}  # long in most pages, float in ECOMMERCE's
TYPES = {
    "Interactions": Type({"USER_ID": ("string",), "ITEM_ID": ("string",), "TIMESTAMP": ("long",)}, EVENT, 5),
    "Items": Type({"ITEM_ID": ("string",)}, CREATED, 100),
    "Users": Type({"USER_ID": ("string",)}, {}, 25),
    "Actions": Type(
        {"ACTION_ID": ("string",)},
        {
            **CREATED,
            "VALUE": NUMBER,
            "ACTION_EXPIRATION_TIMESTAMP": ("long", "null"),
            "REPEAT_FREQUENCY": ("int", "long", "null"),
        },
        10,
    ),
    "Action_Interactions": Type(
        {"USER_ID": ("string",), "ACTION_ID": ("string",), "TIMESTAMP": ("long",), "EVENT_TYPE": ("string",)},
        {"IMPRESSION": TEXT, "RECOMMENDATION_ID": TEXT},
        5,
    ),
}
DATASET_TYPES = {name.upper(): name for name in TYPES}
KEYS = {"ITEMS": "ITEM_ID", "USERS": "USER_ID", "ACTIONS": "ACTION_ID"}  # dataset types of one row per id
DOMAINLESS = ("ACTIONS", "ACTION_INTERACTIONS")  # datasets that a domain dataset group cannot have
UPDATABLE = ("Items", "Users")  # dataset types whose schema can be replaced

# What a domain adds to the required fields. Reserved fields that are categorical stay free here.
DOMAINS: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {
    "ECOMMERCE": {
        "Interactions": {"EVENT_TYPE": ("string",)},
        "Items": {"PRICE": ("float", "double", "null"), "CATEGORY_L1": TEXT},
    },
    "VIDEO_ON_DEMAND": {
        "Interactions": {"EVENT_TYPE": ("string",)},
        "Items": {"CREATION_TIMESTAMP": ("long", "float", "double"), "GENRES": TEXT},
    },
}
CATEGORICAL = ("CATEGORY_L1", "GENRES")  # required by a domain, as categories


@dataclass(frozen=True)
class Field:
    """One column of a dataset."""

    name: str
    types: tuple[str, ...]
    categorical: bool = False
    textual: bool = False
    item_name: bool = False

    @property
    def marks(self) -> tuple[bool, bool, bool]:
        """Its attributes besides the type."""
        return self.categorical, self.textual, self.item_name

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

    @cached_property
    def camel(self) -> str:
        """Its name in answers and in properties: CATEGORY_L1 is categoryL1."""
        first, *rest = (word.lower() if word.isupper() else word for word in self.name.split("_") if word)
        return first + "".join(word[0].upper() + word[1:] for word in rest)


def fields(schema: str) -> dict[str, Field]:
    """The columns of an accepted schema, by name, in the schema's order."""
    return {field.name: field for field in map(_field, json.loads(schema)["fields"])}


def plain(name: str) -> str:
    """A field's name as Personalize compares names: `CREATION_TIMESTAMP`, `creationTimestamp`, `A1` and `a_1` fold."""
    return name.replace("_", "").lower()


def check(schema: str, domain: str | None = None) -> str:
    """The dataset type an Avro schema is for, a key of TYPES. Raises InvalidInputException."""
    try:
        record = json.loads(schema)
    except (ValueError, RecursionError) as error:
        raise invalid(f"Schema is not valid JSON: {error}") from None
    if not isinstance(record, dict) or record.get("type") != "record" or not isinstance(record.get("fields"), list):
        raise invalid("Schema must be an Avro record with a list of fields")
    name = _kind(record)
    if domain and name.upper() in DOMAINLESS:
        raise invalid(f"{name} is a dataset type of custom dataset groups, not of domain {domain}")
    try:
        columns = [_field(entry) for entry in record["fields"]]
    except (KeyError, TypeError, AttributeError):
        raise invalid("Every field of a schema needs a name and a type") from None
    _check_fields(name, columns, DOMAINS.get(domain or "", {}).get(name, {}))
    return name


def check_replacement(old: str, new: str) -> None:
    """Whether a dataset's schema may be replaced by another one of its type. Raises InvalidInputException.

    Every field stays as it is, and what is added is nullable: rows that are there have no value for it.
    """
    name = _kind(json.loads(old))
    if name not in UPDATABLE:
        raise invalid(
            f"The schema of a dataset of type {name} cannot be replaced; that of {' or '.join(UPDATABLE)} can"
        )
    before, after = fields(old), fields(new)
    for column, field in before.items():
        if after.get(column) is None:
            raise invalid(f"The new schema lacks the field {column}; it must keep every field of the old one")
        if set(field.types) != set(after[column].types) or field.marks != after[column].marks:
            raise invalid(f"The new schema changes the field {column}; it must keep its type and attributes")
    for column, field in after.items():
        if column not in before and not field.nullable:
            raise invalid(f"The new field {column} must be nullable: add null to its types")


def _kind(record: dict[str, Any]) -> str:
    """The dataset type a record names: `Action_Interactions`, `ActionInteractions` and `items` are names of one."""
    named = {plain(name): name for name in TYPES}
    name = named.get(plain(str(record.get("name"))))
    if name is None:
        raise invalid(f"Schema name must be one of {', '.join(TYPES)}, not {record.get('name')!r}")
    return name


def _check_fields(name: str, columns: list[Field], of_domain: dict[str, tuple[str, ...]]) -> None:
    kind = TYPES[name]
    _check_names(columns)
    by_name = {column.name: column for column in columns}
    for column, wanted in {**kind.required, **of_domain}.items():
        if column not in by_name:
            raise invalid(f"{name} schema is missing the required field {column}")
        _check_type(name, by_name[column], wanted)
        if column in CATEGORICAL and column in of_domain and not by_name[column].categorical:
            raise invalid(f"Field {column} of the {name} schema must be categorical")
    for column, allowed in kind.reserved.items():
        if column in by_name:
            _check_type(name, by_name[column], allowed)
    metadata = [column for column in columns if column.name not in kind.required and column.name not in kind.reserved]
    if len(metadata) > kind.most:
        raise invalid(f"{name} schema has {len(metadata)} metadata fields; the most is {kind.most}")
    if "Interactions" not in name and len(columns) == len(kind.required):
        raise invalid(f"{name} schema needs at least one metadata field besides {', '.join(kind.required)}")
    if "EVENT_TYPE" in by_name and by_name["EVENT_TYPE"].categorical:
        raise invalid("Field EVENT_TYPE must not be categorical")
    _check_text(name, columns)


def _check_type(name: str, column: Field, allowed: tuple[str, ...]) -> None:
    if not set(column.types) <= set(allowed):
        raise invalid(f"Field {column.name} of the {name} schema must be of type {' or '.join(allowed)}")


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
    return Field(entry["name"], names, *map(bool, map(entry.get, ("categorical", "textual", "itemName"))))
