"""Figures of a retraining: where its time went, who was kept waiting, what the verdict on the new version rests on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from recsys.plots import style
from recsys.plots.style import BLUE, INK, SKY, Figure, beside, canvas, counted, needs, plain, render

LONG = 600  # seconds from which on a time is told in minutes
FAILED = "failed"
CALM = (50, 99)  # percentiles of the answers before


def retraining_steps(steps: pd.DataFrame) -> Figure:
    """Where does the time go? A bar per step, from its start to its end.

    `steps` has the columns step, start and seconds, in the order they were taken.
    """
    rows = needs(steps, "retraining_steps", "step", "start", "seconds")
    seconds = style.numbers(rows["seconds"], "retraining_steps")
    total, longest = float(seconds.sum()), int(seconds.argmax())
    scale, unit = (60, "minutes") if total > LONG else (1, "seconds")
    with canvas(1.4 + 0.3 * len(rows)) as (figure, axes):
        colours = [BLUE if place == longest else SKY for place in range(len(rows))]
        axes.barh(range(len(rows)), seconds / scale, 0.68, left=rows["start"] / scale, color=colours)
        for place, row in enumerate(rows.itertuples()):
            beside(axes, _time(row.seconds), (row.start + row.seconds) / scale, place)
        axes.set_yticks(range(len(rows)), rows["step"])
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set(
            xlabel=f"{unit} since its start", ylim=(len(rows) - 0.5, -0.5), xlim=(0, 1.12 * max(total, 0.1) / scale)
        )
        axes.grid(axis="y", visible=False)
        part = f" ({style.share(seconds[longest] / total)})" if total > 0 else ""
        finding = f"The retraining took {_time(total)}; its longest step, {rows['step'].iloc[longest]}, "
        finding += f"{_time(seconds[longest])}{part}."
        detail = "; ".join(f"{row.step}: {_time(row.seconds)}" for row in rows.itertuples()) + "."
        return render(figure, "Steps of the retraining", finding, detail)


def answers_meanwhile(answers: pd.DataFrame, steps: pd.DataFrame, before: Sequence[float] = ()) -> Figure:
    """Is anybody kept waiting? A mark per request, in milliseconds on a log axis, over the steps of what went on.

    `answers` has a row per request: at (epoch seconds), status, source, milliseconds; `steps` step, at and seconds.
    `before` are milliseconds of requests before it began: their median and p99 are dashed lines.
    """
    rows = needs(answers, "answers_meanwhile", "at", "status", "source", "milliseconds")
    needs(steps, "answers_meanwhile", "step", "at", "seconds")
    took, begin, kinds = style.numbers(rows["milliseconds"], "answers_meanwhile"), steps["at"].iloc[0], _kinds(rows)
    scale, unit = (60, "minutes") if steps["seconds"].sum() > LONG else (1, "seconds")
    with canvas(3.7) as (figure, axes):
        for place, (name, group) in enumerate(kinds.items()):
            look = {"color": style.VERMILLION, "marker": "X"} if name == FAILED else _dots(place)
            x = (group["at"] - begin) / scale
            axes.plot(x, group["milliseconds"], linestyle="", label=name, markersize=4.5, **look)
        axes.set_yscale("log")
        axes.set(xlabel=f"{unit} since the retraining's start", ylabel="milliseconds (log)")
        calm = [float(value) for value in np.percentile(before, CALM)] if len(before) else []
        axes.set_ylim(min([took.min(), *calm]) / 1.5, 4 * max([took.max(), *calm]))
        style.log_ticks(axes.yaxis, *axes.get_ylim())
        _bands(axes, steps.assign(start=(steps["at"] - begin) / scale, width=steps["seconds"] / scale))
        _calm(axes, calm)
        if len(kinds) > 1:
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0.2)
        finding = f"{counted(len(rows), 'request')} meanwhile, {len(kinds.get(FAILED, ())):,} of them failed; "
        levels = [plain(value) for value in np.percentile(took, CALM)]
        finding += f"half took at most {levels[0]} ms and 99 % at most {levels[1]} ms"
        finding += f"; before it {plain(calm[0])} and {plain(calm[1])} ms." if calm else "."
        by = ", ".join(f"{name} {len(group):,}" for name, group in kinds.items())
        detail = f"The slowest took {plain(took.max())} ms. By: {by}."
        return render(figure, "Answers while it retrained", finding, detail)


def _calm(axes: Axes, levels: Sequence[float]) -> None:
    """How long answers took before it: median and p99, or nothing where that is not known."""
    plate = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
    for name, value, dash in zip(("median", "p99"), levels, style.DASHES[1:], strict=False):
        axes.axhline(value, color=INK, linewidth=1.3, linestyle=dash, zorder=4)
        beside(axes, f"{name} before", axes.get_xlim()[1], value, right=-3, up=7, ha="right", bbox=plate, zorder=5)


def _kinds(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The requests by who answered them, most first; those without an answer at the end."""
    well = rows["status"] == 200
    answered, failed = rows[well], rows[~well]
    kinds = {str(name): answered[answered["source"] == name] for name in answered["source"].value_counts().index}
    return kinds | ({FAILED: failed} if len(failed) else {})


