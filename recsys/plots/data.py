"""Figures of the interactions: how popular, how active, when, and in which sessions.

Every function takes the interactions frame (USER_ID, ITEM_ID, TIMESTAMP in epoch seconds, EVENT_TYPE) and raises
DataError when it is empty or lacks a column it draws. Times are UTC.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from recsys.columns import EVENT_TYPE, ITEM_ID, TIMESTAMP, USER_ID
from recsys.plots import style
from recsys.plots.style import BLUE, INK, MUTED, Figure, canvas, counted, needs, render, share

NAMES_WIDTH = 36  # characters side by side under half a figure
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def popularity_curve(interactions: pd.DataFrame) -> Figure:
    """How unequal is the demand for items? Events per item by rank, Lorenz curve and Gini index."""
    counts = needs(interactions, "popularity_curve", ITEM_ID)[ITEM_ID].value_counts().to_numpy()
    top = max(1, round(0.2 * counts.size))
    top_share = counts[:top].sum() / counts.sum()
    with canvas(3.5, columns=2, width_ratios=(1.75, 1)) as (figure, (axes, lorenz)):
        ranks = np.arange(1, counts.size + 1)
        axes.loglog(ranks, counts, color=BLUE, linewidth=2.4, marker="o" if counts.size < 30 else None)
        axes.axvspan(0.9, top + 0.5, color=BLUE, alpha=0.07, linewidth=0)
        axes.text(1.1, counts[-1] * 0.62, f"top 20 %: {top:,} items", va="bottom", color=MUTED)
        axes.set(xlabel="rank of the item by popularity", ylabel="events", xlim=(0.9, counts.size * 1.6 + 1))
        axes.set_ylim(counts[-1] * 0.5, counts[0] * 2)
        style.count_axis(axes.xaxis)
        style.count_axis(axes.yaxis)
        gini = _lorenz(lorenz, counts)
        finding = f"The most popular 20 % of {counted(counts.size, 'item')} draw {share(top_share)} of "
        finding += f"{counted(counts.sum(), 'event')} (Gini {gini:.2f})."
        detail = f"The median item has {counted(np.median(counts), 'event')}, the first {counts[0]:,}."
        return render(figure, "Items by popularity", finding, detail)


def _lorenz(axes: Axes, counts: np.ndarray) -> float:
    """Draw the Lorenz curve of `counts`, most popular first; returns the Gini index, 0 for equal demand."""
    held = np.concatenate([[0.0], np.cumsum(counts[::-1]) / counts.sum()])
    items = np.linspace(0, 1, held.size)
    gini = float(1 - np.sum((held[1:] + held[:-1]) * np.diff(items)))
    axes.fill_between(items, held, items, color=BLUE, alpha=0.15, linewidth=0)
    axes.plot(items, held, color=BLUE)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (3, 2)))
    axes.text(0.06, 0.93, f"Lorenz curve\nGini {gini:.2f}", color=INK, va="top")
    axes.set(xlabel="share of items, rarest first", ylabel="share of events", xlim=(0, 1), ylim=(0, 1))
    axes.set(xticks=(0, 0.5, 1), yticks=(0.5, 1))
    style.share_axis(axes.xaxis)
    style.share_axis(axes.yaxis)
    return gini


def events_per_user_and_item(interactions: pd.DataFrame) -> Figure:
    """How much is known about each user and item? Histograms of their events, with the medians."""
    needs(interactions, "events_per_user_and_item", USER_ID, ITEM_ID)
    users = interactions[USER_ID].value_counts().to_numpy()
    items = interactions[ITEM_ID].value_counts().to_numpy()
    with canvas(3.3, columns=2) as (figure, (left, right)):
        _count_histogram(left, users, "events per user", "users")
        _count_histogram(right, items, "events per item", "items")
        finding = (
            f"The median user has {counted(np.median(users), 'event')}, the median item {np.median(items):,.0f}; "
            f"{share((users == 1).mean())} of {counted(users.size, 'user')} and {share((items == 1).mean())} of "
            f"{counted(items.size, 'item')} have only one."
        )
        detail = f"The most active user has {users[0]:,} events, the most popular item {items[0]:,}."
        return render(figure, "Events per user and per item", finding, detail)


def _count_histogram(axes: Axes, counts: np.ndarray, what: str, of: str, unit: str = "") -> None:
    """A bar for 1, 2, 3-4, 5-8 and so on, of equal width: finer classes of whole numbers would differ in size."""
    classes = style.doublings(counts.max())
    ends = np.array([high for _, high in classes])
    places = np.arange(len(classes))
    axes.bar(places, np.bincount(np.searchsorted(ends, counts), minlength=len(classes)), 0.94, color=BLUE, linewidth=0)
    named = [f"{low:,}" if low == high else f"{low:,}–{high:,}" for low, high in classes]
    step = _every(named)
    axes.set_xticks(places[::step], named[::step])
    axes.set(xlabel=what, ylabel=of)
    axes.margins(y=0.12)
    axes.grid(axis="x", visible=False)
    style.count_axis(axes.yaxis)
    median = float(np.median(counts))
    edges = [0.5, *(ends + 0.5)]
    style.marked(axes, {f"median {median:,.0f}{unit}": float(np.interp(median, edges, np.arange(len(edges)) - 0.5))})


def _every(named: list[str]) -> int:
    """At what steps the names of bars side by side stand under half a figure without touching each other."""
    step = -(-len(named) // 5)
    while any(
        len(one) + len(other) + 4 > 2 * step * NAMES_WIDTH / len(named) for one, other in pairwise(named[::step])
    ):
        step += 1
    return step


def events_per_day(interactions: pd.DataFrame) -> Figure:
    """How does demand move? Events per day by type: a dot per day, a line for the centred mean of seven days."""
    needs(interactions, "events_per_day", TIMESTAMP, EVENT_TYPE)
    days = pd.to_datetime(interactions[TIMESTAMP], unit="s").dt.floor("D")
    counts = pd.crosstab(days, _five_types(interactions[EVENT_TYPE]))
    counts = counts.reindex(pd.date_range(days.min(), days.max(), freq="D"), fill_value=0)
    counts = counts[counts.sum().sort_values(ascending=False).index]
    smooth = counts.rolling(7, center=True, min_periods=4).mean() if len(counts) >= 14 else counts
    with canvas(3.5) as (figure, axes):
        for place, kind in enumerate(counts.columns):
            colour, dash = style.COLOURS[place], style.DASHES[place]
            axes.plot(counts.index, counts[kind], style.MARKERS[place], color=colour, markersize=2.6, alpha=0.5)
            axes.plot(smooth.index, smooth[kind], color=colour, linewidth=2.2, linestyle=dash)
        axes.set(ylabel="events per day", ylim=(0, max(1.0, 1.05 * counts.to_numpy().max())))
        axes.set_xlim(counts.index[0] - pd.Timedelta(hours=12), counts.index[-1] + pd.Timedelta(hours=12))
        style.count_axis(axes.yaxis)
        style.end_labels(axes, [(smooth.index[-1], smooth[kind].iloc[-1], str(kind)) for kind in counts.columns])
        return render(figure, "Events per day", *_days_in_words(counts))


def _five_types(types: pd.Series) -> pd.Series:
    known = types.astype(str)
    frequent = known.value_counts().index[:5]
    return known.where(known.isin(frequent), "other")


def _days_in_words(counts: pd.DataFrame) -> tuple[str, str]:
    total = counts.sum(axis=1)
    kinds = ", ".join(f"{counts[kind].mean():,.1f} {kind}" for kind in counts.columns)
    quiet = f"; {counted((total == 0).sum(), 'day')} had none" if (total == 0).any() else ""
    finding = (
        f"A mean of {total.mean():,.0f} events a day over {counted(len(total), 'day')}; "
        f"the busiest, {total.idxmax():%Y-%m-%d}, has {total.max():,}{_together(counts)}{quiet}."
    )
    return finding, f"By type, events a day: {kinds}."


def _together(counts: pd.DataFrame) -> str:
    """What a day's total holds: the figure draws each type by itself."""
    kinds = [str(kind) for kind in counts.columns]
    return f" ({' and '.join([', '.join(kinds[:-1]), kinds[-1]])} together)" if len(kinds) > 1 else ""


