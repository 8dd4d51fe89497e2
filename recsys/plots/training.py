"""Figures of training: what was tried, and how accurate the result is against baselines.

A *metrics table* has the columns name (the model), metric, mean, low, high, where low and high bound the 95 % interval.
The first name is the model under study, the others are its baselines.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from recsys.errors import DataError
from recsys.plots import style
from recsys.plots.style import BLUE, INK, SKY, Figure, beside, canvas, needs, plain, render

TABLE = ("name", "metric", "mean", "low", "high")
MOST_NAMED = 3
SCORE = "ndcg"
OF_A_TRIAL = [SCORE, "seconds", "chosen"]  # columns that are no settings
MOST_TRIALS = 14


def tuning_trials(trials: pd.DataFrame) -> Figure:
    """Which setting was chosen, and how far are others from it? It is a star, each other a dot named by its difference.

    The axis begins at the worst. Of a setting tried twice the later row counts: a part of the model learned in between.

    `trials` has one row per setting: column `ndcg`, optionally `seconds` and `chosen` (bool; the best without it), and
    a column per setting. Only the chosen and the best are drawn, 14 in all; the finding counts them all. Without any
    row it says why.
    """
    if trials.empty and SCORE in trials:
        none = "None: too few users can be held out to choose by, so the defaults hold."
        return style.words("Settings tried", none)
    ordered = _newest(needs(trials, "tuning_trials", SCORE)).sort_values(SCORE, ascending=False, kind="stable")
    best, worst = style.numbers(ordered[SCORE], "tuning_trials")[[0, -1]]
    if "chosen" in ordered:
        ordered = ordered.sort_values("chosen", ascending=False, kind="stable")
    names, scores = _settings(ordered.drop(columns=OF_A_TRIAL, errors="ignore")), ordered[SCORE]
    shown = scores.to_numpy()[:MOST_TRIALS]
    with canvas(1.6 + 0.25 * len(shown)) as (figure, axes):
        axes.plot(shown[1:], range(1, len(shown)), "o", color=SKY, markersize=7)
        axes.plot(shown[0], 0, "*", color=BLUE, markersize=15)
        beside(axes, plain(shown[0]), shown[0], 0, right=11, fontweight="bold")
        axes.set_yticks(range(len(shown)), ["chosen", *names[1:MOST_TRIALS]])
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set(xlabel=f"{SCORE} on the held-out slice", ylim=(len(shown) - 0.4, -0.6))
        span = max(best - worst, 0.05 * abs(best), 1e-6)
        axes.set_xlim(worst - 0.02 * span, best + 0.2 * span)
        axes.xaxis.get_major_locator().set_params(nbins=5)
        finding = f"The only setting reaches {SCORE} {plain(best)}."
        if len(scores) > 1:
            which, better = ("best", "") if shown[0] == best else ("chosen", f"the best {plain(best)}, ")
            finding = f"The {which} of {len(scores)} settings ({names[0]}) reaches {SCORE} {plain(shown[0])}, "
            finding += f"{better}the worst {plain(worst)}."
        finding += f" The chosen and the {len(shown) - 1} best others are shown." if len(shown) < len(scores) else ""
        took = f"Trying them took {trials['seconds'].sum():,.1f} seconds." if "seconds" in trials else ""
        return render(figure, "Settings tried", finding, took)


def _newest(trials: pd.DataFrame) -> pd.DataFrame:
    """One row a setting, the last."""
    settings = trials.drop(columns=OF_A_TRIAL, errors="ignore").astype(str)
    return trials[~settings.duplicated(keep="last")]


def _settings(trials: pd.DataFrame) -> list[str]:
    """The first row's varied settings in words, and of each other row where it differs from the first."""
    rows = trials.map(_setting).to_dict("records")
    varied = [key for key in rows[0] if len({row[key] for row in rows}) > 1]
    others = [[f"{key} {row[key]}" for key in varied if row[key] != rows[0][key]] for row in rows[1:]]
    best = ", ".join(f"{key} {rows[0][key]}" for key in varied)
    return [best, *(", ".join(parts[:MOST_NAMED]) + ", …" * (len(parts) > MOST_NAMED) for parts in others)]


