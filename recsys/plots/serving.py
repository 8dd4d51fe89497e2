"""Figures of the live system: latency, recommendations before and after clicks, the replay and the stream."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from recsys.columns import USER_ID
from recsys.errors import DataError
from recsys.plots import style
from recsys.plots.style import BLUE, INK, MUTED, ORANGE, Figure, beside, canvas, counted, needs, plain, render, share

GAP = 0.3  # between the two lists of before_after, in the width of about a title
PERCENTILES = (50, 95, 99)
TAIL = 20  # values, of which 5 % are one
RESAMPLES = 500


def latency_histogram(milliseconds: Sequence[float] | np.ndarray) -> Figure:
    """How fast is an answer? Histogram of latencies in milliseconds on a log axis, with p50, p95 and p99.

    `milliseconds` has shape (n_requests,), all above 0.
    """
    values = _positive(milliseconds, "latency_histogram")
    p50, p95, p99 = (plain(value) for value in _levels(values))
    labels = (f"p50  {p50} ms", f"p95  {p95} ms", f"p99  {p99} ms")
    low, high = values.min() * 0.93, values.max() * 1.07
    with canvas(3.3) as (figure, axes):
        axes.hist(values, bins=np.geomspace(low, high, 36), color=BLUE, edgecolor="white", linewidth=0.6)
        axes.set_xscale("log")
        axes.set(xlabel="milliseconds", ylabel="requests", xlim=(low * 0.95, max(high, 1.3 * values.max())))
        axes.margins(y=0.1)
        axes.grid(axis="x", visible=False)
        style.log_ticks(axes.xaxis, *axes.get_xlim())
        style.marked(axes, dict(zip(labels, _levels(values), strict=True)))
        finding = f"Half of {counted(values.size, 'request')} are answered within {p50} ms, "
        finding += f"95 % within {p95} ms and 99 % within {p99} ms."
        return render(figure, "Latency of the API", finding, f"The slowest took {plain(values.max())} ms.")


def stream_lag(milliseconds: Sequence[float] | np.ndarray) -> Figure:
    """How soon does a click count? Share of events that have taken effect within a time, in milliseconds.

    `milliseconds` has shape (n_events,): from sending the event to the first answer or profile that knows it. Of fewer
    than 20 the time within which 95 % count would be that of the slowest, and is left out.
    """
    values = np.sort(_positive(milliseconds, "stream_lag"))
    levels = (0.5, 0.95) if values.size >= TAIL else (0.5,)
    within = dict(zip(levels, np.quantile(values, levels, method="inverted_cdf"), strict=True))
    with canvas(3.2) as (figure, axes):
        reached = np.arange(1, values.size + 1) / values.size
        axes.step([values[0], *values], [0, *reached], where="post", color=BLUE, linewidth=2.2)
        for level, value in within.items():
            axes.plot(value, level, marker="o", color=INK, markersize=6)
            beside(axes, f"{share(level)} within {plain(value)} ms", value, level, right=9, up=-9)
        axes.set(xlabel="milliseconds after the event was sent", ylabel="events that took effect", ylim=(0, 1.04))
        axes.set_xlim(0, max(values.max() * 1.08, max(within.values()) * 1.45))
        style.share_axis(axes.yaxis)
        style.count_axis(axes.xaxis)
        finding = f"Half of {counted(values.size, 'event')} count after {plain(within[0.5])} ms, "
        finding += f"95 % after {plain(within[0.95])} ms, " if 0.95 in within else ""
        finding += f"the slowest after {plain(values[-1])} ms."
        return render(figure, "From click to effect", finding)


def _positive(values: Sequence[float] | np.ndarray, figure: str) -> np.ndarray:
    array = style.numbers(values, figure)
    if array.min() <= 0:
        raise DataError(f"{figure}: {array.min():g} ms is not a time; every value must be above 0")
    return array


def _levels(values: np.ndarray) -> np.ndarray:
    return np.percentile(values, PERCENTILES)


def before_after(before: Sequence[str], after: Sequence[str], clicked: Sequence[str], user: str = "") -> Figure:
    """What did the clicks change? Titles by rank before and after; lines join what stayed, new ones are marked.

    `clicked`: the titles clicked on, oldest first.
    """
    before, after = list(before), list(after)
    if not before or not after:
        raise DataError("before_after: a list of recommendations is empty; ask the campaign for at least one item")
    rows = max(len(before), len(after))
    new = len([title for title in after if title not in before])
    with canvas(1.35 + 0.36 * rows) as (figure, axes):
        axes.set(xlim=(-1.2, GAP + 1.42), ylim=(rows + 0.4, -0.2))
        axes.axis("off")
        for x, heading, side in ((0, "before", "right"), (GAP, "after", "left")):
            axes.text(x, 0.15, heading, ha=side, color=MUTED, fontweight="bold")
        _before_column(axes, before, after)
        _after_column(axes, before, after)
        whose = f" of user {user}" if user else ""
        finding = f"After {counted(len(clicked), 'click')}{_newest(clicked)}, "
        finding += f"{new} of the {len(after)} recommendations{whose} are new."
        detail = f"Before: {', '.join(before)}. After: {', '.join(after)}."
        return render(figure, "Recommendations before and after clicks", finding, detail)


def _before_column(axes: Axes, before: list[str], after: list[str]) -> None:
    for rank, title in enumerate(before, start=1):
        kept = title in after
        label = f"{style.short(title, 36)}  {rank}"
        axes.text(-0.04, rank, label, ha="right", va="center", color=INK if kept else MUTED)
        axes.plot(0, rank, marker="o", markersize=7, color=BLUE if kept else style.PALE)
        if kept:
            axes.plot([0, GAP], [rank, after.index(title) + 1], color=BLUE, linewidth=1.6)


def _after_column(axes: Axes, before: list[str], after: list[str]) -> None:
    for rank, title in enumerate(after, start=1):
        new = title not in before
        axes.plot(GAP, rank, marker="D" if new else "o", markersize=7, color=ORANGE if new else BLUE)
        label = f"{rank}  {style.short(title, 36)}{'  (new)' if new else ''}"
        axes.text(GAP + 0.04, rank, label, va="center", fontweight="bold" if new else "normal")


def _newest(titles: Sequence[str]) -> str:
    """What was clicked on, the newest first; of many the last three, which weigh most.

    >>> _newest(["tea"]), _newest(["jam", "tea", "pot", "cup"])
    (' on tea', ', the newest on cup; pot; tea')
    """
    distinct = list(dict.fromkeys(reversed(titles)))
    named = "; ".join(style.short(title, 60) for title in distinct[:3])
    return f"{', the newest' if len(distinct) > 3 else ''} on {named}" if distinct else ""


def replay_hit_rate(clicks: pd.DataFrame, k: int = 10) -> Figure:
    """Do live events help? Share of clicks found among the first `k` so far, with events sent and without.

    `clicks` has one row per replayed click in the order sent: USER_ID, hit_with and hit_without (True for a hit).
    Bands are 95 % bootstrap intervals; users are resampled, so that a user's clicks stay together. The first twentieth,
    where one click moves the rate by much, is not drawn.
    """
    needs(clicks, "replay_hit_rate", USER_ID, "hit_with", "hit_without")
    steps = np.arange(1, len(clicks) + 1)
    start = len(clicks) // 20
    ends, words = [], []
    with canvas(3.5) as (figure, axes):
        for place, (column, label) in enumerate((("hit_with", "with events"), ("hit_without", "without events"))):
            rate = np.cumsum(clicks[column].to_numpy(dtype=float)) / steps
            low, high = _bands(clicks[USER_ID], clicks[column])
            axes.fill_between(
                steps[start:], low[start:], high[start:], color=style.COLOURS[place], alpha=0.16, linewidth=0
            )
            axes.plot(steps[start:], rate[start:], linewidth=2.2, markevery=(0.05, 0.15), **style.look(place))
            ends.append((len(clicks), float(rate[-1]), f"{label}  {share(rate[-1])}"))
            words.append(f"{share(rate[-1])} {label} (95 % interval {share(low[-1])} to {share(high[-1])})")
        axes.set(xlabel="replayed clicks", ylabel=f"found among the first {k}", xlim=(0, len(clicks)))
        axes.set_ylim(0, min(1.0, 1.6 * max(rate_end for _, rate_end, _ in ends) + 0.05))
        style.share_axis(axes.yaxis)
        style.count_axis(axes.xaxis)
        style.end_labels(axes, ends)
        finding = f"After {counted(len(clicks), 'click')} of {counted(clicks[USER_ID].nunique(), 'user')}: "
        finding += f"{' against '.join(words)}."
        return render(figure, f"Replay: hit rate at {k}", finding)


def _bands(users: pd.Series, hits: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Interval of the hit rate after each click, (n_clicks,) each; a resample counts a user as often as drawn."""
    codes, names = pd.factorize(users)
    mine = np.zeros((names.size, codes.size))
    mine[codes, np.arange(codes.size)] = 1
    rng = np.random.default_rng(0)
    weights = rng.multinomial(names.size, np.full(names.size, 1 / names.size), size=RESAMPLES)
    found = weights @ np.cumsum(mine * hits.to_numpy(dtype=float), axis=1)
    asked = weights @ np.cumsum(mine, axis=1)
    rates = np.divide(found, asked, out=np.full_like(found, np.nan), where=asked > 0)
    return tuple(np.nanquantile(rates, [0.025, 0.975], axis=0))
