"""Events put one by one, reported to CloudWatch as a group's metric attribution asks.

The events themselves are on disk already; kept beside them is only how far each attribution has been reported. What
was not reported when the server stopped, or while CloudWatch was away, is worked out from there: counts survive every
stop, and the last few seconds before a kill may be reported twice.

As on AWS an event's source is its eventAttributionSource, else the campaign or recommender that made its
recommendationId, and events are reported up to 14 days back. [AWS does not say: an event sent from more than two hours
ahead is not reported, CloudWatch would refuse it; of a recommendationId whose maker is deleted the source is unknown.]
"""

import json
import math
import time
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from recsys.local.personalize.attribution.plan import active_attributions, last_event, marks_of, metrics_of
from recsys.local.personalize.attribution.totals import UNDEFINED, Metric, Total, admitted, bulk_values, datum, totals
from recsys.local.personalize.control.control import Control
from recsys.local.personalize.control.kinds.datasets import group_datasets
from recsys.local.personalize.events.log import EventLog
from recsys.local.personalize.schemas import plain
from recsys.local.personalize.serving.sources import mark_of
from recsys.local.shared.cloudwatch import NEWEST, OLDEST, Put
from recsys.local.shared.store import Resource, connect, read_only

TABLES = """
CREATE TABLE IF NOT EXISTS reported (attribution INTEGER PRIMARY KEY, event INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS sources (
    attribution INTEGER NOT NULL, source TEXT NOT NULL, PRIMARY KEY (attribution, source)
);
"""
EVENTS = """
SELECT number, item, type, value, sent, more FROM events
WHERE dataset_group = ? AND number > ? AND number <= ? ORDER BY number LIMIT ?
"""
SOURCES = "SELECT source FROM sources WHERE attribution = ?"
AT_ONCE = 5000  # events
KEPT = {
    "NUMBER": pa.int64(),
    "EVENT_TYPE": pa.string(),
    "ITEM_ID": pa.string(),
    "TIMESTAMP": pa.int64(),
    "SOURCE": pa.string(),
}


@dataclass(frozen=True)
class Plan:
    """What is to be known of an attribution to report it.

    until: the newest event when this was made; a metric that is added later measures from there on.
    """

    number: int
    until: int
    group: str
    metrics: list[Metric]
    marks: dict[str, str]  # what recommendationIds are marked with -> the campaign or recommender
    items: tuple[str, str | None] | None  # the Items dataset and its columnar file

    @property
    def since(self) -> int:
        return min((metric.since for metric in self.metrics), default=0)

    @property
    def columns(self) -> set[str]:
        """The columns of interactions to be summed."""
        return {metric.column for metric in self.metrics if metric.column and metric.dataset == "Interactions"}


class Attributions:
    """Reports every attribution's new events."""

    def __init__(self, control: Control, events: EventLog) -> None:
        self._control, self._events = control, events
        self._db = connect(control.folder / "attribution.sqlite")
        self._db.executescript(TABLES)
        self._log = read_only(control.folder / "events.sqlite")

    def close(self) -> None:
        self._log.close()
        self._db.close()

    def report(self, put: Put) -> None:
        """Put what is new. What cannot be put stays to be reported."""
        for plan in self._control.actor.submit(self._plans).result():
            while self._report(plan, put):
                pass

    def _report(self, plan: Plan, put: Put) -> bool:
        """One portion; whether there may be more."""
        row = self._db.execute("SELECT event FROM reported WHERE attribution = ?", (plan.number,)).fetchone()
        after = max(row[0] if row else 0, plan.since)
        rows = self._log.execute(EVENTS, (plan.group, after, plan.until, AT_ONCE)).fetchall()
        if not rows:
            return False
        known = {source for (source,) in self._db.execute(SOURCES, (plan.number,))}
        table = _table(rows, plan, known)
        data = [datum(total, plan.group) for metric in plan.metrics for total in self._totals(metric, table, plan)]
        if data and not put(data):
            return False
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT OR REPLACE INTO reported VALUES (?, ?)", (plan.number, rows[-1][0]))
        self._db.executemany("INSERT OR IGNORE INTO sources VALUES (?, ?)", [(plan.number, each) for each in known])
        self._db.execute("COMMIT")
        return len(rows) == AT_ONCE

    def _totals(self, metric: Metric, table: pa.Table, plan: Plan) -> Iterator[Total]:
        """Of the events since the metric was created."""
        return totals(metric, table.filter(pc.greater(table["NUMBER"], metric.since)), partial(self._item_values, plan))

    def _item_values(self, plan: Plan, column: str) -> Mapping[str, float | None]:
        """A column of the Items dataset by item id, with what was put one by one in place of the bulk data."""
        if plan.items is None:
            return {}
        dataset, file = plan.items
        with self._events.lock:
            put = {item: row.get(column) for item, row in self._events.records.get(dataset, {}).items()}
        return ChainMap(put, bulk_values(file, column))

    # On the control plane's thread

    def _plans(self) -> list[Plan]:
        found = active_attributions(self._control)
        until = last_event(self._control) if found else 0
        return [self._plan(attribution, until) for attribution in found]

    def _plan(self, attribution: Resource, until: int) -> Plan:
        group = attribution.document["datasetGroupArn"]
        items = group_datasets(self._control, group).get("ITEMS")
        return Plan(
            attribution.number,
            until,
            group,
            metrics_of(self._control, attribution),
            marks_of(self._control, group),
            (items.arn, items.document.get("_file")) if items else None,
        )


def _table(rows: list[tuple[Any, ...]], plan: Plan, known: set[str]) -> pa.Table:
    """Events as `totals` wants them, with their NUMBER; `known` gets the sources that are new."""
    now, columns = time.time(), plan.columns
    table: dict[str, list[Any]] = {name: [] for name in (*KEPT, *columns)}
    for number, item, kind, value, sent, text in rows:
        if not now - OLDEST < sent < now + NEWEST:
            continue
        more = json.loads(text)
        source = admitted(_source(more, plan.marks), known)
        for name, each in zip(KEPT, (number, kind, item, int(sent), source), strict=True):
            table[name].append(each)
        for name in columns:
            table[name].append(value if name == "EVENT_VALUE" else _property(more, name))
    types = [*KEPT.values(), *(pa.float64() for _ in columns)]
    return pa.table([pa.array(values, kind) for values, kind in zip(table.values(), types, strict=True)], list(table))


def _source(more: dict[str, Any], marks: dict[str, str]) -> str:
    given = more.get("metricAttribution", {}).get("eventAttributionSource")
    return given or marks.get(mark_of(more.get("recommendationId", "")), UNDEFINED)


def _property(more: dict[str, Any], column: str) -> float | None:
    """The value that an event's properties give a column, if it is a number."""
    for name, value in json.loads(more.get("properties", "{}")).items():
        if plain(name) == plain(column) and isinstance(value, (int, float)) and math.isfinite(value):
            return float(value)
    return None
