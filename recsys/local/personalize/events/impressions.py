"""What recommendations showed, so that an event that names its recommendation tells what else was seen.

[AWS says that it derives implicit impressions from a recommendationId, and neither how long it remembers one nor how
much of it: here the newest MOST recommendations, until the server stops, and of each as many items as PutEvents takes
in an explicit impression.]
"""

from collections import OrderedDict
from collections.abc import Sequence

MOST, ITEMS = 10_000, 25


class Shown:
    """The first items of the newest recommendations."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, Sequence[str]] = OrderedDict()

    def remember(self, recommendation_id: str, items: Sequence[str]) -> None:
        self._items[recommendation_id] = items[:ITEMS]
        if len(self._items) > MOST:
            self._items.popitem(last=False)

    def items(self, recommendation_id: str | None) -> list[str]:
        """What a recommendation showed; nothing for one that is not known."""
        return list(self._items.get(recommendation_id or "", ()))
