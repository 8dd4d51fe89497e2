"""In the worker: what is in a dataset becomes a CSV file in S3, `<output path>/<job name>/<dataset type>.csv`.

The header names the schema's fields; `\\` escapes quotes and itself, as an import reads it. BULK is what import jobs
left, PUT what came one by one (PutEvents, PutItems, PutUsers), ALL both: exact duplicates of interactions once, of an
item or user the newest. [AWS does not say how it names the files. Its PUT also has the earlier puts of an id; here only
the newest is kept.]
"""

import csv
import io
import json
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import pyarrow.parquet as pq

from recsys.local.personalize.events.reading import owned, query
from recsys.local.personalize.jobs.roles import assume_role
from recsys.local.personalize.jobs.s3 import JobFailed, Storage
from recsys.local.personalize.schemas import KEYS, Field, fields, plain

Row = tuple[Any, ...]
EVENTS = "SELECT session, user, item, sent, type, value, more FROM events WHERE dataset_group = ? ORDER BY number"
CHUNK = 100_000  # rows in Python's hands at once


def export_dataset(spec: dict[str, Any]) -> dict[str, Any]:
    """Export per `spec`: jobName, datasetArn, datasetType, group, schema, mode, bulk, events, output, and S3's.

    Returns `{}`, or `{"failureReason"}`.
    """
    columns = list(fields(spec["schema"]).values())
    text = io.StringIO()
    write = csv.writer(text, doublequote=False, escapechar="\\", lineterminator="\n")
    write.writerow([column.name for column in columns])
    write.writerows(_rows(spec, columns))
    path = f"{spec['output'].rstrip('/')}/{spec['jobName']}/{spec['datasetType'].lower()}.csv"
    try:
        spec = assume_role(spec)
        Storage(spec).write(path, text.getvalue().encode())
    except JobFailed as error:
        return {"failureReason": f"Failed to export the dataset {spec['datasetArn']}. {error}"}
    return {}


def _rows(spec: dict[str, Any], columns: list[Field]) -> Iterator[Row]:
    """The rows to export, each a value per column. What was put counts as newer than what was imported."""
    kind = spec["datasetType"]
    names = [column.name for column in columns]
    identity = itemgetter(names.index(KEYS[kind])) if kind in KEYS else lambda row: row
    put: list[Row] = []
    if spec["mode"] != "BULK":
        put = _records(spec, columns) if kind in KEYS else _events(spec, columns)
    newest = {identity(row): row for row in put}
    if spec["mode"] != "PUT" and spec["bulk"]:
        yield from (row for row in _bulk(spec["bulk"], columns) if identity(row) not in newest)
    yield from newest.values()


def _bulk(file: str, columns: list[Field]) -> Iterator[Row]:
    """The rows of a columnar file; a column that its schema got later has no values."""
    names = pq.read_schema(file).names
    for batch in pq.ParquetFile(file).iter_batches(CHUNK):
        values = [batch[c.name].to_pylist() if c.name in names else [None] * len(batch) for c in columns]
        yield from zip(*values, strict=True)


def _records(spec: dict[str, Any], columns: list[Field]) -> list[Row]:
    """Items or users put one by one."""
    found = query(spec["events"], "SELECT document FROM records WHERE dataset = ? ORDER BY id", spec["datasetArn"])
    documents = [json.loads(document) for (document,) in found]
    return [tuple(_value(column, document.get(column.name)) for column in columns) for document in documents]


def _events(spec: dict[str, Any], columns: list[Field]) -> list[Row]:
    """Events with an item as interactions."""
    rows = []
    for user, item, sent, kind, value, more in owned(query(spec["events"], EVENTS, spec["group"])):
        if item:
            values = _further(json.loads(more or "{}")) | {
                "userid": user,
                "itemid": item,
                "timestamp": int(sent),
                "eventtype": kind,
                "eventvalue": value,
            }
            rows.append(tuple(_value(column, values.get(plain(column.name))) for column in columns))
    return rows


def _further(more: dict[str, Any]) -> dict[str, Any]:
    """What an event says besides: its properties, by plain name, and the reserved fields."""
    found = {plain(name): value for name, value in json.loads(more.get("properties") or "{}").items()}
    reserved = {
        "recommendationid": more.get("recommendationId"),
        "impression": more.get("impression"),
        "eventattributionsource": (more.get("metricAttribution") or {}).get("eventAttributionSource"),
    }
    return found | {name: value for name, value in reserved.items() if value is not None}


def _value(column: Field, value: Any) -> Any:
    if isinstance(value, list):
        return "|".join(map(str, value))
    return str(value) if column.type == "string" and value is not None else value
