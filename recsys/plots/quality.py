"""Figures of what was done to the data: problems found, cold start, and the split in time.

Times are UTC. Every function raises DataError when there is nothing to draw or a column is missing.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from recsys.columns import ITEM_ID, TIMESTAMP, USER_ID
from recsys.errors import DataError
from recsys.plots import style
from recsys.plots.style import INK, Figure, beside, canvas, counted, needs, render, share

PROBLEM, ROWS, SHARE, ACTION, TABLE = "problem", "rows", "share", "action", "table"
ACTIONS = ("removed", "merged", "filled", "kept")  # each always in the same colour
BAR_DAYS = {"day": 0.9, "week": 6.3, "month": 27}


def quality_report(report: pd.DataFrame, total_rows: int) -> Figure:
    """What was wrong with the raw data? Rows per problem, hatched by what was done about it.

    `report` has the columns problem (text), rows (count), share (of its table's rows), action (text, such as "removed"
    or "kept") and optionally table; `total_rows` is the number of raw interactions. No problem is good news, and drawn.
    """
    if report.empty or not needs(report, "quality_report", PROBLEM, ROWS, SHARE, ACTION)[ROWS].any():
        with canvas(1.4) as (figure, axes):
            style.instead(axes, "no problem found")
            return render(figure, "Data quality", f"No problem was found in {total_rows:,} raw interactions.")
    found = _with_table(report[report[ROWS] > 0]).sort_values(ROWS, kind="stable")
    with canvas(1.55 + 0.3 * len(found)) as (figure, axes):
        for place, action in enumerate(dict.fromkeys([*ACTIONS, *found[ACTION]])):
            rows = np.flatnonzero(found[ACTION] == action)
            if not rows.size:
                continue
            axes.barh(rows, found[ROWS].iloc[rows], 0.68, linewidth=0, label=action, **style.fill(place))
        for place, row in enumerate(found.to_dict("records")):
            beside(axes, f"{row[ROWS]:,}  ({share(row[SHARE])})", row[ROWS], place)
        _report_axes(axes, list(found[PROBLEM]))
        return render(figure, "Data quality", *_report_in_words(found, total_rows))


def _with_table(found: pd.DataFrame) -> pd.DataFrame:
    """Name the table beside a problem that is not one of the interactions."""
    elsewhere = found[TABLE] != "interactions" if TABLE in found.columns else pd.Series(False, found.index)
    names = found[PROBLEM].where(~elsewhere, found[PROBLEM] + " (" + found.get(TABLE, found[PROBLEM]) + ")")
    return found.assign(**{PROBLEM: names})


def _report_axes(axes: Axes, problems: list[str]) -> None:
    axes.set_xlabel("rows")
    axes.set_yticks(range(len(problems)), problems)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.grid(axis="y", visible=False)
    axes.set_xlim(0, 1.22 * axes.get_xlim()[1])
    axes.xaxis.get_major_locator().set_params(nbins=5)
    style.count_axis(axes.xaxis)
    axes.legend(loc="lower right")


def _report_in_words(found: pd.DataFrame, total_rows: int) -> tuple[str, str]:
    most = found.iloc[-1]
    table = most.get(TABLE, "interactions")
    whole = f"{total_rows:,} raw interactions" if table == "interactions" else f"the {table}"
    finding = f"The most frequent problem, {most[PROBLEM]}, touches {counted(most[ROWS], 'row')}, "
    finding += f"{share(most[SHARE])} of {whole} ({most[ACTION]})."
    rows = [f"{row[PROBLEM]}: {row[ROWS]:,} {row[ACTION]}" for _, row in found[::-1].iterrows()]
    return finding, "; ".join(rows) + "."


def cold_start_over_time(interactions: pd.DataFrame) -> Figure:
    """How much of the traffic is cold? Share of each period's events on items, and by users, first seen in that period.

    The period is a day, a week or a month by the span of the data; the first one, all new by definition, is left out.
    """
    needs(interactions, "cold_start_over_time", USER_ID, ITEM_ID, TIMESTAMP)
    unit, periods = _periods(interactions[TIMESTAMP])
    if periods.nunique() < 2:
        raise DataError(f"cold_start_over_time: all events lie in one {unit}; to see what is new takes at least two")
    items = _new_share(interactions[ITEM_ID], periods)
    users = _new_share(interactions[USER_ID], periods)
    with canvas(3.3) as (figure, axes):
        for place, cold in enumerate((items, users)):
            axes.plot(cold.index, cold, markersize=4, **style.look(place))
        axes.set(ylabel=f"share of the {unit}'s events", ylim=(0, max(0.02, 1.08 * items.max(), 1.08 * users.max())))
        style.share_axis(axes.yaxis)
        ends = (("new items", items), ("new users", users))
        style.end_labels(axes, [(cold.index[-1], cold.iloc[-1], label) for label, cold in ends])
        finding = f"In the median {unit} {share(items.median())} of events are on items first seen in it and "
        finding += f"{share(users.median())} by users first seen in it; "
        finding += f"in the last {unit} {share(items.iloc[-1])} and {share(users.iloc[-1])}."
        return render(figure, "Cold start over time", finding, f"Drawn: {counted(len(items), unit)}.")


def _new_share(ids: pd.Series, periods: pd.Series) -> pd.Series:
    """Share of each period's events whose id has its first event in that period, without the first period."""
    return (periods.groupby(ids).transform("min") == periods).groupby(periods).mean().iloc[1:]


