"""Figures of what one accuracy number hides: popularity bias, and who is served well."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from recsys.errors import DataError
from recsys.metrics import bootstrap
from recsys.plots import style
from recsys.plots.style import INK, Figure, canvas, counted, needs, plain, render, share

BANDS = (0.0, 0.01, 0.05, 0.2, 0.5, 1.0)
METRIC = "NDCG@10"


def popularity_bias(popularity: np.ndarray, recommended: Mapping[str, np.ndarray]) -> Figure:
    """Do recommendations only repeat the bestsellers? Demand and recommendations by popularity of the item.

    `popularity` has shape (n_items,): events per item code. `recommended` maps a model to item codes, (n_users, k).
    """
    counts = style.numbers(popularity, "popularity_bias")
    if counts.sum() <= 0:
        raise DataError("popularity_bias: no item has an event, there is no demand to compare with")
    band = np.empty(counts.size, dtype=int)
    ranks = np.arange(counts.size) / counts.size
    band[np.argsort(-counts, kind="stable")] = np.searchsorted(BANDS[1:], ranks, side="right")
    shares = {"demand": np.bincount(band, counts, len(BANDS) - 1) / counts.sum()}
    for name, codes in recommended.items():
        shown = style.numbers(codes, f"popularity_bias ({name})").astype(int)
        shares[name] = np.bincount(band[shown], minlength=len(BANDS) - 1) / shown.size
    with canvas(3.8) as (figure, axes):
        _band_bars(axes, shares)
        top = [f"{share(values[:3].sum())} of {name}" for name, values in shares.items()]
        detail = f"{share((counts == 0).mean())} of {counts.size:,} items have no event."
        finding = f"The most popular 20 % of items make up {', '.join(top)}."
        return render(figure, "Popularity of what is recommended", finding, detail)


def _band_bars(axes: Axes, shares: Mapping[str, np.ndarray]) -> None:
    labels = ["top 1 %"] + [f"{100 * low:g}–{100 * high:g} %" for low, high in pairwise(BANDS[1:])]
    width = 0.84 / len(shares)
    for place, (name, values) in enumerate(shares.items()):
        look = {**style.fill(place - 1), **({"color": INK, "hatch": ""} if name == "demand" else {})}
        at = np.arange(len(values)) + (place - (len(shares) - 1) / 2) * width
        axes.bar(at, values, 0.92 * width, linewidth=0, label=name, **look)
    axes.set_xticks(range(len(labels)), labels)
    axes.set(xlabel="items by popularity", ylabel="share")
    axes.margins(y=0.08)
    axes.grid(axis="x", visible=False)
    style.share_axis(axes.yaxis)
    axes.legend()


def by_activity(per_user: pd.DataFrame, samples: int = 1000) -> Figure:
    """Does the model serve newcomers and regulars alike? NDCG@10 by the number of events known of the user.

    `per_user` has one row per tested user: `events`, and NDCG@10 in a column per model. Users are cut into at most four
    equal groups by events; dots are means, whiskers 95 % bootstrap intervals of `samples` resamples.
    """
    names = [column for column in needs(per_user, "by_activity", "events").columns if column != "events"]
    if not names:
        raise DataError("by_activity: no model's column beside events; add one per model")
    cut = pd.qcut(per_user["events"], 4, labels=False, duplicates="drop").fillna(0)
    parts = [part for _, part in per_user.groupby(cut.to_numpy(), sort=True)]
    bands = [_range(part["events"]) for part in parts]
    with canvas(3.6) as (figure, axes):
        means = pd.DataFrame(index=names, columns=bands, dtype=float)
        for place, name in enumerate(names):
            found = [bootstrap(part[name].to_numpy(), seed=0, samples=samples) for part in parts]
            values = pd.DataFrame({"mean": each.mean, "low": each.low, "high": each.high} for each in found)
            at = np.arange(len(parts)) + (place - (len(names) - 1) / 2) * 0.14
            look = {**style.look(place), "linestyle": "none", "markersize": 7, "capsize": 3}
            axes.errorbar(at, values["mean"], yerr=style.whiskers(values), label=name, **look)
            means.loc[name] = values["mean"].to_numpy()
        axes.set_xticks(
            range(len(parts)), [f"{band}\n{len(part):,} users" for band, part in zip(bands, parts, strict=True)]
        )
        axes.tick_params(axis="x", labelcolor=INK)
        axes.set(xlabel="what is known of the user", ylabel=METRIC, xlim=(-0.6, len(parts) - 0.4))
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.grid(axis="x", visible=False)
        figure.legend(loc="outside lower center", ncols=len(names))
        return render(figure, "Accuracy by user activity", *_activity_in_words(means))


def _range(events: pd.Series) -> str:
    low, high = int(events.min()), int(events.max())
    return counted(low, "event") if low == high else f"{low:,}–{high:,} events"


def _activity_in_words(means: pd.DataFrame) -> tuple[str, str]:
    first = means.iloc[0]
    finding = f"{METRIC} of {first.name} is {plain(first.iloc[0])} for users with {means.columns[0]}"
    finding += f" and {plain(first.iloc[-1])} for those with {means.columns[-1]}." if len(first) > 1 else "."
    words = [
        f"{name}: " + ", ".join(f"{plain(value)} at {band}" for band, value in row.items())
        for name, row in means.iterrows()
    ]
    return finding, "; ".join(words) + "."
