"""What a filter costs over a large catalogue, side by side with a row-by-row reading of the same rows in Python.

    python -m benchmarks.filters
    python -m benchmarks.filters --items 1000000 --seed 3

Columns of the answer: the first evaluation, which lays the columns out; any later one; one right after PutItems changed
a row; the row-by-row reading. Both must let the same items through.
"""

import argparse
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.machine import machine
from recsys.local.personalize.filters import Candidates, Scene, Table, allowed, by_type, check_filter
from recsys.local.personalize.schemas import Field

Row = dict[str, Any]

FIELDS = {
    "ITEM_ID": Field("ITEM_ID", ("string",)),
    "CATEGORY": Field("CATEGORY", ("null", "string"), categorical=True),
    "BRAND": Field("BRAND", ("null", "string"), categorical=True),
    "PRICE": Field("PRICE", ("null", "float")),
    "STOCK": Field("STOCK", ("long",)),
    "RATING": Field("RATING", ("null", "float")),
    "CREATION_TIMESTAMP": Field("CREATION_TIMESTAMP", ("long",)),
}
GROUP = {"Items": FIELDS, "Interactions": {"EVENT_TYPE": Field("EVENT_TYPE", ("string",))}}
TYPES = ("view", "cart", "purchase")
REPEATS = 200


@dataclass(frozen=True)
class Case:
    """A filter, the values of its placeholders, and what it means for one row of a user."""

    name: str
    expression: str
    keeps: Callable[[Row, set[str]], bool]
    values: dict[str, str] = field(default_factory=dict)


def parts(row: Row) -> list[str]:
    return (row["CATEGORY"] or "").split("|")


def between(row: Row, low: float, high: float) -> bool:
    return row["PRICE"] is not None and low <= row["PRICE"] < high


CASES = (
    Case(
        "static category",
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("c7", "c11")',
        lambda row, _: "c7" in parts(row) or "c11" in parts(row),
    ),
    Case(
        "$category",
        "INCLUDE ItemID WHERE Items.CATEGORY IN ($WANTED)",
        lambda row, _: "c7" in parts(row) or "c11" in parts(row),
        {"WANTED": '"c7","c11"'},
    ),
    Case(
        "$price range",
        "INCLUDE ItemID WHERE Items.PRICE >= $LOW AND Items.PRICE < $HIGH",
        lambda row, _: between(row, 20, 60),
        {"LOW": "20", "HIGH": "60"},
    ),
    Case(
        "no views or purchases",
        'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("view", "purchase")',
        lambda row, touched: row["ITEM_ID"] not in touched,
    ),
    Case(
        "mixed",
        "INCLUDE ItemID WHERE Items.CATEGORY IN ($WANTED) AND Items.PRICE < $HIGH | "
        'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("view", "purchase") | EXCLUDE ItemID WHERE Items.STOCK = 0',
        lambda row, touched: (
            "c7" in parts(row) and between(row, 0, 60) and row["ITEM_ID"] not in touched and row["STOCK"] != 0
        ),
        {"WANTED": '"c7"', "HIGH": "60"},
    ),
)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000, help="rows of the catalogue (100,000)")
    parser.add_argument("--history", type=int, default=500, help="interactions of the user who asks (500)")
    parser.add_argument("--seed", type=int, default=0, help="of the catalogue and the user (0)")
    options = parser.parse_args()
    print(f"{machine()}, python {platform.python_version()}, numpy {np.__version__}")
    print(f"{options.items:,} items, {len(FIELDS) - 1} columns, a user with {options.history} interactions\n")
    rng = np.random.default_rng(options.seed)
    rows = catalogue(rng, options.items)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "items.parquet"
        pq.write_table(rows, file, compression="zstd")
        table, loading = timed(lambda: Table("ITEM_ID", FIELDS, str(file)))
    ids = [f"i{place}" for place in rng.permutation(options.items)]  # a model has its items in an order of its own
    candidates, placing = timed(lambda: Candidates(table, {each: place for place, each in enumerate(ids)}))
    items, types = rng.integers(0, options.items, options.history), rng.integers(0, len(TYPES), options.history)
    scene = Scene(interacted=lambda: by_type(items, types, TYPES, 100))
    print(f"{'':24}{'first':>10}{'again':>10}{'after put':>11}{'row by row':>12}{'kept':>10}")
    plain = rows.to_pylist()
    for case in CASES:
        print(line(case, candidates, scene, plain, ids))
    put = [timed(lambda: table.put("new", plain[0]))[1] for _ in range(REPEATS)]
    print(f"\nread the table {show(loading)}, place the candidates {show(placing)}, put one item {show(median(put))}")


def catalogue(rng: np.random.Generator, items: int) -> pa.Table:
    """Items with one to three of 200 categories, one of 1,000 brands, some values missing."""
    several = rng.integers(0, 200, (items, 3))
    counts = rng.integers(1, 4, items)
    categories = ["|".join(f"c{each}" for each in row[:count]) for row, count in zip(several, counts, strict=True)]
    missing = rng.random((2, items)) < 0.05
    return pa.table(
        {
            "ITEM_ID": [f"i{number}" for number in range(items)],
            "CATEGORY": pa.array(categories, mask=missing[0]),
            "BRAND": [f"b{number}" for number in rng.integers(0, 1000, items)],
            "PRICE": pa.array(rng.gamma(2.0, 30.0, items).round(2), mask=missing[1]),
            "STOCK": rng.poisson(2.0, items),
            "RATING": rng.random(items).round(1) * 5,
            "CREATION_TIMESTAMP": rng.integers(1_600_000_000, 1_700_000_000, items),
        }
    )


def line(case: Case, candidates: Candidates, scene: Scene, rows: list[Row], ids: list[str]) -> str:
    """One filter measured in each way. Raises AssertionError where the two disagree."""
    clauses, table = check_filter(case.expression, GROUP), candidates.table

    def evaluate() -> np.ndarray:
        return allowed(clauses, case.values, candidates, scene)

    mask, first = timed(evaluate)
    again = median(timed(evaluate)[1] for _ in range(REPEATS))
    after_put = []
    for row in rows[:REPEATS]:
        table.put(row["ITEM_ID"], row)
        after_put.append(timed(evaluate)[1])
    touched = {ids[place] for kind in ("view", "purchase") for place in scene.interacted()[kind]}
    kept, slow = timed(lambda: {row["ITEM_ID"] for row in rows if case.keeps(row, touched)})
    assert {ids[place] for place in np.flatnonzero(mask)} == kept, case.name
    times = f"{show(first):>10}{show(again):>10}{show(median(after_put)):>11}{show(slow):>12}"
    return f"{case.name:24}{times}{len(kept) / len(ids):>10.1%}"


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """The answer and the seconds it took."""
    start = time.perf_counter()
    answer = call()
    return answer, time.perf_counter() - start


def show(seconds: float) -> str:
    return f"{seconds * 1e3:.3f} ms"


if __name__ == "__main__":
    main()
