"""docs/speed.md and docs/speed.svg from what `benchmarks.speed` measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.report import table_lines
from benchmarks.scale import short
from recsys.plots import style

LIMIT, OURS = "read once: the limit", "recsys"
TIMES_LIMIT = 1.5  # within which one request is to be answered
ONE, BATCH, ONE_NEXT, BATCH_NEXT = "factors, one request", "factors, batch", "next item", "next item, batch"
INTRODUCTION = """# How fast it answers

Written by `make speed`; what is measured how is said in [`benchmarks/speed.py`](../benchmarks/speed.py). *Factors* are
64 numbers an item, of which the 25 items with the best product are found, by everybody the same; their limit is one
reading of the same array in the same run. *Next item* is a fitted model's 25 best for a history of 50 events. A
request is a call of one user; the contenders' calls take turns, and p99 of fewer than a hundred calls is their slowest.
"""


@dataclass(frozen=True)
class Row:
    """One line of the table: p50 and p99 of the milliseconds of so many calls, the p50's ratio to the limit's, users/s.

    Users answered a second are by the p50.
    """

    task: str
    items: int
    contender: str
    calls: int
    p50: float
    p99: float
    times_limit: float | None
    users_per_second: float


def page(about: str, left_out: Sequence[str], rows: Sequence[Row]) -> str:
    """The tables, what they show in words, and the figure, as Markdown."""
    one = [row for row in rows if row.task in (ONE, ONE_NEXT)]
    batch = [row for row in rows if row.task in (BATCH, BATCH_NEXT)]
    requests = table_lines(
        ["items", "one request", "p50 ms", "p99 ms", "calls", "× limit"],
        [[f"{row.items:,}", f"{row.task}: {row.contender}", *timing(row), times(row)] for row in one],
    )
    batches = table_lines(
        ["items", "a batch", "users/s", "p50 ms", "p99 ms", "calls"],
        [
            [f"{row.items:,}", f"{row.task}: {row.contender}", f"{row.users_per_second:,.0f}", *timing(row)]
            for row in batch
        ],
    )
    parts = [INTRODUCTION, f"Measured on {about}."]
    parts += [f"Not installed and left out: {', '.join(left_out)}."] if left_out else []
    parts += ["", "![p50 and p99 of one request, and users a second of a batch, by items](speed.svg)", ""]
    return "\n".join([*parts, *requests, "", *batches, "", *verdict(rows), ""])


def timing(row: Row) -> list[str]:
    return [f"{row.p50:.3f}", f"{row.p99:.3f}", f"{row.calls:,}"]


def times(row: Row) -> str:
    return "" if row.times_limit is None else f"{row.times_limit:.2f}"


def verdict(rows: Sequence[Row]) -> list[str]:
    """Whether ours is within TIMES_LIMIT of the limit, and ahead of the fastest other in a batch, at each size."""
    found = []
    for row in rows:
        if row.contender == OURS and row.times_limit is not None:
            within = "within" if row.times_limit <= TIMES_LIMIT else "beyond"
            found.append(f"- One request at {row.items:,} items: {within} {TIMES_LIMIT} times the limit.")
    for items in dict.fromkeys(row.items for row in rows):
        batch = {row.contender: row.users_per_second for row in rows if (row.task, row.items) == (BATCH, items)}
        others = {name: speed for name, speed in batch.items() if name != OURS}
        if OURS in batch and others:
            fastest = max(others, key=others.__getitem__)
            ratio = batch[OURS] / others[fastest]
            how = "ahead of" if ratio > 1 else "behind"
            found.append(f"- A batch at {items:,} items: {how} {fastest}, {ratio:.2f} times its users/s.")
    return found


def draw(rows: Sequence[Row], path: Path) -> None:
    """p50 and p99 of one request, and users/s of a batch, against items; a colour for each contender."""
    names = {name: place for place, name in enumerate(dict.fromkeys(label(row) for row in rows))}
    with matplotlib.rc_context({**style.RC, "svg.hashsalt": "speed"}):
        figure = Figure(figsize=(style.WIDTH, 4.2), layout="constrained", facecolor="white")
        one, batch = figure.subplots(1, 2)
        for name, place in names.items():
            look = style.look(place)
            line(one, [row for row in rows if label(row) == name and row.task in (ONE, ONE_NEXT)], look)
            line(batch, [row for row in rows if label(row) == name and row.task in (BATCH, BATCH_NEXT)], look, name)
        one.set(ylabel="ms of one request: p50, and p99 above it")
        batch.set(ylabel="users/s in a batch")
        for axes in (one, batch):
            axes.set(xscale="log", yscale="log", xlabel="items", xticks=sorted({row.items for row in rows}))
            axes.minorticks_off()
            axes.xaxis.set_major_formatter(lambda value, _: short(value))
        handles = {each.get_label(): each for axes in (batch, one) for each in axes.get_lines()}
        shown = {name: handles[name] for name in names if name in handles}
        figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=3, fontsize=7)
        figure.savefig(path, metadata={"Date": None})


def label(row: Row) -> str:
    """A contender of the factors by its name, and our model by its own."""
    return row.contender if row.task in (ONE, BATCH) else "recsys, next item"


def line(axes: Axes, rows: Sequence[Row], look: dict[str, Any], name: str = "") -> None:
    if not rows:
        return
    items = [row.items for row in rows]
    if rows[0].task in (BATCH, BATCH_NEXT):
        axes.plot(items, [row.users_per_second for row in rows], label=name, **look)
        return
    axes.plot(items, [row.p50 for row in rows], label=label(rows[0]), **look)
    axes.vlines(items, [row.p50 for row in rows], [row.p99 for row in rows], color=look["color"], linewidth=1)
