"""In the worker: the CSV files of an import job become one checked, columnar file.

A CSV is UTF-8 with a header whose names are the schema's fields in any case and order; other columns are ignored; `\\`
escapes; a record is one line; an empty value is null. Exact duplicate interactions collapse to one; of several rows of
one item, user or action the last counts. A job imports everything or nothing.

[AWS documents the sentences below; which row is meant is ours to say. A nullable column may be absent, in some files of
a folder as well. NaN counts as null, infinity as no number. Event types of action interactions are kept as the events
service writes them: `Not taken` is NOT_TAKEN.]
"""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from recsys.files import replacing
from recsys.local.personalize.attribution.imports import report
from recsys.local.personalize.events.reading import RECORDS, query
from recsys.local.personalize.jobs.roles import assume_role
from recsys.local.personalize.jobs.s3 import JobFailed, Storage
from recsys.local.personalize.schemas import DATASET_TYPES, KEYS, TYPES, Field, fields

ARROW = {
    "string": pa.string(),
    "long": pa.int64(),
    "int": pa.int32(),
    "float": pa.float64(),  # read exactly; a 32-bit float would turn 12.34 into 12.3400002
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "null": pa.string(),
}
IDS = ("USER_ID", "ITEM_ID", "ACTION_ID")
ID_LENGTH, VALUE_LENGTH, TEXT_LENGTH = 256, 1000, 20000
BLOCK = 8 << 20  # bytes parsed at once; a record must fit
MIN_INTERACTIONS = 1000
ACTION_EVENTS = ("TAKEN", "NOT_TAKEN", "VIEWED")
LATEST_SECOND = 9_999_999_999  # year 2286; anything above is milliseconds
NOT_CONFORMING = (
    "Input csv has rows that do not conform to the dataset schema. Please ensure all required data fields are present "
    "and that they are of the type specified in the schema."
)
TOO_LONG = (
    "Length cannot be more than {limit} characters for {column}. If no values exceed the character limit, make sure "
    "your data follows the formatting guidelines listed in "
    "https://docs.aws.amazon.com/personalize/latest/dg/data-prep-formatting.html."
)


def import_dataset(spec: dict[str, Any]) -> dict[str, Any]:
    """Import per `spec`: datasetArn, datasetType, schema, dataLocation, importMode, current, file, report, events,
    replaced, and what S3 needs.

    Returns `{"_file", "_bytes" and "_rows" read, "_kept" in the file}`, or `{"failureReason"}`. The file appears whole
    or not at all. An INCREMENTAL import lists in the file `replaced` the records put one by one that it replaces, as
    pairs of id and JSON document.
    """
    try:
        spec = assume_role(spec)
        return _import(spec)
    except JobFailed as error:
        kind = DATASET_TYPES[spec["datasetType"]]
        return {"failureReason": f"Failed to create a data import job for {kind} dataset {spec['datasetArn']}. {error}"}


def _import(spec: dict[str, Any]) -> dict[str, Any]:
    kind, columns = spec["datasetType"], fields(spec["schema"])
    storage = Storage(spec)
    paths = storage.files(spec["dataLocation"])
    if not paths:
        raise JobFailed(f"Invalid Data location. There is no CSV file at {spec['dataLocation']}.")
    tables, size = [], 0
    for path in paths:
        data = storage.read(path)
        size += len(data)
        tables.append(read_csv(path, data, kind, columns))
    table = pa.concat_tables(tables)
    rows = table.num_rows
    if rows < (least := _least_rows(kind, spec["importMode"])):
        raise JobFailed(f"The input has {rows} interactions; there must be at least {least}.")
    report(spec, table, storage)
    if spec["importMode"] == "INCREMENTAL":
        if kind in KEYS:
            _note_replaced(spec, table[KEYS[kind]])
        table = pa.concat_tables([pq.read_table(spec["current"]), table], promote_options="default")
    table = _latest_by_key(table, KEYS[kind]) if kind in KEYS else _distinct_interactions(table)
    write_table(Path(spec["file"]), table)
    return {"_file": spec["file"], "_bytes": size, "_rows": rows, "_kept": table.num_rows}


