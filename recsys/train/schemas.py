"""Avro schemas of the three tables, and the dataset group and datasets that hold them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from recsys import aws
from recsys.columns import (
    CATEGORICAL,
    CATEGORY,
    COUNTRY,
    CREATION_TIMESTAMP,
    EVENT_TYPE,
    EVENT_VALUE,
    IN_STOCK,
    ITEM_ID,
    NUMERIC,
    PRICE,
    TIMESTAMP,
    TITLE,
    USER_ID,
)

Field = dict[str, Any]

OPTIONAL_FLOAT: list[str] = ["null", "float"]
OPTIONAL_TEXT: list[str] = ["null", "string"]

FIELDS: dict[str, dict[str, Field]] = {
    "Interactions": {
        USER_ID: {"type": "string"},
        ITEM_ID: {"type": "string"},
        TIMESTAMP: {"type": "long"},
        EVENT_TYPE: {"type": "string"},
        EVENT_VALUE: {"type": OPTIONAL_FLOAT},
    },
    "Items": {
        ITEM_ID: {"type": "string"},
        CATEGORY: {"type": OPTIONAL_TEXT, "categorical": True},
        PRICE: {"type": OPTIONAL_FLOAT},
        CREATION_TIMESTAMP: {"type": "long"},
        TITLE: {"type": OPTIONAL_TEXT, "textual": True},
        IN_STOCK: {"type": OPTIONAL_TEXT},
    },
    "Users": {
        USER_ID: {"type": "string"},
        COUNTRY: {"type": OPTIONAL_TEXT, "categorical": True},
    },
}


KINDS: dict[str, Field] = {
    CATEGORICAL: {"type": OPTIONAL_TEXT, "categorical": True},
    NUMERIC: {"type": OPTIONAL_FLOAT},
}
DATASETS = tuple(FIELDS)


def schema(dataset_type: str, columns: Sequence[str], metadata: Mapping[str, str] | None = None) -> str:
    """The Avro schema, as JSON, of a table with these columns; unknown columns are left out, as Personalize would.

    `metadata` are further columns and their kinds, "categorical" or "numeric".

    >>> fields = json.loads(schema("Items", ["ITEM_ID", "BRAND", "COLOUR"], {"BRAND": "categorical"}))["fields"]
    >>> fields[1:]
    [{'name': 'BRAND', 'type': ['null', 'string'], 'categorical': True}]
    """
    known = {name: KINDS[kind] for name, kind in (metadata or {}).items()} | FIELDS[dataset_type]
    fields = [{"name": name, **known[name]} for name in columns if name in known]
    record = {
        "type": "record",
        "name": dataset_type,
        "namespace": "com.amazonaws.personalize.schema",
        "fields": fields,
        "version": "1.0",
    }
    return json.dumps(record, indent=2)


def fields_table(dataset_type: str, columns: Sequence[str], metadata: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The schema as a table: column, Avro type, and what Personalize uses it for."""
    rows = [
        {"dataset": dataset_type, "column": field["name"], "type": _readable(field["type"]), "use": _use(field)}
        for field in json.loads(schema(dataset_type, columns, metadata))["fields"]
    ]
    return pd.DataFrame(rows)


def ensure_dataset_group(name: str, tags: dict[str, str], **wait: Any) -> str:
    """The ARN of the dataset group of that name, created if it is not there, and ACTIVE."""
    personalize = aws.client("personalize")
    groups = aws.pages("personalize", "list_dataset_groups", "datasetGroups")
    arn = next((group["datasetGroupArn"] for group in groups if group["name"] == name), None)
    if arn is None:
        arn = aws.call(personalize.create_dataset_group, name=name, tags=aws.tags(tags))["datasetGroupArn"]
    aws.wait(
        f"dataset group {name}",
        lambda: aws.call(personalize.describe_dataset_group, datasetGroupArn=arn)["datasetGroup"],
        **wait,
    )
    return arn


def ensure_schema(name: str, text: str) -> str:
    """The ARN of a schema with exactly this text.

    A schema cannot be changed: one of the same name and another text makes room for `name-2`, `name-3` and so on.
    """
    personalize = aws.client("personalize")
    known = {entry["name"]: entry["schemaArn"] for entry in aws.pages("personalize", "list_schemas", "schemas")}
    candidate, count = name, 1
    while candidate in known:
        described = aws.call(personalize.describe_schema, schemaArn=known[candidate])["schema"]
        if json.loads(described["schema"]) == json.loads(text):
            return known[candidate]
        count += 1
        candidate = f"{name}-{count}"
    return aws.call(personalize.create_schema, name=candidate, schema=text)["schemaArn"]


def ensure_dataset(
    group_arn: str, dataset_type: str, name: str, schema_arn: str, tags: dict[str, str], **wait: Any
) -> str:
    """The ARN of the group's dataset of that type with that schema, created or updated, and ACTIVE."""
    personalize = aws.client("personalize")
    datasets = aws.pages("personalize", "list_datasets", "datasets", datasetGroupArn=group_arn)
    arn = next(
        (entry["datasetArn"] for entry in datasets if entry["datasetType"].lower() == dataset_type.lower()), None
    )
    if arn is None:
        request = {"name": name, "schemaArn": schema_arn, "datasetGroupArn": group_arn, "datasetType": dataset_type}
        arn = aws.call(personalize.create_dataset, **request, tags=aws.tags(tags))["datasetArn"]

    def describe() -> dict[str, Any]:
        return aws.call(personalize.describe_dataset, datasetArn=arn)["dataset"]

    if aws.wait(f"dataset {name}", describe, **wait)["schemaArn"] != schema_arn:
        aws.call(personalize.update_dataset, datasetArn=arn, schemaArn=schema_arn)
        aws.wait(f"dataset {name} taking its new schema", describe, **wait)
    return arn


def _readable(avro_type: Any) -> str:
    return avro_type if isinstance(avro_type, str) else " or ".join(avro_type)


def _use(field: Field) -> str:
    if field["name"] in (USER_ID, ITEM_ID):
        return "identifier"
    if field["name"] in (TIMESTAMP, CREATION_TIMESTAMP):
        return "time, whole seconds since 1970 UTC"
    if field["name"] == IN_STOCK:
        return "filters"
    if field.get("categorical"):
        return "categorical, several values separated by |"
    return "text" if field.get("textual") else "event type" if field["name"] == EVENT_TYPE else "number"
