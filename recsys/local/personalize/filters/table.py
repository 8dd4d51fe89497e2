"""The rows of one dataset by id: values for answers, columns for filters.

What was imported in bulk stays in arrow; a row put since lies over it as a document. A column is laid out for filters
when a filter first asks for it, and every put patches those that are: a put costs the same in a table of any size.

Row 0 belongs to no id. It stands for every id without a row, and all its values are null.
"""

import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recsys.local.personalize.filters.columns import Column, column_of
from recsys.local.personalize.schemas import Field

REMEMBERED = 100_000  # values taken out of arrow, which takes longer than all else that is done for one

Document = Mapping[str, Any]


class Table:
    """n rows of Items, Users or Actions. `row`: id -> 1..n. `version` rises with every change of a row.

    lock: held while rows change, and by who evaluates columns.
    """

    def __init__(
        self,
        key: str,
        fields: Mapping[str, Field],
        file: str | None = None,
        records: Mapping[str, Document] = MappingProxyType({}),
    ) -> None:
        self.key, self.fields, self.version, self.lock = key, fields, 0, threading.Lock()
        bulk = pq.read_table(file) if file else pa.table({key: pa.array([], pa.string())})
        self.ids: list[str] = ["", *bulk[key].to_pylist()]
        self.row = {each: row for row, each in enumerate(self.ids) if row}
        self._bulk = {name: bulk[name] for name in bulk.column_names}
        self._nulls = pa.chunked_array([pa.nulls(bulk.num_rows, pa.string())])
        self._read = lru_cache(REMEMBERED)(lambda name, row: self._bulk.get(name, self._nulls)[row - 1].as_py())
        self._names = {name.lower(): name for name in fields}
        self._documents: dict[int, Document] = {}
        self._columns: dict[str, Column] = {}
        for each, document in records.items():
            self.put(each, document)

    def put(self, row_id: str, document: Document) -> None:
        """Add a row or replace all its values."""
        with self.lock:
            row = self.row.get(row_id, len(self.ids))
            self._documents[row] = {**document, self.key: row_id}  # before the row can be found: value() takes no lock
            if row == len(self.ids):
                self.ids.append(row_id)
                self.row[row_id] = row
            for name, column in self._columns.items():
                column.put(row, self._documents[row].get(name))
            self.version += 1

    def value(self, row_id: str | None, field: str) -> Any:
        """One value, or None; the field's name in any case."""
        row, name = self.row.get(row_id), self._names.get(field.lower())
        if row is None or name is None:
            return None
        if row in self._documents:
            return self._documents[row].get(name)
        return self._read(name, row)

    def parts(self, row_id: str | None, field: str) -> list[Any]:
        """The values of a field that may have several: none for null, each part of `shoes|sale` if categorical."""
        value = self.value(row_id, field)
        several = isinstance(value, str) and self.field(field).categorical
        return value.split("|") if several else [] if value is None else [value]

    def metadata(self, row_id: str, names: Sequence[str]) -> dict[str, str]:
        """The named values of a row as texts, those it has, under the names answers have: `title` for TITLE.

        [So AWS's answers are; that names of several words follow in camel case, as in properties, is taken from there.]
        """
        found = {self.fields[self._names[name.lower()]].camel: self.value(row_id, name) for name in names}
        return {name: str(value) for name, value in found.items() if value is not None}

    def field(self, name: str) -> Field:
        """A field by its name; one that came with a later schema has no value in any row."""
        return self.fields.get(name) or Field(name, ("null", "string"))

    def column(self, name: str) -> Column:
        """A field's column, laid out if it is not yet. To be called with the lock held."""
        if name not in self._columns:
            column = column_of(self.field(name), self._bulk.get(name, self._nulls))
            for row, document in self._documents.items():
                column.put(row, document.get(name))
            self._columns[name] = column
        return self._columns[name]

    def holds(self, row_id: str | None, name: str, op: str, wanted: Sequence[Any]) -> bool:
        """Whether a condition is true of one row, in the same sense as of a column."""
        column = column_of(self.field(name))
        column.put(1, self.value(row_id, name))
        return bool(column.matches(op, wanted)[1])
