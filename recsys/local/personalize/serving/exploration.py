"""Exploration: items with few interactions take some of the places, so that something is learned about them.

An item is eligible while its age is at most the cut-off, counted back from the latest interaction of the dataset. Its
age is that of its CREATION_TIMESTAMP, else of its first interaction; an item with neither has just been added.

aws-user-personalization and the domains' recipes of its kind: each place of the list is given to an eligible item with
the probability explorationWeight. [AWS: "determines how frequently recommendations include items with less
interactions data or relevance".] 0 explores nothing, so that equal requests get equal answers.

aws-user-personalization-v2 manages exploration itself: here every tenth place is given to an eligible item with fewer
than five interactions. [AWS does not say how much it explores. A list of nine or fewer does not explore, and of a list
of 25 the places 10 and 20 are at stake, 4 % of its discounted gain at most.]

Which item takes a place is drawn by relevance x 1 / sqrt(1 + interactions + impressions), without replacement. An item
without a score counts as relevant as the average one: nothing is known against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.local.personalize.filters.columns import Growing
from recsys.local.personalize.serving.catalogue import Catalogue
from recsys.local.personalize.serving.group import Group, Reader

DAY = 86400.0
FEW = 5  # interactions of an item from which on v2 leaves it to its relevance
EVERY = 10  # places of which v2 gives one away


@dataclass(frozen=True)
class Exploration:
    """An itemExplorationConfig; `managed`: version 2's own."""

    weight: float = 0.3
    cut_off: float = 30.0  # days
    managed: bool = False

    @property
    def active(self) -> bool:
        return self.managed or self.weight > 0

    def places(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """(m,) the places of a list of `count` that go to explored items, ascending."""
        if self.managed:
            return np.arange(EVERY - 1, count, EVERY)
        return np.flatnonzero(rng.random(count) < self.weight)


class Novelty:
    """How old and how well known the items of a catalogue are, kept up with what is put.

    latest: the newest interaction's time, epoch seconds.
    """

    def __init__(self, group: Group, catalogue: Catalogue) -> None:
        bulk, n = group.interactions, len(catalogue)
        self._items, self._live, self._catalogue = group.items, group.live, catalogue
        self._put, self._events, self._shown = Reader(group.put), Reader(group.live.journal), Reader(group.live.shown)
        self.latest = float(bulk.times.max(initial=0))
        codes = np.array([catalogue.code_of.get(item, n) for item in bulk.item_ids], np.int64)
        codes = codes[bulk.items] if len(codes) else codes
        first = np.full(n + 1, np.inf)
        np.minimum.at(first, codes, bulk.times)
        self._created = Growing(first[:n])
        self._interactions = Growing(np.bincount(codes, minlength=n)[:n].astype(np.float32))
        self._impressions = Growing(np.array([bulk.shown.get(item, 0) for item in catalogue.ids], np.float32))
        self._date(catalogue.ids)
        self.refresh()

    def refresh(self) -> None:
        """Take in what was put since the last time: items, interactions, impressions; and let the catalogue do so."""
        put, events, shown = self._put.new(), self._events.new(), self._shown.new()
        self._catalogue.refresh()  # after these, so that it knows every item in them
        code_of = self._catalogue.code_of
        for code in range(len(self._created.array), len(self._catalogue)):
            self._created.put(code, np.inf)
            self._interactions.put(code, 0)
            self._impressions.put(code, 0)
        self._date(put)
        for sent, item, *_ in events:
            if item in code_of:
                self._interactions.array[code_of[item]] += 1
                if self._created.array[code_of[item]] == np.inf:
                    self._created.put(code_of[item], sent)
        for item in shown:
            if item in code_of:
                self._impressions.array[code_of[item]] += 1
        self.latest = max(self.latest, self._live.latest)

    def _date(self, items: Sequence[str]) -> None:
        for item in items:
            created = self._items.value(item, "CREATION_TIMESTAMP")
            if created is not None and item in self._catalogue.code_of:
                self._created.put(self._catalogue.code_of[item], created)

    def eligible(self, exploration: Exploration) -> np.ndarray:
        """(n,) which items may be explored."""
        young = self._created.array >= self.latest - exploration.cut_off * DAY
        return young & (self.interactions < FEW) if exploration.managed else young

    @property
    def interactions(self) -> np.ndarray:
        """(n,) interactions of each item, the events included."""
        return self._interactions.array

    def uncertainty(self, codes: np.ndarray) -> np.ndarray:
        """(m,) 1 / sqrt(1 + interactions + impressions)."""
        return 1 / np.sqrt(1 + self._interactions.array[codes] + self._impressions.array[codes])


def draw(weights: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Up to `count` distinct numbers below m, drawn one after the other by weights (m,), in the order drawn.

    The m waiting times Exp(weight), shortest first, are such a draw (Efraimidis and Spirakis 2006).
    """
    waits = rng.standard_exponential(len(weights)) / np.maximum(weights, 1e-300)
    first = np.argpartition(waits, count - 1)[:count] if 0 < count < len(waits) else np.arange(len(waits))
    return first[np.argsort(waits[first])][:count]