def hour_of_week(interactions: pd.DataFrame) -> Figure:
    """When do people shop? Events by weekday and hour, in UTC; the busiest hour is framed."""
    needs(interactions, "hour_of_week", TIMESTAMP)
    times = pd.to_datetime(interactions[TIMESTAMP], unit="s")
    cells = np.zeros((7, 24), dtype=int)
    np.add.at(cells, (times.dt.day_of_week.to_numpy(), times.dt.hour.to_numpy()), 1)
    day, hour = np.unravel_index(cells.argmax(), cells.shape)
    with canvas(3.2) as (figure, axes):
        image = axes.imshow(cells, aspect="auto", cmap="Blues", vmin=0)
        axes.add_patch(Rectangle((hour - 0.5, day - 0.5), 1, 1, fill=False, edgecolor=style.VERMILLION, linewidth=2.2))
        axes.set_yticks(range(7), DAYS)
        axes.set_xticks(range(0, 24, 3), [f"{start:02d}:00" for start in range(0, 24, 3)])
        axes.set_xlabel("hour of the day, UTC")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=axes, pad=0.01, label="events")
        bar.outline.set_visible(False)
        style.count_axis(bar.ax.yaxis)
        weekend = cells[5:].sum() / cells.sum()
        finding = f"The busiest hour is {DAYS[day]} {hour:02d}:00 with {counted(cells.max(), 'event')}; "
        finding += f"the weekend holds {share(weekend)} of all."
        detail = f"Hours without an event: {int((cells == 0).sum())} of 168."
        return render(figure, "Events by hour of the week", finding, detail)


def sessions(visits: pd.DataFrame, gap_minutes: float = 30.0) -> Figure:
    """How long is a visit? Events per session and its minutes; a pause longer than `gap_minutes` starts a new session.

    `visits` has a row per session: events and minutes. The duration is drawn for those whose events lie at more than
    one time; the finding says how many they are.
    """
    needs(visits, "sessions", "events", "minutes")
    lengths, minutes = visits["events"].to_numpy(), visits["minutes"].to_numpy()
    lasting = np.maximum(1, np.ceil(minutes[minutes > 0]))
    with canvas(3.3, columns=2) as (figure, (left, right)):
        _count_histogram(left, lengths, "events per session", "sessions")
        if lasting.size:
            _count_histogram(right, lasting, "minutes per session", "sessions", " min")
        else:
            style.instead(right, "every session's events\ncarry the same time")
        finding = f"The median of {counted(lengths.size, 'session')} has {counted(np.median(lengths), 'event')}; "
        finding += f"{share(lasting.size / lengths.size)} last longer than one moment"
        finding += f", the median of these {counted(np.median(lasting), 'minute')}." if lasting.size else "."
        detail = f"A pause longer than {gap_minutes:g} minutes starts a new session."
        return render(figure, "Sessions", finding, detail)
