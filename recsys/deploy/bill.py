"""Costs as rows and sentences for a person."""

from collections.abc import Iterable, Sequence
from typing import Any

from recsys.deploy.costs import first_day
from recsys.deploy.demand import HOURS, Demand, Line
from recsys.deploy.prices import Prices
from recsys.deploy.standing import BilledResource
from recsys.errors import RecsysError

Row = dict[str, Any]


def estimated(lines: Sequence[Line]) -> list[Row]:
    """One row a resource and one for all of them; a month is one in which everything always stands."""
    rows = [
        {
            "resource": line.resource,
            "size": line.size,
            "USD once": line.once,
            "USD/hour": line.hour,
            "USD/month": line.month,
            "USD/million": line.per_million,
            "million": line.million,
        }
        for line in lines
    ]
    return [*rows, _whole(rows, "USD once", "USD/hour", "USD/month")]


def so_far(found: Sequence[BilledResource]) -> list[Row]:
    """One row a standing resource and one for all of them; none where nothing stands."""
    rows = [
        {"resource": each.resource, "hours": each.hours, "USD/hour": each.hour, "USD so far": each.usd}
        for each in found
    ]
    return [*rows, _whole(rows, "USD/hour", "USD so far")] if rows else []


def in_minutes(found: Sequence[BilledResource]) -> list[Row]:
    """The rows of `so_far` as text for what stands since an hour or two: minutes, and USD to four places."""
    return [
        {
            "resource": row["resource"],
            "minutes": f"{60 * row['hours']:,.0f}" if row["hours"] != "" else "",
            **{name: f"{row[name]:,.4f}" for name in ("USD/hour", "USD so far")},
        }
        for row in so_far(found)
    ]


def written(rows: Iterable[Row]) -> list[Row]:
    """The rows with their numbers as a person reads them."""
    return [{name: usd(each) if isinstance(each, int | float) else each for name, each in row.items()} for row in rows]


def sums(lines: Sequence[Line], prices: Prices, demand: Demand) -> list[str]:
    """What it comes to, and what the figures rest on."""
    standing = HOURS * sum(line.hour for line in lines)
    return [
        f"first 24 hours, setting up with {demand.interactions:,} interactions included: {first_day(lines):,.2f} USD; "
        f"a month without a single call: {standing:,.2f} USD",
        f"prices of {prices.region}, {prices.as_of}, without free tiers (recsys/deploy/prices.yaml names AWS's pages, "
        "which decide; `recsys cost --prices FILE` takes your own)",
        *([f"not in it, as no price is known: {unpriced}"] if (unpriced := _unpriced(lines)) else []),
    ]


def refuse_above(max_usd: float | None, lines: Sequence[Line]) -> None:
    """Raises RecsysError where the first 24 hours cost more than `max_usd`, or what has no known price."""
    if max_usd is None:
        return
    if unpriced := _unpriced(lines):
        raise RecsysError(
            f"no price is known of {unpriced}, so that nothing can be held to --max-usd {max_usd:g}: "
            "do without the one or the other"
        )
    if (day := first_day(lines)) > max_usd:
        raise RecsysError(
            f"the first 24 hours would cost {day:,.2f} USD, more than --max-usd {max_usd:g}: fewer shards "
            "(--set stream.shard_count=1; recsys deploy ShardCount=1), fewer TPS (--set serving.min_provisioned_tps=1) "
            "or a higher limit"
        )


def usd(value: float) -> str:
    """Two digits after the point, or two that count where it is less than a cent; nothing for nothing.

    >>> [usd(value) for value in (146.117, 0.2, 0.00123, 0.0)]
    ['146.12', '0.20', '0.0012', '']
    """
    if not value:
        return ""
    return f"{value:,.2f}" if value >= 0.01 else f"{value:.2g}"


def _unpriced(lines: Iterable[Line]) -> str:
    """The parameters without a known price, in a row."""
    return ", ".join(dict.fromkeys(line.unpriced for line in lines if line.unpriced))


def _whole(rows: Sequence[Row], *summed: str) -> Row:
    """The sum of some columns, under the name `all`."""
    blank = dict.fromkeys(rows[0], "")
    return {**blank, "resource": "all", **{name: float(sum(row[name] for row in rows)) for name in summed}}
