"""Figures of our own model on SageMaker: how its training went, how soon it answers, what it costs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from recsys.errors import DataError
from recsys.plots import style
from recsys.plots.style import BLUE, INK, SKY, Figure, beside, canvas, counted, needs, plain, render

TRIALS, TEST, POPULARITY = "validation:ndcg_at_10", "test:ndcg_at_10", "test:popularity_ndcg_at_10"


def scraped_metrics(reported: pd.DataFrame, final: Mapping[str, float]) -> Figure:
    """What did the job report while it ran? NDCG@10 of each trial in order, the best so far, and the test at the end.

    `reported` has the columns metric_name, value, a row for each value; `final` is the last value by name.
    """
    trials = needs(reported, "scraped_metrics", "metric_name", "value").query("metric_name == @TRIALS")
    missing = {TEST, POPULARITY} - set(final)
    if missing:
        raise DataError(f"scraped_metrics: the job reported no {', '.join(sorted(missing))}")
    title, test = "What the training job reported", f"{plain(final[TEST])}, popularity {plain(final[POPULARITY])}"
    if trials.empty:
        none = "No setting was tried: too few users can be held out to choose by, so the defaults hold."
        return style.words(title, f"{none} On unseen users they have {test}.")
    values = style.numbers(trials["value"], "scraped_metrics")
    order = np.arange(1, values.size + 1)
    with canvas(3.4) as (figure, axes):
        axes.plot(order, values, "o", color=SKY, markersize=5)
        axes.step(order, np.maximum.accumulate(values), where="post", color=BLUE, linewidth=2.2)
        up = 9 if values.max() >= final[TEST] else -9  # of two close lines, one's name stands above, the other's below
        beside(axes, f"best trial  {plain(values.max())}", order[-1], values.max(), right=-2, up=up, color=BLUE)
        tested, popular = ("test", final[TEST], "-", -up), ("popularity", final[POPULARITY], style.DASHES[1], 9)
        for name, value, dash, up in (tested, popular):
            axes.axhline(value, color=INK, linewidth=1.3, linestyle=dash)
            beside(axes, f"{name}  {plain(value)}", order[-1], value, right=-2, up=up)
        top = 1.2 * max(values.max(), final[TEST], final[POPULARITY])
        axes.set(xlabel="setting tried, in order", ylabel="NDCG@10", xlim=(0, order[-1] + 1), ylim=(0, top))
        finding = (
            f"The best of {counted(values.size, 'trial')} reaches {plain(values.max())} on the validation users; on "
        )
        finding += f"unseen users the chosen model has {test}."
        detail = f"The first trial has {plain(values[0])}. Dots: trials; line: the best so far."
        return render(figure, title, finding, detail)


def latency_compared(milliseconds: Mapping[str, np.ndarray]) -> Figure:
    """Who answers sooner? Share of answers within a time in milliseconds, a line per name, with its p50 and p99."""
    if not milliseconds:
        raise DataError("latency_compared: nobody was asked")
    times = {name: np.sort(style.numbers(values, "latency_compared")) for name, values in milliseconds.items()}
    words = []
    with canvas(3.4) as (figure, axes):
        for place, (name, values) in enumerate(times.items()):
            p50, p99 = np.percentile(values, [50, 99])
            words.append(f"{name} p50 {plain(p50)} ms, p99 {plain(p99)} ms")
            reached = np.arange(1, values.size + 1) / values.size
            look = style.look(place) | {"markevery": 0.12, "label": words[-1]}
            axes.plot(values, reached, linewidth=2.2, drawstyle="steps-post", **look)
        axes.set_xscale("log")
        axes.set(xlabel="milliseconds, one request at a time", ylabel="answered within", ylim=(0, 1.04))
        style.share_axis(axes.yaxis)
        ends = [values[place] for values in times.values() for place in (0, -1)]
        style.log_ticks(axes.xaxis, 0.9 * min(ends), 1.1 * max(ends))
        axes.legend(loc="lower right")
        return render(figure, "Time to an answer", f"{'; '.join(words)}.", "Log axis.")


def usd_per_million(costs: Mapping[str, float]) -> Figure:
    """What does a million answers cost? A dot per way to get them, in USD, on a log axis."""
    values = style.numbers(list(costs.values()), "usd_per_million")
    if values.min() <= 0:
        raise DataError(f"usd_per_million: {values.min():g} USD is no price; every value must be above 0")
    names, rows = list(costs), range(len(costs))
    with canvas(1.5 + 0.34 * len(names)) as (figure, axes):
        axes.hlines(rows, values.min() / 3, values, color=style.PALE, linewidth=1.4)
        axes.plot(values, rows, "o", color=BLUE, markersize=9)
        for place, value in enumerate(values):
            beside(axes, _two_digits(value), value, place, right=10)
        axes.set_xscale("log")
        axes.set_yticks(rows, names)
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set(xlabel="USD (log)", xlim=(values.min() / 3, 6 * values.max()), ylim=(len(names) - 0.5, -0.5))
        axes.grid(axis="y", visible=False)
        style.count_axis(axes.xaxis)
        least, most = int(values.argmin()), int(values.argmax())
        finding = f"A million answers cost {_two_digits(values[least])} USD by {names[least]}, "
        finding += f"{_two_digits(values[most])} USD by {names[most]}."
        detail = "; ".join(f"{name}: {_two_digits(value)} USD" for name, value in costs.items()) + "."
        return render(figure, "USD per million answers", finding, detail)


def _two_digits(value: float) -> str:
    """What a cost that rests on assumptions is known to.

    >>> _two_digits(55.6), _two_digits(0.0469), _two_digits(1234.0)
    ('56', '0.047', '1,200')
    """
    return f"{float(f'{value:.2g}'):,g}"