def _note_replaced(spec: dict[str, Any], ids: pa.ChunkedArray) -> None:
    imported = set(ids.to_pylist())
    put = query(spec["events"], RECORDS, spec["datasetArn"])
    Path(spec["replaced"]).write_text(json.dumps([record for record in put if record[0] in imported]))


def _least_rows(kind: str, mode: str) -> int:
    """Interactions an import must bring; action interactions only where they are added to others."""
    needed = kind == "INTERACTIONS" or (kind == "ACTION_INTERACTIONS" and mode == "INCREMENTAL")
    return MIN_INTERACTIONS if needed else 0


def write_table(path: Path, table: pa.Table) -> None:
    """A columnar file that appears whole or not at all."""
    with replacing(path, draft=path.with_suffix(".tmp")) as draft:
        pq.write_table(table, draft, compression="zstd")


def read_csv(name: str, data: bytes, kind: str, columns: dict[str, Field]) -> pa.Table:
    """One CSV file as a table with the columns and types of a schema of dataset type `kind`. Raises JobFailed."""
    header = _header(name, data)
    places = _places(name, header, columns)
    try:
        raw = pacsv.read_csv(
            pa.py_buffer(data),
            read_options=pacsv.ReadOptions(
                column_names=[str(n) for n in range(len(header))], skip_rows=1, block_size=BLOCK
            ),
            parse_options=pacsv.ParseOptions(escape_char="\\"),
            convert_options=pacsv.ConvertOptions(
                column_types={str(place): pa.string() for place in places.values()},
                include_columns=[str(place) for place in places.values()],
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise JobFailed(f"{NOT_CONFORMING} ({name}: {error})") from error
    reserved = _reserved(kind)
    arrays = [
        _column(name, field, raw[str(places[column])], reserved)
        if column in places
        else pa.nulls(raw.num_rows, ARROW[field.type])
        for column, field in columns.items()
    ]
    table = pa.table(arrays, names=list(columns))
    return _with_action_events(name, table) if kind == "ACTION_INTERACTIONS" else table


def _header(name: str, data: bytes) -> list[str]:
    if b"\0" in data:  # what UTF-16 and binary files are full of, and no text has
        raise JobFailed(f"{NOT_CONFORMING} ({name}: the file must be UTF-8 text, and it has a NUL byte)")
    line, *rest = re.split(rb"\r\n|\n|\r", data, maxsplit=1)
    if not rest or not rest[0].strip():
        raise JobFailed(f"Input CSV {name} is empty: it needs a header row and data.")
    try:
        return next(csv.reader(io.StringIO(line.decode("utf-8-sig"))))
    except (UnicodeDecodeError, StopIteration, csv.Error) as error:
        raise JobFailed(f"{NOT_CONFORMING} ({name}: the header row is not UTF-8 text)") from error


def _reserved(kind: str) -> pa.Array:
    """The keywords of a dataset type, which must not be values: required and reserved fields."""
    of_type = TYPES[DATASET_TYPES[kind]]
    return pa.array([*of_type.required, *of_type.reserved])


def _places(name: str, header: list[str], columns: dict[str, Field]) -> dict[str, int]:
    """Where each field of the schema stands in the header. A nullable field may be absent."""
    places: dict[str, int] = {}
    wanted = {column.lower(): column for column in columns}
    for place, title in enumerate(header):
        column = wanted.get(title.strip().lower())
        if column in places:
            raise JobFailed(f"Input CSV {name} has the column {column} twice.")
        if column:
            places[column] = place
    missing = [column for column, field in columns.items() if column not in places and not field.nullable]
    if missing:
        raise JobFailed(f"Input CSV is missing the following columns:[{', '.join(missing)}].")
    return places


def _column(name: str, field: Field, values: pa.ChunkedArray, reserved: pa.Array) -> pa.ChunkedArray:
    """Values of one column in their type, checked for nulls, keywords, lines, lengths and ranges."""
    if field.type == "string":
        _check_text(name, field, values, reserved)
        typed = values
    else:
        typed = _typed(name, field, values)
    if typed.null_count and not field.nullable:
        raise _misfit(name, pc.is_null(typed), f"{field.name} is empty")
    return typed


def _check_text(name: str, field: Field, values: pa.ChunkedArray, reserved: pa.Array) -> None:
    keywords = pc.is_in(values, value_set=reserved)
    if pc.any(keywords).as_py():
        row = _first(keywords)
        raise _misfit(name, keywords, f"{field.name} is {values[row]}, a reserved keyword that cannot be a value")
    broken = pc.match_substring(values, "\n")
    if pc.any(broken).as_py():
        raise _misfit(name, broken, f"{field.name} goes over several lines; a record is one line")
    limit = TEXT_LENGTH if field.textual else ID_LENGTH if field.name in IDS else VALUE_LENGTH
    if (pc.max(pc.utf8_length(values)).as_py() or 0) > limit:
        raise JobFailed(TOO_LONG.format(limit=limit, column=field.name))


def _typed(name: str, field: Field, values: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        typed = pc.cast(pc.utf8_trim_whitespace(values), ARROW[field.type])
    except pa.ArrowInvalid as error:
        raise JobFailed(f"{NOT_CONFORMING} ({name}: {field.name} must be {field.type}: {error})") from error
    if pa.types.is_floating(typed.type):
        typed = pc.if_else(pc.is_nan(typed), None, typed)
        if pc.any(pc.is_inf(typed)).as_py():
            raise _misfit(name, pc.is_inf(typed), f"{field.name} is infinite")
    if field.name in ("TIMESTAMP", "CREATION_TIMESTAMP") and (pc.max(typed).as_py() or 0) > LATEST_SECOND:
        late = pc.greater(typed, LATEST_SECOND)
        raise _misfit(name, late, f"{field.name} must be in Unix epoch seconds, not milliseconds")
    return typed


def _with_action_events(name: str, table: pa.Table) -> pa.Table:
    """Event types of action interactions as PutActionInteractions writes them."""
    kinds = pc.replace_substring(pc.utf8_upper(pc.utf8_trim_whitespace(table["EVENT_TYPE"])), " ", "_")
    unknown = pc.invert(pc.is_in(kinds, value_set=pa.array(ACTION_EVENTS)))
    if pc.any(unknown).as_py():
        raise _misfit(name, unknown, f"EVENT_TYPE must be one of {', '.join(ACTION_EVENTS)}")
    return table.set_column(table.column_names.index("EVENT_TYPE"), "EVENT_TYPE", kinds)


def _misfit(name: str, rows: pa.ChunkedArray, why: str) -> JobFailed:
    """The first of the rows, as it is counted in the file, and what is wrong with it."""
    return JobFailed(f"{NOT_CONFORMING} ({name}, row {_first(rows) + 2}: {why})")


def _first(mask: pa.ChunkedArray) -> int:
    return pc.index(mask, True).as_py()


def _distinct_interactions(table: pa.Table) -> pa.Table:
    """Exact duplicates once, each user's rows together and oldest first."""
    distinct = table.group_by(table.column_names, use_threads=False).aggregate([])
    return distinct.sort_by([("USER_ID", "ascending"), ("TIMESTAMP", "ascending")])


def _latest_by_key(table: pa.Table, key: str) -> pa.Table:
    rows = table.append_column("_row", pa.array(np.arange(table.num_rows)))
    last = rows.group_by(key, use_threads=False).aggregate([("_row", "max")])
    return table.take(last["_row_max"])
