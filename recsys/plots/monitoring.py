"""Figures of a system that is watched: its vital signs, one request followed, and whether its events have changed."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from recsys.plots import style
from recsys.plots.style import (
    BLUE,
    INK,
    MUTED,
    PALE,
    VERMILLION,
    Figure,
    beside,
    canvas,
    counted,
    finished,
    needs,
    plain,
    share,
)

MINUTE = pd.Timedelta(minutes=1)
# CloudWatch's names as a person says them; another name is said as it is.
SAID = {
    **{"Count": "requests", "GetRecommendations": "requests", "Invocations": "calls"},
    **{"4XXError": "4xx", "GetRecommendations4xxErrors": "4xx", "Invocation4XXErrors": "4xx"},
    **{"5XXError": "5xx", "GetRecommendations5xxErrors": "5xx", "Invocation5XXErrors": "5xx"},
    **{"Latency p50": "p50", "Latency p99": "p99", "GetRecommendationsLatency": "mean", "ModelLatency": "mean"},
    **{"ApproximateNumberOfMessagesVisible": "failed events", "Errors": "errors", "Throttles": "throttled"},
    **{"Duration": "mean duration", "IteratorAge": "iterator age"},
}


def vital_signs(signs: pd.DataFrame, panels: Sequence[str] = ("API", "Campaign", "Stream")) -> Figure:
    """How did the system fare? For each panel a row: how much was done a minute, and how long it took.

    `signs` has the columns panel, unit (count or ms), sign, stat, minute (UTC) and value, a row per minute that
    CloudWatch was told of. What is 0 throughout is named and not drawn.
    """
    needs(signs, "vital_signs", "panel", "unit", "sign", "stat", "minute", "value")
    shown = needs(signs[signs["panel"].isin(panels) & signs["unit"].isin(("count", "ms"))], "vital_signs")
    minutes = pd.date_range(shown["minute"].min(), shown["minute"].max(), freq="min")
    rows = [panel for panel in panels if (shown["panel"] == panel).any()]
    with canvas(0.85 + 1.75 * len(rows), len(rows), 2, sharex=True, squeeze=False) as (figure, axes):
        for panel, pair in zip(rows, axes, strict=True):
            mine = shown[shown["panel"] == panel]
            _panel(pair[0], mine[mine["unit"] == "count"], minutes, f"{panel}, a minute")
            _panel(pair[1], mine[mine["unit"] == "ms"], minutes, f"{panel}, ms")
        for each in axes[-1]:
            each.set_xlim(minutes[0] - MINUTE / 2, minutes[-1] + MINUTE / 2)
            locator = AutoDateLocator(minticks=2, maxticks=6)
            each.xaxis.set_major_locator(locator)
            each.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
            each.set_xlabel("minute (UTC)")
        told = [_told(shown[shown["panel"] == panel], panel) for panel in rows]
        finding = f"In {counted(len(minutes), 'minute')}: {'; '.join(told[:2])}."
        return finished(figure, "Vital signs", finding, f"{'; '.join(told[2:])}." if told[2:] else "")


def _panel(axes: Axes, signs: pd.DataFrame, minutes: pd.DatetimeIndex, title: str) -> None:
    busy = signs.groupby("sign", sort=False)["value"].any()
    for place, name in enumerate(busy.index[busy]):
        mine = signs[signs["sign"] == name].set_index("minute")
        values = mine["value"].reindex(minutes)
        if mine["stat"].iloc[0] == "Sum":  # between two minutes that were told of, silence means that nothing was done
            values = values.mask(values.isna() & values.ffill().notna() & values.bfill().notna(), 0)
        axes.plot(minutes, values, markersize=5, clip_on=False, zorder=3, label=_said(name), **style.look(place))
    axes.set_title(title, color=INK)
    axes.set_ylim(0, 1.8 * max(float(signs["value"].max()), 0.65) if len(signs) else 1)
    style.count_axis(axes.yaxis)
    axes.yaxis.get_major_locator().set_params(nbins=4)
    if busy.any():
        axes.legend(loc="upper left", ncols=3, borderaxespad=0.1, columnspacing=1.0, handlelength=1.8)
    if not busy.all():
        idle = f"0 throughout: {', '.join(map(_said, busy.index[~busy]))}"
        axes.text(0.02, 0.78 if busy.any() else 0.95, idle, va="top", transform=axes.transAxes, color=MUTED, fontsize=9)
    if signs.empty:
        axes.text(0.5, 0.5, "nothing told yet", ha="center", va="center", transform=axes.transAxes, color=MUTED)


def _told(signs: pd.DataFrame, panel: str) -> str:
    """`API 206 requests, 1 4xx, 0 5xx, p50 at most 54.0 ms, p99 at most 191 ms`."""
    words = []
    for (unit, sign, stat), mine in signs.groupby(["unit", "sign", "stat"], sort=False):
        if unit == "count":
            words.append(f"{mine['value'].sum() if stat == 'Sum' else mine['value'].max():,.0f} {_said(sign)}")
        else:
            words.append(f"{_said(sign)} at most {plain(mine['value'].max())} ms")
    return f"{panel} {', '.join(words)}"


def _said(sign: str) -> str:
    return SAID.get(sign, sign)


def request_timeline(parts: pd.DataFrame, waited: float) -> Figure:
    """Where do a request's milliseconds go? A bar for each part of its trace: dark where nothing inside it is at work.

    `parts` has the columns part, depth, start and milliseconds, in the order to draw. `waited`: milliseconds that the
    client waited for the answer.
    """
    needs(parts, "request_timeline", "part", "depth", "start", "milliseconds")
    ends = style.numbers(parts["start"] + parts["milliseconds"], "request_timeline")
    whole, own = max(float(ends.max()), 1e-6), np.zeros(len(parts))
    with canvas(1.5 + 0.31 * len(parts)) as (figure, axes):
        axes.barh(range(len(parts)), parts["milliseconds"], 0.66, left=parts["start"], color=PALE)
        for place, begin, end in _innermost(parts):
            axes.barh(place, end - begin, 0.66, left=begin, color=BLUE)
            own[place] += end - begin
        for place, taken in enumerate(parts["milliseconds"]):
            beside(axes, f"{plain(taken)} ms, own {plain(own[place])}", ends[place], place)
        axes.set_yticks(range(len(parts)), [_short(part) for part in parts["part"]])
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set(xlabel="milliseconds; dark: at work itself, light: something inside is", xlim=(0, 1.48 * whole))
        axes.set_ylim(len(parts) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        most = [place for place in np.argsort(-own, kind="stable")[:3] if own[place] > 0]
        spent = ", ".join(f"{share(own[place] / whole)} in {parts['part'].iloc[place]}" for place in most)
        finding = f"Of {plain(whole)} ms: {spent or 'nothing that could be measured'}."
        detail = "; ".join(f"{row.part}: {plain(row.milliseconds)} ms" for row in parts.itertuples())
        return finished(figure, "One request", finding, f"The client waited {plain(waited)} ms. {detail}.")


def _innermost(parts: pd.DataFrame) -> Iterator[tuple[int, float, float]]:
    """Stretches of time (ms) and the place of the innermost part then at work; of equals the one begun last."""
    starts, depths = parts["start"].to_numpy(), parts["depth"].to_numpy()
    ends = starts + parts["milliseconds"].to_numpy()
    for begin, end in pairwise(np.unique([starts, ends])):
        busy = np.flatnonzero((starts <= begin) & (ends >= end))
        if busy.size:
            yield int(busy[np.lexsort((starts[busy], depths[busy]))[-1]]), float(begin), float(end)


def _short(text: str, most: int = 40) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def drift_by_week(index: pd.DataFrame, unseen: pd.DataFrame) -> Figure:
    """Are the events still those the model learned from? Population stability by week against what chance gives.

    `index` has the columns view, week (its start, UTC), new, index and limit (95 of 100 weeks of the past stay below),
    `unseen` a row per new week: week, and the shares of events on items and by users never learned from.
    """
    needs(index, "drift_by_week", "view", "week", "new", "index", "limit")
    needs(unseen, "drift_by_week", "week", "items", "users")
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
        finding = (
            f"New weeks beyond chance, of {new['week'].nunique()}: {told}. Last week {share(unseen['items'].iloc[-1])} "
        )
        finding += f"of events are on items and {share(unseen['users'].iloc[-1])} by users unseen in training."
        last = [f"{row.view} {plain(row.index_)} against {plain(row.limit)}" for row in _last(new)]
        return finished(figure, "Drift", finding, f"Stability index and limit of the last week: {'; '.join(last)}.")


def _last(new: pd.DataFrame) -> list[Any]:
    return list(new.rename(columns={"index": "index_"}).groupby("view", sort=False).tail(1).itertuples())


def _stability(axes: Axes, weeks: pd.DataFrame, view: str) -> None:
    """One view: the limit as a band, weeks learned from as a thin line, new ones as marks."""
    new, beyond = weeks["new"].to_numpy(dtype=bool), (weeks["index"] > weeks["limit"]).to_numpy()
    axes.fill_between(weeks["week"], 0, weeks["limit"], color=PALE, alpha=0.55, linewidth=0, label="chance, 95 %")
    axes.plot(weeks["week"], weeks["index"], color=BLUE, linewidth=1.4)
    for rows, marker, colour, label in (
        (~new, ".", BLUE, "learned from"),
        (new & ~beyond, "o", BLUE, "new"),
        (new & beyond, "D", VERMILLION, "new, beyond"),
    ):
        if rows.any():
            axes.plot(
                weeks["week"][rows],
                weeks["index"][rows],
                marker,
                color=colour,
                markersize=7,
                clip_on=False,
                label=label,
            )
    axes.set_title(f"{view}: stability index", color=INK)
    top = max(float(weeks[["index", "limit"]].to_numpy().max()), 1e-6)
    axes.set_ylim(0, 1.5 * top)
    axes.legend(loc="upper left", ncols=2, borderaxespad=0.1, columnspacing=1.0, handlelength=1.4)
    _week_axis(axes, weeks["week"])


def _never_seen(axes: Axes, unseen: pd.DataFrame) -> None:
    places = np.arange(len(unseen))
    for place, name in enumerate(("items", "users")):
        at = places + 0.4 * (place - 0.5)
        axes.bar(at, unseen[name], 0.36, linewidth=0, label=f"unseen {name}", **style.fill(place))
        for x, value in zip(at, unseen[name], strict=True):
            beside(axes, share(value), x, value, right=0, up=7, ha="center", fontsize=9)
    axes.set_xticks(places, [f"{week:%b} {week.day}" for week in unseen["week"]])
    axes.set_title("share of the new weeks' events", color=INK)
    axes.set(
        ylim=(0, max(0.01, 1.7 * float(unseen[["items", "users"]].to_numpy().max()))), xlim=(-0.6, len(unseen) - 0.4)
    )
    axes.grid(axis="x", visible=False)
    style.share_axis(axes.yaxis)
    axes.legend(loc="upper left", ncols=2, borderaxespad=0.1, columnspacing=1.0, handlelength=1.4)


def _week_axis(axes: Axes, weeks: pd.Series) -> None:
    axes.set_xlim(weeks.min() - pd.Timedelta(days=4), weeks.max() + pd.Timedelta(days=4))
    locator = AutoDateLocator(minticks=2, maxticks=5)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
