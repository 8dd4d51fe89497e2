"""In the worker: the CSV files of an import job become one checked, columnar file.

A CSV has a header whose names are the schema's fields in any case and order; other columns are ignored; `\\` escapes;
an empty value is null. Exact duplicate interactions collapse to one; of several rows with one item or user id the last
counts. A job imports everything or nothing. [The sentence for malformed rows is AWS's; which row is ours.]
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from recsys.local.personalize.schemas import Field, fields

SESSION = boto3.Session()

ARROW = {
    "string": pa.string(),
    "long": pa.int64(),
    "int": pa.int32(),
    "float": pa.float64(),  # read exactly; a 32-bit float would turn 12.34 into 12.3400002
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "null": pa.string(),
}
KEYS = {"ITEMS": "ITEM_ID", "USERS": "USER_ID"}
ID_LENGTH, VALUE_LENGTH, TEXT_LENGTH = 256, 1000, 20000
MIN_INTERACTIONS = 1000
LATEST_SECOND = 9_999_999_999  # year 2286; anything above is milliseconds
NOT_CONFORMING = (
    "Input csv has rows that do not conform to the dataset schema. Please ensure all required data fields are present "
    "and that they are of the type specified in the schema."
)


class ImportFailed(Exception):
    """Why an import job fails, as its failureReason says it."""


def warm() -> None:
    """Let the session read S3's service model: half a second that no import needs to spend again."""
    SESSION.client("s3", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")


def import_dataset(spec: dict[str, Any]) -> dict[str, Any]:
    """Import per `spec` (datasetArn, datasetType, schema, dataLocation, importMode, current, file, endpoint, region).

    Returns `{"_file", "_rows" read, "_kept" in the file}`, or `{"failureReason"}`. The file appears whole or not at
    all.
    """
    try:
        return _import(spec)
    except ImportFailed as error:
        kind = spec["datasetType"].capitalize()
        return {"failureReason": f"Failed to create a data import job for {kind} dataset {spec['datasetArn']}. {error}"}


def _import(spec: dict[str, Any]) -> dict[str, Any]:
    columns = fields(spec["schema"])
    tables = [read_csv(name, data, columns) for name, data in _objects(spec)]
    table = pa.concat_tables(tables)
    rows = table.num_rows
    kind = spec["datasetType"]
    if kind == "INTERACTIONS" and rows < MIN_INTERACTIONS:
        raise ImportFailed(f"The input has {rows} interactions; there must be at least {MIN_INTERACTIONS}.")
    if spec["importMode"] == "INCREMENTAL" and spec.get("current"):
        old = pq.read_table(spec["current"])
        table = pa.concat_tables([old, table], promote_options="default")
    table = _latest_by_key(table, KEYS[kind]) if kind in KEYS else _distinct_interactions(table)
    path = Path(spec["file"])
    draft = path.with_suffix(".tmp")
    pq.write_table(table, draft, compression="zstd")
    draft.replace(path)
    return {"_file": str(path), "_rows": rows, "_kept": table.num_rows}


def _objects(spec: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of the CSV object, or of every CSV below the folder."""
    where = urlsplit(spec["dataLocation"])
    bucket, key = where.netloc, where.path.lstrip("/")
    config = Config(retries={"mode": "standard", "max_attempts": 6}, connect_timeout=5, read_timeout=60)
    s3 = SESSION.client("s3", region_name=spec["region"], endpoint_url=spec["endpoint"], config=config)
    try:
        keys = _keys(s3, bucket, key)
        if not keys:
            raise ImportFailed(f"Invalid Data location. There is no CSV file at {spec['dataLocation']}.")
        for name in keys:
            yield name, s3.get_object(Bucket=bucket, Key=name)["Body"].read()
    except ClientError as error:
        raise ImportFailed(f"Insufficient privileges for accessing data in Amazon S3. ({error})") from error
    except BotoCoreError as error:
        raise ImportFailed(f"Amazon S3 could not be reached. ({error})") from error


def _keys(s3: Any, bucket: str, key: str) -> list[str]:
    """The object of that name; else the CSV objects of the folder; else every object of the folder."""
    listed = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
    found = {entry["Key"]: entry["Size"] for page in listed for entry in page.get("Contents", [])}
    if key in found and not key.endswith("/"):
        return [key]
    folder = key.rstrip("/") + "/" if key else ""
    inside = [name for name, size in found.items() if name.startswith(folder) and size]
    return [name for name in inside if name.lower().endswith(".csv")] or inside


def read_csv(name: str, data: bytes, columns: dict[str, Field]) -> pa.Table:
    """One CSV file as a table with the schema's columns and types. Raises ImportFailed."""
    header = _header(name, data)
    places = _places(name, header, columns)
    try:
        raw = pacsv.read_csv(
            pa.py_buffer(data),
            read_options=pacsv.ReadOptions(column_names=[str(n) for n in range(len(header))], skip_rows=1),
            parse_options=pacsv.ParseOptions(escape_char="\\"),
            convert_options=pacsv.ConvertOptions(
                column_types={str(place): pa.string() for place in places.values()},
                include_columns=[str(place) for place in places.values()],
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise ImportFailed(f"{NOT_CONFORMING} ({name}: {error})") from error
    present = {column: raw[str(place)] for column, place in places.items()}
    arrays = [
        _column(name, field, present[column]) if column in present else pa.nulls(raw.num_rows, ARROW[field.type])
        for column, field in columns.items()
    ]
    return pa.table(arrays, names=list(columns))


def _header(name: str, data: bytes) -> list[str]:
    line, _, rest = data.partition(b"\n")
    if not rest.strip():
        raise ImportFailed(f"Input CSV {name} is empty: it needs a header row and data.")
    try:
        return next(csv.reader(io.StringIO(line.decode("utf-8-sig").rstrip("\r"))))
    except (UnicodeDecodeError, StopIteration) as error:
        raise ImportFailed(f"{NOT_CONFORMING} ({name}: the header row is not UTF-8 text)") from error


def _places(name: str, header: list[str], columns: dict[str, Field]) -> dict[str, int]:
    """Where each field of the schema stands in the header. A nullable field may be absent."""
    places: dict[str, int] = {}
    wanted = {column.lower(): column for column in columns}
    for place, title in enumerate(header):
        column = wanted.get(title.strip().lower())
        if column in places:
            raise ImportFailed(f"Input CSV {name} has the column {column} twice.")
        if column:
            places[column] = place
    missing = [column for column, field in columns.items() if column not in places and not field.nullable]
    if missing:
        raise ImportFailed(f"Input CSV is missing the following columns:[{', '.join(missing)}].")
    return places


def _column(name: str, field: Field, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values of one column in their type, checked for nulls and lengths."""
    if values.null_count and not field.nullable:
        row = _first(pc.is_null(values))
        raise ImportFailed(f"{NOT_CONFORMING} ({name}, row {row}: {field.name} is empty)")
    if field.type == "string":
        return _text(field, values)
    try:
        typed = pc.cast(pc.utf8_trim_whitespace(values), ARROW[field.type])
    except pa.ArrowInvalid as error:
        raise ImportFailed(f"{NOT_CONFORMING} ({name}: {field.name} must be {field.type}: {error})") from error
    if field.name == "TIMESTAMP" and (pc.max(typed).as_py() or 0) > LATEST_SECOND:
        raise ImportFailed(f"{NOT_CONFORMING} ({name}: TIMESTAMP must be in Unix epoch seconds, not milliseconds)")
    return typed


def _text(field: Field, values: pa.ChunkedArray) -> pa.ChunkedArray:
    limit = TEXT_LENGTH if field.textual else ID_LENGTH if field.name in ("USER_ID", "ITEM_ID") else VALUE_LENGTH
    longest = pc.max(pc.utf8_length(values)).as_py() or 0
    if longest > limit:
        raise ImportFailed(
            f"Length cannot be more than {limit} characters for {field.name}. If no values exceed the limit, "
            "check that the file's quotes and escapes are closed."
        )
    return values


def _first(mask: pa.ChunkedArray) -> int:
    """The row of the file, counting the header as 1, where the mask is first true."""
    return pc.index(mask, True).as_py() + 2


def _distinct_interactions(table: pa.Table) -> pa.Table:
    """Exact duplicates once, each user's rows together and oldest first."""
    distinct = table.group_by(table.column_names, use_threads=False).aggregate([])
    return distinct.sort_by([("USER_ID", "ascending"), ("TIMESTAMP", "ascending")])


def _latest_by_key(table: pa.Table, key: str) -> pa.Table:
    rows = table.append_column("_row", pa.array(range(table.num_rows), pa.int64()))
    last = rows.group_by(key, use_threads=False).aggregate([("_row", "max")])
    return table.take(last["_row_max"])