def _setting(value: object) -> str:
    if value is None or value != value:
        return "none"
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def metric_bars(
    table: pd.DataFrame, metrics: list[str] | None = None, title: str = "Accuracy against baselines"
) -> Figure:
    """Is the model better than no model? A panel per metric, a bar per model, with value and 95 % interval.

    `table` is a metrics table; `metrics` chooses and orders the panels (default: all, in the table's order).
    """
    rows = _chosen(table, "metric_bars", metrics)
    names, kinds = list(dict.fromkeys(rows["name"])), list(dict.fromkeys(rows["metric"]))
    columns = 2 if len(kinds) == 4 else min(3, len(kinds))
    lines = -(-len(kinds) // columns)
    height = 0.8 + lines * (0.55 + 0.3 * len(names))
    with canvas(height, rows=lines, columns=columns, squeeze=False, sharey=True) as (figure, grid):
        for axes, kind in zip(grid.flat, kinds, strict=False):
            _bars(axes, rows[rows["metric"] == kind].set_index("name").reindex(names), kind)
        for axes in grid.flat[len(kinds) :]:
            axes.set_visible(False)
        return render(figure, title, _against(rows, kinds[0]), _in_words(rows))


def _bars(axes: Axes, values: pd.DataFrame, kind: str) -> None:
    places = range(len(values))
    for place, row in enumerate(values.itertuples()):
        axes.barh(place, row.mean, 0.7, linewidth=0, **style.fill(place))
        beside(axes, plain(row.mean) if np.isfinite(row.mean) else "", np.nanmax([row.mean, row.high, 0]), place)
    whiskers = {"fmt": "none", "ecolor": INK, "elinewidth": 1.1, "capsize": 3}
    axes.errorbar(values["mean"], places, xerr=style.whiskers(values), **whiskers)
    axes.set_title(kind, color=INK, fontweight="bold")
    axes.set_yticks(places, values.index)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set(ylim=(len(values) - 0.45, -0.55), xlim=(0, 1.5 * max(np.nanmax(values["high"]), 1e-6)))
    axes.xaxis.get_major_locator().set_params(nbins=3)
    axes.grid(axis="y", visible=False)


def _chosen(table: pd.DataFrame, figure: str, metrics: list[str] | None) -> pd.DataFrame:
    """The rows of the named metrics, in that order; all for None. Raises DataError naming what there is."""
    known = list(dict.fromkeys(needs(table, figure, *TABLE)["metric"]))
    unknown = [metric for metric in metrics or () if metric not in known]
    if unknown:
        raise DataError(f"{figure}: no metric {', '.join(unknown)} in the table; it has {', '.join(known)}")
    return pd.concat([table[table["metric"] == metric] for metric in metrics or known])


def _in_words(rows: pd.DataFrame) -> str:
    """Every value of a metrics table, the model's with its interval, as one sentence."""
    groups = [list(group.itertuples()) for _, group in rows.groupby("metric", sort=False)]
    words = [
        f"{first.metric}: {first.name} {_interval(first)}"
        + "".join(f", {row.name} {plain(row.mean)}" for row in others)
        for first, *others in groups
    ]
    return "; ".join(words) + "."


def _interval(row: Any) -> str:
    spread = "" if row.low == row.high else f" ({plain(row.low)} to {plain(row.high)})"
    return plain(row.mean) + spread


def _against(table: pd.DataFrame, metric: str) -> str:
    """The model's value of `metric` with its interval, and how many times each baseline's value that is."""
    model, *others = table[table["metric"] == metric].itertuples()
    times = [
        f"{plain(model.mean / other.mean)} times that of {other.name}" if other.mean > 0 else f"{other.name} has 0"
        for other in others
    ]
    return f"{metric} of {model.name} is {_interval(model)}{', ' + ', '.join(times) if times else ''}."