def _dots(place: int) -> dict[str, Any]:
    return {"color": style.COLOURS[place % 4], "marker": style.MARKERS[place % 6], "markeredgewidth": 0, "alpha": 0.75}


def _bands(axes: Axes, steps: pd.DataFrame) -> None:
    """Every second step shaded; those wide enough for their name are named. start and width in the axis' unit."""
    end = max(float((steps["start"] + steps["width"]).iloc[-1]), 1e-6)
    for place, row in enumerate(steps.itertuples()):
        if place % 2:
            axes.axvspan(row.start, row.start + row.width, color="#F1F3F4", zorder=0)
        if row.width > 0.0125 * end * len(row.step):
            x = row.start + row.width / 2
            look = {"ha": "center", "va": "top", "color": style.MUTED}
            axes.text(x, 0.97, row.step, transform=axes.get_xaxis_transform(), **look)
    axes.set_xlim(-0.01 * end, 1.01 * end)
    axes.grid(axis="x", visible=False)


def retraining_verdict(outcome: Mapping[str, Any], tolerance: float) -> Figure:
    """Is each new version good enough? The metric of both versions, and the line below which a new one is refused.

    `outcome` has what the retraining told: outcome, reason and models, each with route, outcome, reason, metric,
    servingValue and newValue, None where there was nothing to compare. `tolerance` is in per cent.
    """
    models = outcome["models"]
    compared = [each for each in models if None not in (each["servingValue"], each["newValue"])]
    finding = "; ".join(_verdict(each, tolerance) for each in models)
    finding = f"{finding}." if models else f"{outcome['outcome'].capitalize()}: {outcome['reason']}."
    if not compared:
        with canvas(1.5) as (figure, axes):
            style.instead(axes, "nothing was compared")
            return render(figure, "The verdict", finding)
    widest = 1.25 * max(1e-6, *(value for each in compared for value in (each["servingValue"], each["newValue"])))
    with canvas(1.05 + 1.15 * len(compared)) as (figure, axes):
        for place, each in enumerate(compared):
            _pair(axes, each, 3 * place, each["servingValue"] * (1 - tolerance / 100), widest)
        named = [name for each in compared for name in (f"{each['route']}: served so far", "new version")]
        axes.set_yticks([3 * place + row for place in range(len(compared)) for row in (0, 1)], named)
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set(
            xlabel=", ".join(dict.fromkeys(each["metric"] for each in compared)),
            ylim=(3 * len(compared) - 1.5, -0.95),
            xlim=(0, widest),
        )
        axes.grid(axis="y", visible=False)
        detail = f"A version is refused where it is lower by more than {tolerance:g} %."
        return render(figure, "The verdict", finding, detail)


def _pair(axes: Axes, model: Mapping[str, Any], top: float, limit: float, widest: float) -> None:
    """Bars of the two versions, the upper one at `top`, and the limit across them."""
    axes.plot([limit, limit], [top - 0.8, top + 1.4], color=INK, linewidth=1.3, linestyle=style.DASHES[1])
    for row, value in enumerate((model["servingValue"], model["newValue"])):
        axes.barh(top + row, value, 0.62, linewidth=0, zorder=1.5, **style.fill(row))
        plate = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        beside(axes, f"{value:.4f}", value, top + row, fontweight="bold" if row else "normal", bbox=plate)
    beside(axes, f"refused below {limit:.4f}", limit, top - 0.62, right=-5 if 2 * limit > widest else 5)


def _verdict(model: Mapping[str, Any], tolerance: float) -> str:
    """A model's verdict as a sentence, without its full stop."""
    old, new, said = model["servingValue"], model["newValue"], f"{model['route']} {model['outcome']}"
    if None in (old, new):
        return f"{said}: {model['reason']}"
    change = f" ({100 * (new / old - 1):+.1f} %)" if old else ""
    limit = old * (1 - tolerance / 100)
    return f"{said}: {model['metric']} was {old:.4f} and is {new:.4f}{change}, refused below {limit:.4f}"


def _time(seconds: float) -> str:
    """A time as a person says it.

    >>> _time(0.042), _time(12.34), _time(340), _time(4000)
    ('0.04 s', '12.3 s', '5.7 min', '67 min')
    """
    if seconds < 120:
        return f"{seconds:.{1 if seconds >= 1 else 2}f} s"
    return f"{seconds / 60:,.{1 if seconds < LONG else 0}f} min"
