"""Figures of a system that is watched: its vital signs, and one request followed."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from recsys.plots import style
from recsys.plots.style import (
    BLUE,
    INK,
    MUTED,
    PALE,
    Figure,
    beside,
    canvas,
    counted,
    needs,
    plain,
    render,
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
    CloudWatch was told of; none is a finding too. What is 0 throughout is named and not drawn.
    """
    shown = signs[signs["panel"].isin(panels) & signs["unit"].isin(("count", "ms"))]
    if shown.empty:
        with canvas(1.4) as (figure, axes):
            style.instead(axes, "CloudWatch was told of nothing in this time")
            return render(figure, "Vital signs", f"CloudWatch was told of nothing about {', '.join(panels)}.")
    minutes = pd.date_range(shown["minute"].min(), shown["minute"].max(), freq="min")
    rows = [panel for panel in panels if (shown["panel"] == panel).any()]
    with canvas(0.85 + 1.75 * len(rows), len(rows), 2, sharex=True, squeeze=False) as (figure, axes):
        for panel, pair in zip(rows, axes, strict=True):
            mine = shown[shown["panel"] == panel]
            _panel(pair[0], mine[mine["unit"] == "count"], minutes, f"{panel}, a minute")
            _panel(pair[1], mine[mine["unit"] == "ms"], minutes, f"{panel}, ms")
        ticks = minutes[:: 1 + len(minutes) // 6]
        for each in axes[-1]:
            each.set_xlim(minutes[0] - MINUTE / 2, minutes[-1] + MINUTE / 2)
            each.set_xticks(ticks, [f"{tick:%H:%M}" for tick in ticks])
            each.set_xlabel("minute (UTC)")
        told = [_told(shown[shown["panel"] == panel], panel) for panel in rows]
        finding = f"In {counted(len(minutes), 'minute')}: {'; '.join(told[:2])}."
        return render(figure, "Vital signs", finding, f"{'; '.join(told[2:])}." if told[2:] else "")


def _panel(axes: Axes, signs: pd.DataFrame, minutes: pd.DatetimeIndex, title: str) -> None:
    busy = signs.groupby("sign", sort=False)["value"].any()
    for place, name in enumerate(busy.index[busy]):
        mine = signs[signs["sign"] == name].set_index("minute")
        values = mine["value"].reindex(minutes)
        if mine["stat"].iloc[0] == "Sum":  # between two minutes that were told of, silence means that nothing was done
            values = values.mask(values.isna() & values.ffill().notna() & values.bfill().notna(), 0)
        look = {**style.look(place), "markersize": 5 if len(minutes) <= 20 else 2.5}
        axes.plot(minutes, values, clip_on=False, zorder=3, label=_said(name), **look)
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
    whole, own = float(ends.max()), np.zeros(len(parts))
    with canvas(1.5 + 0.31 * len(parts)) as (figure, axes):
        axes.barh(range(len(parts)), parts["milliseconds"], 0.66, left=parts["start"], color=PALE)
        for place, begin, end in _innermost(parts):
            axes.barh(place, end - begin, 0.66, left=begin, color=BLUE)
            own[place] += end - begin
        for place, taken in enumerate(parts["milliseconds"]):
            beside(axes, f"{plain(taken)} ms, own {plain(own[place])}", ends[place], place)
        axes.set_yticks(range(len(parts)), [style.short(part, 40) for part in parts["part"]])
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set(
            xlabel="milliseconds; dark: at work itself, light: something inside is", xlim=(0, 1.48 * max(whole, 0.1))
        )
        axes.set_ylim(len(parts) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        style.count_axis(axes.xaxis)
        most = [place for place in np.argsort(-own, kind="stable")[:3] if own[place] > 0]
        spent = ", ".join(f"{share(own[place] / whole)} in {parts['part'].iloc[place]}" for place in most)
        finding = f"Of {plain(whole)} ms: {spent or 'nothing that could be measured'}."
        detail = "; ".join(f"{row.part}: {plain(row.milliseconds)} ms" for row in parts.itertuples())
        return render(figure, "One request", finding, f"The client waited {plain(waited)} ms. {detail}.")


def _innermost(parts: pd.DataFrame) -> Iterator[tuple[int, float, float]]:
    """Stretches of time (ms) and the place of the innermost part then at work; of equals the one begun last."""
    starts, depths = parts["start"].to_numpy(), parts["depth"].to_numpy()
    ends = starts + parts["milliseconds"].to_numpy()
    for begin, end in pairwise(np.unique([starts, ends])):
        busy = np.flatnonzero((starts <= begin) & (ends >= end))
        if busy.size:
            yield int(busy[np.lexsort((starts[busy], depths[busy]))[-1]]), float(begin), float(end)
