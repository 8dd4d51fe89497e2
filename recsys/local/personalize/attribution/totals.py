"""What a metric attribution measures: the grammar of its expressions, and totals over interactions.

Source: developer guide, "Measuring recommendation impact with a metric attribution". A metric counts the events of a
type, SAMPLECOUNT(), or sums a numeric column over them, SUM(Items.PRICE), per source and quarter of an hour.

[AWS does not say: event types compare without case, as in filters; windows begin at the full quarter of an hour; an
event whose item has no value in the column adds nothing to a sum.]
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from lark import Lark, UnexpectedInput

from recsys.local.personalize.errors import invalid

GRAMMAR = r"""
start: "SUM"i "(" NAME "." NAME ")" | "SAMPLECOUNT"i "(" ")"
NAME: /[A-Za-z_][A-Za-z0-9_]*/
%ignore /\s+/
"""
WINDOW = 900  # seconds
UNDEFINED = "SOURCE_NAME_UNDEFINED"
MOST_SOURCES = 100

Values = Callable[[str], Mapping[str, float | None]]  # a column of the Items dataset -> item id -> value


@dataclass(frozen=True)
class Metric:
    """One metric of an attribution; dataset ("Items" or "Interactions") and column are None for SAMPLECOUNT().

    since: the number of the last event that came before the metric was created.
    """

    name: str
    event_type: str
    dataset: str | None = None
    column: str | None = None
    since: int = 0

    @property
    def function(self) -> str:
        return "sum" if self.column else "samplecount"


@dataclass(frozen=True)
class Total:
    """A metric's events of one source in the window that begins at `start` (epoch seconds)."""

    metric: Metric
    source: str
    start: int
    count: int
    total: float
    low: float
    high: float


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr")


def parse(expression: str) -> tuple[str, str] | None:
    """(dataset, column) of a sum as they are written, None for a count. Raises InvalidInputException."""
    try:
        names = _parser().parse(expression).children
    except UnexpectedInput as error:
        at_end = getattr(getattr(error, "token", None), "type", "") == "$END"
        column = len(expression) + 1 if at_end else error.column
        raise invalid(
            f"Invalid metric expression {expression!r} at column {column}: the functions are "
            "SUM(DatasetType.COLUMN_NAME) and SAMPLECOUNT()."
        ) from None
    return (str(names[0]), str(names[1])) if names else None


def totals(metric: Metric, events: pa.Table, item_values: Values) -> Iterator[Total]:
    """A metric's totals over events (EVENT_TYPE, ITEM_ID, TIMESTAMP in whole seconds, SOURCE, columns to be summed)."""
    wanted = pc.equal(pc.utf8_lower(events["EVENT_TYPE"]), metric.event_type.lower())
    chosen = events.filter(wanted)
    chosen = chosen.append_column("_value", _values(metric, chosen, item_values))
    chosen = chosen.filter(pc.is_valid(chosen["_value"]))
    times = chosen["TIMESTAMP"]
    starts = pc.multiply(pc.divide(times, WINDOW), WINDOW)
    kinds = ("count", "sum", "min", "max")
    grouped = pa.table({"source": chosen["SOURCE"], "start": starts, "v": chosen["_value"]})
    for row in grouped.group_by(["source", "start"]).aggregate([("v", kind) for kind in kinds]).to_pylist():
        yield Total(metric, row["source"], row["start"], *(row[f"v_{kind}"] for kind in kinds))


def _values(metric: Metric, events: pa.Table, item_values: Values) -> pa.ChunkedArray:
    """(n events,) float64, null where there is nothing to sum."""
    if metric.column is None:
        return pa.chunked_array([pa.array([1.0] * len(events), pa.float64())])
    if metric.dataset == "Interactions":
        return pc.cast(events[metric.column], pa.float64())
    values = item_values(metric.column)
    return pa.chunked_array([pa.array([values.get(item) for item in events["ITEM_ID"].to_pylist()], pa.float64())])


@lru_cache(maxsize=4)
def bulk_values(file: str | None, column: str) -> dict[str, float]:
    """A column of an Items dataset's columnar file by item id; a file never changes."""
    if file is None or column not in pq.read_schema(file).names:
        return {}
    table = pq.read_table(file, columns=["ITEM_ID", column])
    pairs = zip(table["ITEM_ID"].to_pylist(), table[column].to_pylist(), strict=True)
    return {item: value for item, value in pairs if value is not None}


def datum(total: Total, group: str) -> dict[str, Any]:
    """A total for CloudWatch, in AWS/Personalize under the metric's own name.

    [The guide gives the name to search for only; the dimensions are ours: the dataset group and the source, called
    as the reports call it. Both Sum and SampleCount of the data are what they say.]
    """
    return {
        "MetricName": total.metric.name,
        "Dimensions": [
            {"Name": "DatasetGroupArn", "Value": group},
            {"Name": "EVENT_ATTRIBUTION_SOURCE", "Value": total.source},
        ],
        "Timestamp": total.start,
        "Unit": "None" if total.metric.column else "Count",
        "StatisticValues": {
            "SampleCount": total.count,
            "Sum": total.total,
            "Minimum": total.low,
            "Maximum": total.high,
        },
    }


def admitted(source: str, known: set[str]) -> str:
    """A source as it is counted; beyond 100 of them they have no name of their own any more [AWS does not say]."""
    if source == UNDEFINED or (source not in known and len(known) >= MOST_SOURCES):
        return UNDEFINED
    known.add(source)
    return source
