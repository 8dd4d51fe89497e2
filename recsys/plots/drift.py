"""The figure that says whether events are still those the model learned from."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from recsys.plots import style
from recsys.plots.style import (
    BLUE,
    INK,
    PALE,
    VERMILLION,
    Figure,
    beside,
    canvas,
    counted,
    needs,
    plain,
    render,
    share,
)

WEEK = pd.Timedelta(days=7)
FEW = 6  # weeks whose shares can be written beside their bars


def drift_by_week(index: pd.DataFrame, unseen: pd.DataFrame) -> Figure:
    """Are the events still those the model learned from? Population stability by week against what chance gives.

    `index` has the columns view, week (its start, UTC), new, index and limit (95 of 100 weeks of the past stay below),
    `unseen` a row per new week: week, how many days of it have been, and the shares of events on items and by users
    never learned from.
    """
    needs(index, "drift_by_week", "view", "week", "new", "index", "limit")
    needs(unseen, "drift_by_week", "week", "days", "items", "users")
    views = list(dict.fromkeys(index["view"]))
    rows = (len(views) + 2) // 2
    with canvas(0.95 + 1.95 * rows, rows, 2, squeeze=False) as (figure, axes):
        for view, each in zip(views, axes.flat, strict=False):
            _stability(each, index[index["view"] == view], str(view))
        _never_seen(axes.flat[len(views)], unseen)
        for each in axes.flat[len(views) + 1 :]:
            each.axis("off")
        new = index[index["new"]]
        above = (new["index"] > new["limit"]).groupby(new["view"], sort=False).sum()
        told = ", ".join(f"{view} {weeks}" for view, weeks in above.items())
        latest = unseen.iloc[-1]
        part = f", {counted(latest['days'], 'day')} long so far," if latest["days"] < 7 else ""
        finding = f"New weeks above chance, of {new['week'].nunique()}: {told}. In the last week{part} "
        finding += f"{share(latest['items'])} of events are on items and {share(latest['users'])} by users unseen in "
        finding += "training."
        last = [f"{row.view} {plain(row.index_)} against {plain(row.limit)}" for row in _last(new)]
        return render(figure, "Drift", finding, f"Stability index and limit of the last week: {'; '.join(last)}.")


def _last(new: pd.DataFrame) -> list[Any]:
    return list(new.rename(columns={"index": "index_"}).groupby("view", sort=False).tail(1).itertuples())


def _stability(axes: Axes, weeks: pd.DataFrame, view: str) -> None:
    """One view: the limit as a band, weeks learned from as a thin line, new ones as marks."""
    new, beyond = weeks["new"].to_numpy(dtype=bool), (weeks["index"] > weeks["limit"]).to_numpy()
    axes.bar(weeks["week"], weeks["limit"], WEEK, color=PALE, alpha=0.55, linewidth=0, label="chance, 95 %")
    axes.plot(weeks["week"], weeks["index"], color=BLUE, linewidth=1.4)
    for rows, marker, colour, label in (
        (~new, ".", BLUE, "learned from"),
        (new & ~beyond, "o", BLUE, "new"),
        (new & beyond, "D", VERMILLION, "new, above"),
    ):
        if rows.any():
            look = {"color": colour, "markersize": 7, "clip_on": False, "label": label}
            axes.plot(weeks["week"][rows], weeks["index"][rows], marker, **look)
    axes.set_title(f"{view}: stability index", color=INK)
    top = max(float(weeks[["index", "limit"]].to_numpy().max()), 1e-3)
    axes.set_ylim(0, 1.5 * top)
    axes.legend(loc="upper left", ncols=2, borderaxespad=0.1, columnspacing=1.0, handlelength=1.4)
    _week_axis(axes, weeks["week"])


def _never_seen(axes: Axes, unseen: pd.DataFrame) -> None:
    places = np.arange(len(unseen))
    for place, name in enumerate(("items", "users")):
        at = places + 0.4 * (place - 0.5)
        axes.bar(at, unseen[name], 0.36, linewidth=0, label=f"unseen {name}", **style.fill(place))
        for x, value in zip(at, unseen[name], strict=True) if len(unseen) <= FEW else ():
            beside(axes, share(value), x, value, right=0, up=7, ha="center", fontsize=9)
    ticks = places[:: 1 + len(unseen) // FEW]
    axes.set_xticks(ticks, [f"{week:%b} {week.day}" for week in unseen["week"].iloc[ticks]])
    axes.set_title("share of the new weeks' events", color=INK)
    top = max(0.01, 1.7 * float(unseen[["items", "users"]].to_numpy().max()))
    axes.set(ylim=(0, top), xlim=(-0.6, len(unseen) - 0.4))
    axes.set_yticks([tick for tick in axes.get_yticks() if tick <= min(1.0, top)])
    axes.grid(axis="x", visible=False)
    style.share_axis(axes.yaxis)
    axes.legend(loc="upper left", ncols=2, borderaxespad=0.1, columnspacing=1.0, handlelength=1.4)


def _week_axis(axes: Axes, weeks: pd.Series) -> None:
    axes.set_xlim(weeks.min() - 0.6 * WEEK, weeks.max() + 0.6 * WEEK)
    locator = AutoDateLocator(minticks=2, maxticks=5)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
