"""A dataset group in memory: its items, users and actions with their metadata, and who interacted with what.

Rows of Items, Users and Actions are those imported in bulk, overlaid with what was put since. Interactions are the bulk
ones, each user's together and oldest first; events come on top of them (events.Live).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys.local.personalize.events.live import Live
from recsys.local.personalize.filters import Table
from recsys.local.personalize.schemas import DATASET_TYPES, KEYS, Field


@dataclass
class Interactions:
    """Bulk interactions: user u's are offsets[u]:offsets[u+1] of the flat arrays, oldest first.

    items, types (n,) int32 codes into item_ids and type_names; times (n,) int64 epoch seconds; values (n,) float64.
    file: where they and their other columns are, in the same order; None where nothing was imported. shown: how often
    each item was, by the column IMPRESSION.
    """

    users: dict[str, int]
    offsets: np.ndarray
    items: np.ndarray
    item_ids: list[str]
    times: np.ndarray
    types: np.ndarray
    type_names: list[str]
    values: np.ndarray
    file: str | None = None
    shown: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, file: str | None, item: str = "ITEM_ID") -> "Interactions":
        """The interactions of a dataset's file; `item` names the column of what users interact with."""
        if file is None:
            none = np.empty(0, np.int64)
            return cls({}, np.zeros(1, np.int64), none, [], none, none, [], none.astype(float))
        names = pq.read_schema(file).names
        wanted = ["USER_ID", item, "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE", "IMPRESSION"]
        table = pq.read_table(file, columns=[name for name in wanted if name in names])
        count = table.num_rows
        user_codes, user_ids = coded(table["USER_ID"])
        starts = np.flatnonzero(np.r_[True, user_codes[1:] != user_codes[:-1]]) if count else np.empty(0, np.int64)
        items, item_ids = coded(table[item])
        types, type_names = coded(table["EVENT_TYPE"]) if "EVENT_TYPE" in names else (np.zeros(count, np.int32), [""])
        values = table["EVENT_VALUE"].to_numpy() if "EVENT_VALUE" in names else np.full(count, np.nan)
        return cls(
            users={user_ids[user_codes[start]]: number for number, start in enumerate(starts)},
            offsets=np.r_[starts, count],
            items=items,
            item_ids=item_ids,
            times=table["TIMESTAMP"].to_numpy(),
            types=types,
            type_names=[name or "" for name in type_names],
            values=values.astype(np.float64),
            file=file,
            shown=_counted(table["IMPRESSION"]) if "IMPRESSION" in names else {},
        )

    def slice(self, user: str) -> slice:
        number = self.users.get(user)
        return slice(0, 0) if number is None else slice(self.offsets[number], self.offsets[number + 1])


def coded(column: Any) -> tuple[np.ndarray, list[Any]]:
    """A column as int32 codes into its distinct values, of which null may be one."""
    encoded = column.combine_chunks().dictionary_encode("encode")
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32), encoded.dictionary.to_pylist()


def _counted(impressions: pa.ChunkedArray) -> dict[str, int]:
    """How often each item is listed in a column of impressions, `i1|i2`."""
    counts = pc.value_counts(pc.list_flatten(pc.split_pattern(impressions, "|")))
    return dict(zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True))


@dataclass
class Group:
    """One dataset group in memory.

    tables: Items, Users and Actions by dataset type; acted: the bulk action interactions; live: the events. put: ids of
    items that were put, in the order they came, so that who keeps something about items knows what to look at again.
    """

    arn: str
    fields: Mapping[str, Mapping[str, Field]]
    tables: dict[str, Table]
    interactions: Interactions
    acted: Interactions
    live: Live
    put: list[str] = field(default_factory=list)

    @classmethod
    def read(
        cls,
        arn: str,
        files: Mapping[str, str | None],
        fields: Mapping[str, Mapping[str, Field]],
        live: Live,
    ) -> "Group":
        """files: what was imported in bulk, by dataset type; fields: by the name a filter calls a dataset."""
        tables = {kind: Table(key, fields.get(DATASET_TYPES[kind], {}), files.get(kind)) for kind, key in KEYS.items()}
        interactions = Interactions.read(files.get("INTERACTIONS"))
        acted = Interactions.read(files.get("ACTION_INTERACTIONS"), item="ACTION_ID")
        return cls(arn, fields, tables, interactions, acted, live)

    @property
    def latest(self) -> float:
        """When the newest interaction with an item was, epoch seconds."""
        return max(float(self.interactions.times.max(initial=0)), self.live.latest)

    @property
    def items(self) -> Table:
        return self.tables["ITEMS"]

    @property
    def users(self) -> Table:
        return self.tables["USERS"]

    @property
    def actions(self) -> Table:
        return self.tables["ACTIONS"]

    def record(self, kind: str, key: str, document: Mapping[str, Any]) -> None:
        """Take in a row of Items, Users or Actions that was put. On the event writer's thread."""
        self.tables[kind].put(key, document)
        if kind == "ITEMS":
            self.put.append(key)


class Reader:
    """The entries of a list that only grows, each once; another thread may be appending to it."""

    def __init__(self, journal: list[Any], seen: int = 0) -> None:
        self._journal, self._seen = journal, seen

    def new(self) -> list[Any]:
        """The entries since the last time."""
        entries = self._journal[self._seen :]
        self._seen += len(entries)
        return entries


def documents(table: Table, ids: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
    """The named values of each of the rows."""
    return [{name: table.value(each, name) for name in names} for each in ids]
