"""A dataset group in memory: its items and users with their metadata, and who interacted with what.

Item rows are those of the Items dataset in bulk, overlaid with PutItems; the same for users. Interactions are the bulk
ones, each user's together and oldest first; events come on top of them (events.Live).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from recsys.local.personalize.filters import Table

LATEST = 100  # interactions a filter considers, per user and event type


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
    items: Table
    users: Table
    interactions: Interactions
