"""What a training learns from: data imported in bulk, data put one by one, and the solution's choice of both."""

import hashlib
import json
import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from recsys.columns import ACTION_ID, EVENT_TYPE, EVENT_VALUE, ITEM_ID, TIMESTAMP, USER_ID
from recsys.local.personalize.events.reading import RECORDS, newest, owned, query
from recsys.local.personalize.recipes import RECIPES
from recsys.local.personalize.schemas import KEYS, Field, fields
from recsys.local.personalize.selection import Selection, learned
from recsys.models import Sequences

DAY = 86_400
INTERACTION = (USER_ID, ITEM_ID, TIMESTAMP, EVENT_TYPE, EVENT_VALUE)
ACTION_INTERACTION = (USER_ID, ACTION_ID, TIMESTAMP, EVENT_TYPE)


class TrainingFailed(Exception):
    """Why a solution version or a recommender fails, as its failureReason says it."""


class Data:
    """The data of one training, by its spec (control/training.py); what no engine asks for is never read."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec, self.config, self.recipe = spec, spec["config"], RECIPES[spec["recipe"]]
        self.selection = Selection.of(spec["eventType"] or self.recipe.event, self.config)
        given = self.config.get("featureTransformationParameters", {}) | self.config.get("algorithmHyperParameters", {})
        self.given: dict[str, str] = given
        self.parameters = {name: each.default for name, each in self.recipe.settable.items()} | given

    @cached_property
    def interactions(self) -> pd.DataFrame:
        """All item interactions and events, exact duplicates once; see INTERACTION."""
        return _joined(INTERACTION, self._bulk("INTERACTIONS", INTERACTION), self._events())

    @cached_property
    def chosen(self) -> tuple[pd.DataFrame, np.ndarray | None]:
        """The interactions the solution learns from, and what each weighs where they differ."""
        table = self.interactions
        if self.selection.everything and not self.selection.weighted:
            return table, None
        codes, types = pd.factorize(table[EVENT_TYPE].fillna(""))
        values = table[EVENT_VALUE].to_numpy(np.float64, na_value=np.nan)
        weights = self.selection.weights(list(types), codes, values)
        let_in = weights >= 0
        return table[let_in], weights[let_in] if self.selection.weighted else None

    def sequences(self, catalogue: Sequence[str] = ()) -> Sequences:
        """The chosen interactions by user; `catalogue` adds items that nobody has touched."""
        table, weights = self.chosen
        if "cold_start_max_duration" in self.parameters and self.items[ITEM_ID]:
            table = table[~self._cold(table)]
        if len(table):
            return Sequences.from_interactions(table, catalogue, weights)
        nothing, nobody = np.empty(0, np.int64), np.empty(0, object)
        return Sequences(nobody, np.array(sorted(catalogue), object), np.zeros(1, np.int64), nothing, nothing)

    @cached_property
    def action_interactions(self) -> pd.DataFrame:
        """See ACTION_INTERACTION."""
        return _joined(ACTION_INTERACTION, self._bulk("ACTION_INTERACTIONS", ACTION_INTERACTION), self._action_events())

    def fields(self, kind: str) -> dict[str, Field]:
        """The columns of a dataset that may be learned from: excludedDatasetColumns and includedDatasetColumns."""
        if kind not in self.spec["schemas"]:
            return {}
        columns = {name: field for name, field in fields(self.spec["schemas"][kind]).items() if name != KEYS[kind]}
        return learned(columns, self.config.get("trainingDataConfig", {}), kind)

    def rows(self, kind: str) -> dict[str, list[Any]]:
        """The rows of Items, Users or Actions by column, what was put over what was imported; ids first."""
        if kind not in self.spec["schemas"]:
            return {KEYS[kind]: []}
        key, file = KEYS[kind], self.spec["files"].get(kind)
        names = [key, *(name for name in fields(self.spec["schemas"][kind]) if name != key)]
        bulk = pq.read_table(file).to_pydict() if file else {}
        columns = {name: bulk.get(name, [None] * len(bulk.get(key, []))) for name in names}
        place = {each: row for row, each in enumerate(columns[key])}
        for each, text in self._records(kind):
            document = json.loads(text)
            row = place.setdefault(each, len(place))
            for name, column in columns.items():
                column[row : row + 1] = [each if name == key else document.get(name)]
        return columns

    @cached_property
    def items(self) -> dict[str, list[Any]]:
        """The rows of the Items dataset."""
        return self.rows("ITEMS")

    @property
    def catalogue_size(self) -> int:
        """Unique items in the Interactions and Items datasets, as Personalize's coverage counts them."""
        return len(set(self.chosen[0][ITEM_ID]) | set(self.items[ITEM_ID]))

    def seen(self) -> dict[str, Any]:
        """What tells whether a dataset has changed since: files, and how far the log of what was put reaches."""
        records = [sorted(self._records(kind)) for kind in KEYS]
        digest = hashlib.sha256(repr(records).encode()).hexdigest()
        reached = newest(self.spec["events"], self.spec["group"])
        return {"files": self.spec["files"], "newest": reached, "records": digest}

    def _cold(self, table: pd.DataFrame) -> np.ndarray:
        """(n,) bool: interactions with items that are cold, by the cold_start_* features of aws-hrnn-coldstart.

        A cold item has few interactions, the first of them not long ago: it is left to its metadata.
        """
        items = table.groupby(ITEM_ID)[TIMESTAMP].agg(["size", "min"])
        now = time.time() if self.parameters["cold_start_relative_from"] == "currentTime" else table[TIMESTAMP].max()
        few = items["size"] <= int(self.parameters["cold_start_max_interactions"])
        young = items["min"] >= now - float(self.parameters["cold_start_max_duration"]) * DAY
        return table[ITEM_ID].isin(items.index[few & young]).to_numpy()

    def _bulk(self, kind: str, columns: tuple[str, ...]) -> pd.DataFrame:
        file = self.spec["files"].get(kind)
        if not file:
            return pd.DataFrame()
        return pd.read_parquet(file, columns=[name for name in columns if name in pq.read_schema(file).names])

    def _events(self) -> pd.DataFrame:
        """Events with an item."""
        rows = self._put("SELECT session, user, item, sent, type, value FROM events")
        return pd.DataFrame(rows, columns=list(INTERACTION))

    def _action_events(self) -> pd.DataFrame:
        rows = self._put("SELECT session, user, action, sent, type FROM action_events")
        return pd.DataFrame(rows, columns=list(ACTION_INTERACTION))

    def _put(self, select: str) -> list[tuple[Any, ...]]:
        """Of users: a session that no user has joined is not learned from."""
        rows = self._query(f"{select} WHERE dataset_group = ? ORDER BY number", self.spec["group"])
        users = {user for _, user, *_ in rows}
        return [
            (owner, thing, int(sent), *more) for owner, thing, sent, *more in owned(rows) if thing and owner in users
        ]

    def _records(self, kind: str) -> list[tuple[str, str]]:
        """Ids and JSON documents of what was put one by one."""
        return self._query(RECORDS, self.spec["datasets"].get(kind))

    def _query(self, statement: str, of: str | None) -> list[tuple[Any, ...]]:
        return query(self.spec["events"], statement, of)


def _joined(columns: tuple[str, ...], *frames: pd.DataFrame) -> pd.DataFrame:
    some = [frame.reindex(columns=list(columns)) for frame in frames if len(frame)]
    if not some:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(some, ignore_index=True).drop_duplicates(ignore_index=True)
