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

READ, OURS = "read once", "recsys"
TIMES_MEMORY = 1.5  # within which one request is to be answered
TICKS = 1, 1.5, 2, 3  # of the first panel
ONE, BATCH, ONE_NEXT, BATCH_NEXT = "factors, one request", "factors, batch", "next item", "next item, batch"
INTRODUCTION = """# How fast it answers

Written by `make speed`; what is measured how is said in [`benchmarks/speed.py`](../benchmarks/speed.py). *Factors* are
64 numbers an item, of which the 25 items with the best product are found, by everybody the same. *Memory* is the time
that their bytes take at memory's bandwidth, told by a reading of 256 MB in the same run; *read once* is a reading of
the same array, which for a small one comes from a cache. *Next item* is a fitted model's 25 best for a history of 50
events. A request is a call of one user; the contenders' calls take turns, and p99 of fewer than a hundred calls is
their slowest.
"""


@dataclass(frozen=True)
class Row:
    """One line of the table: p50 and p99 of the milliseconds of so many calls, what the p50 is times, users/s.

    times_read: the p50 over that of one reading; times_memory: over the time of its bytes at memory's bandwidth. Users
    answered a second are by the p50.
    """

    task: str
    items: int
    contender: str
    calls: int
    p50: float
    p99: float
    times_read: float | None
    times_memory: float | None
    users_per_second: float


def page(about: str, left_out: Sequence[str], rows: Sequence[Row]) -> str:
    """The tables, what they show in words, and the figure, as Markdown."""
    one = [row for row in rows if row.task in (ONE, ONE_NEXT)]
    batch = [row for row in rows if row.task in (BATCH, BATCH_NEXT)]
    requests = table_lines(
        ["items", "one request by", "p50 ms", "p99 ms", "calls", "× read once", "× memory"],
        [[f"{row.items:,}", label(row), *timing(row), times(row.times_read), times(row.times_memory)] for row in one],
    )
    batches = table_lines(
        ["items", "a batch by", "users/s", "p50 ms", "p99 ms", "calls"],
        [[f"{row.items:,}", label(row), f"{row.users_per_second:,.0f}", *timing(row)] for row in batch],
    )
    parts = [INTRODUCTION, f"Measured on {about}."]
    parts += [f"Not installed and left out: {', '.join(left_out)}."] if left_out else []
    parts += [
        "",
        "![p50 and p99 of one request beside one reading, and users/s of a batch, by items](speed.svg)",
        "",
    ]
    return "\n".join([*parts, *requests, "", *batches, "", *verdict(rows), ""])


def timing(row: Row) -> list[str]:
    return [f"{row.p50:.3f}", f"{row.p99:.3f}", f"{row.calls:,}"]


def times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def verdict(rows: Sequence[Row]) -> list[str]:
    """Whether ours is within TIMES_MEMORY, and ahead of the fastest other in a batch, at each size."""
    found = []
    for row in rows:
        if row.contender == OURS and row.times_memory is not None:
            within = "within" if row.times_memory <= TIMES_MEMORY else "beyond"
            found.append(f"- One request at {row.items:,} items: {within} {TIMES_MEMORY} times memory's time.")
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
    """p50 and p99 of one request as multiples of one reading, and users/s of a batch, a colour a contender."""
    names = list(dict.fromkeys(label(row) for row in rows))
    looks = {name: style.look(place) for place, name in enumerate(names)}
    sizes = sorted({row.items for row in rows})
    with matplotlib.rc_context({**style.RC, "svg.hashsalt": "speed"}):
        figure = Figure(figsize=(style.WIDTH, 4.2), layout="constrained", facecolor="white")
        one, batch = figure.subplots(1, 2)
        for place, name in enumerate(names):
            requests(one, [row for row in rows if row.task == ONE and row.contender == name], sizes, place, looks[name])
            some = [row for row in rows if row.task in (BATCH, BATCH_NEXT) and label(row) == name]
            batch.plot([row.items for row in some], [row.users_per_second for row in some], label=name, **looks[name])
        one.set(yscale="log", xlabel="items", ylabel="one request, p50 to p99: × one reading")
        one.set_xticks(range(len(sizes)), [short(size) for size in sizes])
        one.minorticks_off()
        one.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
        batch.set(xscale="log", yscale="log", xlabel="items", ylabel="users/s in a batch", xticks=sizes)
        batch.minorticks_off()
        batch.xaxis.set_major_formatter(lambda value, _: short(value))
        figure.legend(*batch.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=7)
        figure.savefig(path, metadata={"Date": None})


def requests(axes: Axes, rows: Sequence[Row], sizes: Sequence[int], place: int, look: dict[str, Any]) -> None:
    """A marker at each p50 and a line up to the p99, beside those of the other contenders."""
    for row in rows:
        at = sizes.index(row.items) + 0.13 * (place - 2)
        p99 = row.times_read * row.p99 / row.p50
        axes.plot([at, at], [row.times_read, p99], color=look["color"], linewidth=1.5)
        axes.plot([at], [row.times_read], color=look["color"], marker=look["marker"])


def label(row: Row) -> str:
    """A contender of the factors by its name, and our model by its own."""
    return row.contender if row.task in (ONE, BATCH) else "recsys, next item"
