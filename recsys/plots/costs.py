"""The figure of what stands: what it costs while nobody calls."""

from collections.abc import Mapping

from recsys.plots import style
from recsys.plots.style import BLUE, INK, SKY, Figure, beside, canvas, plain, render

MONTH = 730 / 24  # days, as AWS counts a month


def usd_a_day(costs: Mapping[str, float]) -> Figure:
    """What does a day cost in which nobody calls? A bar per resource, in USD a day, dearest first."""
    ordered = dict(sorted(costs.items(), key=lambda each: -each[1]))
    values, names = style.numbers(list(ordered.values()), "usd_a_day"), list(ordered)
    with canvas(1.4 + 0.34 * len(names)) as (figure, axes):
        axes.barh(range(len(names)), values, 0.66, color=[BLUE, *[SKY] * (len(names) - 1)])
        for place, value in enumerate(values):
            beside(axes, plain(value), value, place)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set(xlabel="USD a day on AWS", ylim=(len(names) - 0.5, -0.5), xlim=(0, max(1.18 * values.max(), 0.01)))
        axes.grid(axis="y", visible=False)
        month = f"{plain(MONTH * values.sum())} in a month of 730 hours"
        finding = f"What stands costs {plain(values.sum())} USD a day, {month}, "
        finding += f"whether or not anybody calls; the dearest is {names[0]}, {plain(values[0])}."
        detail = "; ".join(f"{name}: {plain(value)} USD" for name, value in ordered.items()) + "."
        return render(figure, "What standing costs", finding, detail)
