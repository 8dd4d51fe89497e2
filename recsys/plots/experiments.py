"""Figures of an experiment: how many users it takes, what it found, and how that came about."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from recsys.errors import DataError
from recsys.plots import style
from recsys.plots.style import BLUE, INK, Figure, beside, canvas, counted, needs, plain, render, share

USUAL = 0.1  # a lift that a shop would be glad of


def smallest_lift(seen: float, users: int) -> Figure:
    """What can so many users show? The smallest lift seen four times in five, by the number of users, both on log axes.

    `seen` is that of `users`, 0.1 for a tenth more; it falls with the root of their number.
    """
    seen, wanted = float(style.numbers(seen, "smallest_lift")[0]), users * (seen / USUAL) ** 2
    ends = np.array([min(users / 10, wanted / 2), max(users * 100, 2 * wanted)])
    with canvas(3.3) as (figure, axes):
        axes.plot(ends, seen * np.sqrt(users / ends), color=BLUE, linewidth=2.2)
        axes.set_xscale("log")
        axes.set_yscale("log")
        middle = float(np.sqrt(ends.prod()))
        for x, y, label in ((users, seen, "this experiment"), (wanted, USUAL, "a tenth more")):
            axes.plot(x, y, "o", color=INK, markersize=7)
            away = {"right": 9, "up": 8} if x < middle else {"right": -9, "up": -8}
            beside(axes, f"{label}: {counted(x, 'user')}, + {share(y)}", x, y, **away)
        axes.set(xlabel="users of both variants (log)", ylabel="smallest lift seen (log)")
        style.count_axis(axes.xaxis)
        style.log_ticks(axes.yaxis, *sorted(seen * np.sqrt(users / ends)))
        axes.yaxis.set_major_formatter(lambda value, _: f"+ {share(value)}")
        finding = f"{counted(users, 'user')} show a lift of {share(seen)} or more four times in five; "
        finding += f"a lift of {share(USUAL)} takes {counted(wanted, 'user')}."
        return render(figure, "Users an experiment takes", finding)


def experiment_result(variants: pd.DataFrame, lift: Mapping[str, tuple[float, float, float]], baseline: str) -> Figure:
    """Which variant did better? Events a user of each variant, and these over the baseline's, with 95 % intervals.

    `variants` has the columns variant, users, events, events_low, events_high; `lift` maps each variant but the
    baseline to ratio, low and high end.
    """
    table = needs(variants, "experiment_result", "variant", "users", "events", "events_low", "events_high")
    if not lift or baseline not in set(table["variant"]):
        raise DataError(f"experiment_result: {baseline} and a variant to hold against it are needed")
    with canvas(1.7 + 0.42 * len(table), columns=2, sharey=True) as (figure, (events, lifts)):
        _events(events, table)
        _lifts(lifts, table, lift)
        sentences = [_lift(name, of, baseline) for name, of in lift.items()]
        detail = "; ".join(
            f"{row.variant}: {plain(row.events)} events a user ({plain(row.events_low)} to {plain(row.events_high)}), "
            f"{counted(row.users, 'user')}"
            for row in table.itertuples()
        )
        return render(figure, "Which variant did better", f"{'; '.join(sentences)}.", f"{detail}.")


def _events(axes: Axes, table: pd.DataFrame) -> None:
    for place, row in enumerate(table.itertuples()):
        axes.barh(place, row.events, 0.62, linewidth=0, **style.fill(place))
        beside(axes, plain(row.events), max(row.events, row.events_high), place)
    spread = table.rename(columns={"events": "mean", "events_low": "low", "events_high": "high"})
    whiskers = {"fmt": "none", "ecolor": INK, "elinewidth": 1.1, "capsize": 3}
    axes.errorbar(table["events"], range(len(table)), xerr=style.whiskers(spread), **whiskers)
    names = [f"{row.variant}\n{counted(row.users, 'user')}" for row in table.itertuples()]
    axes.set_yticks(range(len(table)), names)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set(
        xlabel="events a user", ylim=(len(table) - 0.45, -0.55), xlim=(0, 1.35 * max(table["events_high"].max(), 1e-6))
    )
    axes.grid(axis="y", visible=False)


def _lifts(axes: Axes, table: pd.DataFrame, lift: Mapping[str, tuple[float, float, float]]) -> None:
    axes.axvline(1, color=INK, linewidth=1.2, linestyle=style.DASHES[1])
    for place, name in enumerate(table["variant"]):
        if name not in lift:
            beside(axes, "the one to beat", 1, place, right=8, color=style.MUTED)
        elif np.isfinite(lift[name]).all():
            ratio, low, high = lift[name]
            axes.plot([low, high], [place, place], color=style.COLOURS[place % 6], linewidth=3)
            axes.plot(ratio, place, "o", color=style.COLOURS[place % 6], markersize=8)
            beside(axes, f"× {plain(ratio)}", ratio, place, right=0, up=13, ha="center")
    finite = [end for of in lift.values() for end in of if np.isfinite(end)]
    low, high = min([0.9, *finite]), max([1.1, *finite])
    axes.xaxis.get_major_locator().set_params(nbins=5, prune="lower")
    axes.set(xlabel="events a user, over the one to beat", xlim=(low - 0.12 * (high - low), high + 0.25 * (high - low)))
    axes.grid(axis="y", visible=False)


def _lift(name: str, of: tuple[float, float, float], baseline: str) -> str:
    if not np.isfinite(of).all():
        return f"{name} against {baseline}: too few events to tell"
    ratio, low, high = map(plain, of)
    return f"{name} has {ratio} times ({low} to {high}) the events a user of {baseline}{_verdict(of)}"


def _verdict(of: tuple[float, float, float]) -> str:
    return "" if of[1] > 1 or of[2] < 1 else ", which may be chance"


def lift_so_far(told: pd.DataFrame, variant: str, baseline: str) -> Figure:
    """When could one know? The lift after so many users, with its 95 % interval at each point.

    `told` has the columns users, mean, low, high, the last row at the end of the experiment.
    """
    if told.empty:
        with canvas(1.5) as (figure, axes):
            style.instead(axes, "too few events to tell a lift from")
            return render(figure, "The lift, user by user", f"Nothing can be told of {variant} and {baseline} yet.")
    table = needs(told, "lift_so_far", "users", "mean", "low", "high")
    users, last = table["users"].to_numpy(), table.iloc[-1]
    outside = (table["low"] > 1) | (table["high"] < 1)
    with canvas(3.3) as (figure, axes):
        axes.fill_between(users, table["low"], table["high"], color=BLUE, alpha=0.16, linewidth=0)
        axes.plot(users, table["mean"], color=BLUE, marker="o", markersize=4, linewidth=2)
        axes.axhline(1, color=INK, linewidth=1.2, linestyle=style.DASHES[1])
        beside(axes, f"× {plain(last['mean'])}", users[-1], last["mean"], right=8)
        top = min(float(table["high"].max()), 3 * float(last["high"]))  # a handful of users tell anything
        axes.set(xlabel="users so far", ylabel=f"events a user, over {baseline}", ylim=(0, 1.08 * top))
        style.count_axis(axes.xaxis)
        finding = f"After {counted(users[-1], 'user')} {variant} stands at {plain(last['mean'])} times {baseline} "
        finding += f"({plain(last['low'])} to {plain(last['high'])}); "
        finding += f"the interval left 1 out at {outside.sum()} of {counted(len(table), 'look')}."
        return render(figure, "The lift, user by user", finding)