def _periods(timestamps: pd.Series) -> tuple[str, pd.Series]:
    times = pd.to_datetime(timestamps, unit="s")
    days = (times.max() - times.min()).days
    unit, code = ("day", "D") if days <= 60 else ("week", "W") if days <= 800 else ("month", "M")
    return unit, times.dt.to_period(code).dt.start_time


def split_timeline(parts: Mapping[str, pd.DataFrame]) -> Figure:
    """Which events teach, which tune, which test? Events over time by part, in the order of `parts`.

    `parts` maps a name (train, validation, test) to its interactions.
    """
    if not parts:
        raise DataError("split_timeline: no parts, there is nothing to draw")
    times = {name: needs(part, f"split_timeline ({name})", TIMESTAMP)[TIMESTAMP] for name, part in parts.items()}
    both = pd.concat(times)
    unit, periods = _periods(both)
    counts = pd.crosstab(periods, both.index.get_level_values(0).to_numpy()).reindex(columns=list(parts))
    words = {name: f"{name}: {_part_in_words(times[name], len(both))}" for name in parts}
    with canvas(3.5) as (figure, axes):
        below = np.zeros(len(counts))
        for place, name in enumerate(parts):
            look = {"width": BAR_DAYS[unit], "align": "edge", "linewidth": 0, **style.fill(place)}
            axes.bar(counts.index, counts[name], bottom=below, label=words[name], **look)
            below += counts[name].to_numpy()
        axes.set(ylabel=f"events per {unit}", ylim=(0, below.max() * (1.12 + 0.14 * len(parts))))
        axes.grid(axis="x", visible=False)
        style.count_axis(axes.yaxis)
        axes.legend(loc="upper left", borderaxespad=0.2)
        shares = ", ".join(f"{name} {share(len(part) / len(both))}" for name, part in parts.items())
        finding = f"Of {counted(len(both), 'event')}, oldest first: {shares}."
        return render(figure, "Split in time", finding, "; ".join(words.values()) + ".")


def _part_in_words(timestamps: pd.Series, total: int) -> str:
    times = pd.to_datetime(timestamps, unit="s")
    days = f"{times.min():%Y-%m-%d} to {times.max():%Y-%m-%d}"
    return f"{counted(len(times), 'event')} ({share(len(times) / total)}), {days}"
