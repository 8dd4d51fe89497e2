"""Figures of our own model on SageMaker: how its training went, how soon it answers, what it costs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from recsys.errors import DataError
from recsys.plots import style
from recsys.plots.style import BLUE, INK, MUTED, SKY, Figure, beside, canvas, counted, finished, needs, plain

TRIALS, TEST, POPULARITY = "validation:ndcg_at_10", "test:ndcg_at_10", "test:popularity_ndcg_at_10"


def scraped_metrics(curve: pd.DataFrame, final: Mapping[str, float]) -> Figure:
    """What did the job report while it ran? NDCG@10 of its trials over time, their best so far, and its final test.

    `curve` has the columns metric_name, timestamp (seconds), value; `final` the last value by name.
    """
    needs(curve, "scraped_metrics", "metric_name", "timestamp", "value")
    missing = {TEST, POPULARITY} - set(final)
    trials = curve[curve["metric_name"] == TRIALS].sort_values("timestamp")
    if missing or trials.empty:
        raise DataError(f"scraped_metrics: the job reported no {', '.join(sorted(missing)) or TRIALS}")
    times, values = trials["timestamp"].to_numpy(float), trials["value"].to_numpy(float)
    with canvas(3.4) as (figure, axes):
        axes.plot(times, values, "o", color=SKY, markersize=5)
        axes.step(times, np.maximum.accumulate(values), where="post", color=BLUE, linewidth=2.2)
        end = max(times[-1], 1.0)
        for name, value, dash in (("test", final[TEST], "-"), ("popularity", final[POPULARITY], style.DASHES[1])):
            axes.axhline(value, color=INK if name == "test" else MUTED, linewidth=1.3, linestyle=dash)
            beside(axes, f"{name}  {plain(value)}", 1.04 * end, value)
        axes.set(xlabel="seconds of training", ylabel="NDCG@10", xlim=(-0.03 * end, 1.22 * end), ylim=(0, None))
        axes.margins(y=0.12)
        finding = f"In {counted(len(trials), 'reported step')} the best trial reaches {plain(values.max())}; on unseen "
        finding += f"users the chosen model has {plain(final[TEST])}, popularity {plain(final[POPULARITY])}."
        detail = f"First trial {plain(values[0])}. Dots: trials, line: best so far, both on the validation users."
        return finished(figure, "What the training job reported", finding, detail)


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
        _plain_ticks(axes, min(values[0] for values in times.values()), max(values[-1] for values in times.values()))
        axes.legend(loc="lower right")
        return finished(figure, "Time to an answer", f"{'; '.join(words)}.", "Log axis.")


def _plain_ticks(axes: style.Axes, low: float, high: float) -> None:
    ticks = [factor * 10.0**power for power in range(-2, 5) for factor in (1, 2, 5)]
    axes.set_xticks([tick for tick in ticks if 0.9 * low <= tick <= 1.1 * high])
    axes.xaxis.set_minor_formatter("")
    style.count_axis(axes.xaxis)


def usd_per_million(costs: Mapping[str, float]) -> Figure:
    """What does a million answers cost? A bar per way to get them, in USD, on a log axis."""
    values = style.numbers(list(costs.values()), "usd_per_million")
    if values.min() <= 0:
        raise DataError(f"usd_per_million: {values.min():g} USD is no price; every value must be above 0")
    names = list(costs)
    low = 10 ** np.floor(np.log10(values.min()) - 0.2)
    with canvas(1.5 + 0.34 * len(names)) as (figure, axes):
        axes.barh(range(len(names)), values - low, 0.66, left=low, color=BLUE)
        for place, value in enumerate(values):
            beside(axes, f"${plain(value)}", value, place)
        axes.set_xscale("log")
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set(xlabel="USD per million answers (log)", xlim=(low, 6 * values.max()), ylim=(len(names) - 0.5, -0.5))
        axes.grid(axis="y", visible=False)
        style.count_axis(axes.xaxis)
        least, most = int(values.argmin()), int(values.argmax())
        finding = f"A million answers cost ${plain(values[least])} by {names[least]} "
        finding += f"and ${plain(values[most])} by {names[most]}."
        detail = "; ".join(f"{name}: ${plain(value)}" for name, value in costs.items()) + "."
        return finished(figure, "USD per million answers", finding, detail)
