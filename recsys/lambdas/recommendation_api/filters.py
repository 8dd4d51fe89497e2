"""Query parameters turned into a Personalize filter and its values.

Which filters there are is told by the environment: JSON, name -> {"arn": ..., "values": [placeholders]}. A request may
name one filter only, so one is chosen whose placeholders are exactly the parameters given; a combination needs a filter
of its own. But one of a range of prices takes either end alone. One that leaves out what the user has bought carries
`exclude-purchased` in its name.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EXCLUDES = "exclude-purchased"
WIDEST = {"minPrice": 0, "maxPrice": 999_999_999_999}  # where only the other end is asked for


class NotConfigured(Exception):
    """No filter of this environment takes these parameters together; the message says which there are."""


@dataclass(frozen=True)
class Filter:
    """A Personalize filter; `values` are the placeholders of its expression."""

    name: str
    arn: str
    values: frozenset[str]

    @property
    def parameters(self) -> set[str]:
        return self.values | ({"excludePurchased"} if EXCLUDES in self.name else set())


def configured(text: str) -> tuple[Filter, ...]:
    """The filters in the environment variable's text."""
    entries = json.loads(text or "{}").items()
    return tuple(Filter(name, entry["arn"], frozenset(entry.get("values", ()))) for name, entry in entries)


def choose(filters: Sequence[Filter], asked: Mapping[str, Any]) -> Filter | None:
    """The filter that takes the parameters asked for and no others; None for none asked. Raises NotConfigured."""
    wanted = {name for name, value in asked.items() if name != "excludePurchased" or value}
    if not wanted:
        return None
    ways = [wanted, wanted | WIDEST.keys()] if wanted & WIDEST.keys() else [wanted]
    found = next((each for way in ways for each in filters if each.parameters == way), None)
    if found:
        return found
    have = "; ".join(" with ".join(sorted(each.parameters)) for each in filters) or "none"
    raise NotConfigured(f"no filter here takes {' with '.join(sorted(wanted))}; configured: {have}")


def values(chosen: Filter, asked: Mapping[str, Any]) -> dict[str, str]:
    """Personalize's filterValues: texts in double quotes, separated by commas; numbers plain."""
    return {name: _written({**WIDEST, **asked}[name]) for name in chosen.values}


def allows(item: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether an item of a list that stands in keeps to category and price; more the lists do not know.

    As in a filter's IN, one of an item's categories is enough: `Kitchen|Coffee` is of both.
    """
    price, categories = item.get("price"), (item.get("category") or "").split("|")
    return (
        ("category" not in asked or not set(asked["category"]).isdisjoint(categories))
        and ("minPrice" not in asked or (price is not None and price >= asked["minPrice"]))
        and ("maxPrice" not in asked or (price is not None and price <= asked["maxPrice"]))
    )


def known_to_lists(chosen: Filter) -> bool:
    """Whether `allows` says all that the filter says."""
    return chosen.parameters <= {"category", "minPrice", "maxPrice"}


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return f'"{str(value).lower()}"'
    if isinstance(value, list):
        return ",".join(f'"{text}"' for text in value)
    return f"{value:.9f}".rstrip("0").rstrip(".")
