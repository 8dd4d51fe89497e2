"""A dataset group in memory: its items and users with their metadata, and who interacted with what.

Item rows are those of the Items dataset in bulk, overlaid with PutItems; the same for users. Interactions are the bulk
ones, each user's together and oldest first; events come on top of them (events.Live).
"""

import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from recsys.local.personalize.schemas import Field

LATEST = 100  # interactions a filter considers, per user and event type


class Items:
    """The item table: n rows by id, with columns a filter can be evaluated on."""

    def __init__(self, fields: dict[str, Field], file: str | None, records: dict[str, dict[str, Any]]) -> None:
        self.fields = fields
        self.lock = threading.Lock()  # held while rows change, and while a filter looks at them
        names = list(fields)
        table = pq.read_table(file, columns=None).to_pydict() if file else {}
        self.ids: list[str] = list(table.get("ITEM_ID", []))
        self.row: dict[str, int] = {item: row for row, item in enumerate(self.ids)}
        empty: list[Any] = [None] * len(self.ids)
        self.columns: dict[str, list[Any]] = {name: list(table.get(name, empty)) for name in names}
        self._numbers: dict[str, np.ndarray] = {}
        self._rows_with: dict[str, dict[str, np.ndarray]] = {}
        for item, document in records.items():
            self.put(item, document)

    def __len__(self) -> int:
        return len(self.ids)

    def put(self, item: str, document: dict[str, Any]) -> None:
        """Add an item or replace its metadata."""
        with self.lock:
            row = self.row.setdefault(item, len(self.ids))
            if row == len(self.ids):
                self.ids.append(item)
                for column in self.columns.values():
                    column.append(None)
            for name, column in self.columns.items():
                column[row] = item if name == "ITEM_ID" else document.get(name)
            self._numbers.clear()
            self._rows_with.clear()

    def _name(self, field: str) -> str | None:
        return next((name for name in self.fields if name.lower() == field.lower()), None)

    def value(self, item_id: str, field: str) -> Any:
        row, name = self.row.get(item_id), self._name(field)
        return None if row is None or name is None else self.columns[name][row]

    def numbers(self, field: str) -> np.ndarray | None:
        name = self._name(field)
        if name is None or not self.fields[name].numeric:
            return None
        if name not in self._numbers:
            column = self.columns[name]
            self._numbers[name] = np.array([np.nan if v is None else v for v in column] + [np.nan], np.float64)
        return self._numbers[name]

    def rows_with(self, field: str, value: str) -> np.ndarray:
        name = self._name(field)
        if name is None:
            return np.empty(0, np.int64)
        if name not in self._rows_with:
            rows: dict[str, list[int]] = defaultdict(list)
            for row, text in enumerate(self.columns[name]):
                if text is not None:
                    for part in str(text).split("|") if self.fields[name].categorical else (str(text),):
                        rows[part].append(row)
            self._rows_with[name] = {part: np.array(found) for part, found in rows.items()}
        return self._rows_with[name].get(value, np.empty(0, np.int64))

    def metadata(self, item_id: str, names: list[str]) -> dict[str, str]:
        """The named columns of an item as texts, those it has."""
        found = {name: self.value(item_id, name) for name in names}
        return {name: str(value) for name, value in found.items() if value is not None}


@dataclass
class Interactions:
    """Bulk interactions: user u's are offsets[u]:offsets[u+1] of the flat arrays, oldest first.

    items, types (n,) int32 codes into item_ids and type_names; times (n,) int64 epoch seconds; values (n,) float64.
    """

    users: dict[str, int]
    offsets: np.ndarray
    items: np.ndarray
    item_ids: list[str]
    times: np.ndarray
    types: np.ndarray
    type_names: list[str]
    values: np.ndarray

    @classmethod
    def read(cls, file: str | None) -> "Interactions":
        if file is None:
            none = np.empty(0, np.int64)
            return cls({}, np.zeros(1, np.int64), none, [], none, none, [], none.astype(float))
        table = pq.read_table(file)
        count = table.num_rows
        user_codes, user_ids = _coded(table["USER_ID"])
        starts = np.flatnonzero(np.r_[True, user_codes[1:] != user_codes[:-1]]) if count else np.empty(0, np.int64)
        items, item_ids = _coded(table["ITEM_ID"])
        types, type_names = _coded(table["EVENT_TYPE"]) if "EVENT_TYPE" in table.column_names else (None, [""])
        values = table["EVENT_VALUE"].to_numpy() if "EVENT_VALUE" in table.column_names else np.full(count, np.nan)
        return cls(
            users={user_ids[user_codes[start]]: number for number, start in enumerate(starts)},
            offsets=np.r_[starts, count],
            items=items,
            item_ids=item_ids,
            times=table["TIMESTAMP"].to_numpy(),
            types=np.zeros(count, np.int32) if types is None else types,
            type_names=type_names,
            values=values.astype(np.float64),
        )

    def slice(self, user: str) -> slice:
        number = self.users.get(user)
        return slice(0, 0) if number is None else slice(self.offsets[number], self.offsets[number + 1])


def _coded(column: Any) -> tuple[np.ndarray, list[str]]:
    """A text column as int32 codes into its distinct values."""
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32), encoded.dictionary.to_pylist()


@dataclass
class Group:
    """One dataset group in memory."""

    arn: str
    items: Items
    users: dict[str, dict[str, Any]]
    interactions: Interactions


def read_users(file: str | None, records: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every user's metadata by user id."""
    users = {}
    if file:
        users = {row["USER_ID"]: row for row in pq.read_table(file).to_pylist()}
    return users | records
