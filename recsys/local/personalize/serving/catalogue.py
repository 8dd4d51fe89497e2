"""The items a deployment can recommend: those its model was trained on, and those that came since.

A new item, put, imported or known from an event alone, has no score of its own. Its metadata give it one, as
recsys.models.ColdStart has it; where they say nothing, it has no score at all. So it can be recommended in the very
next answer, and AWS's automatic update of a deployed user-personalization solution version, every two hours and free of
charge, has nothing left to do here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from recsys.local.personalize.filters import Candidates
from recsys.local.personalize.filters.columns import Growing
from recsys.local.personalize.serving.group import Group, Reader, documents

if TYPE_CHECKING:
    from recsys.models import ItemContent  # slow to import

AT_ONCE = 256  # new items encoded together: the vectors of their texts are dense


class Catalogue:
    """n items, each with its code: `known` of the model's come first, then new ones, in the order they appeared.

    code_of: item id -> code; ids: code -> item id; candidates: the items as filters see them.
    """

    def __init__(
        self, group: Group, model_items: Sequence[str], content: "ItemContent | None" = None, grows: bool = False
    ) -> None:
        """content: what metadata say about items. grows: takes in items that the model does not know."""
        self.ids = [str(item) for item in model_items]
        self.code_of = {item: code for code, item in enumerate(self.ids)}
        from recsys.models.cold.scoring import Taste, nothing_alike, places_of  # slow to import: loaded with the model

        self.known, self._group, self._content, self._grows = len(self.ids), group, content, grows
        self._neighbours, self._weights = map(Growing, nothing_alike(0))
        self._places = places_of(content, self.code_of) if content else None
        self._taste = Taste(content, self._places, self.known) if content and grows else None
        self._put, self._events = Reader(group.put, len(group.put)), Reader(group.live.journal)
        if grows:
            self._take_in([*group.items.row, *group.interactions.item_ids])
        self.refresh()
        self.candidates = Candidates(group.items, self.code_of)

    def __len__(self) -> int:
        return len(self.ids)

    def refresh(self) -> None:
        """Take in what was put since the last time. On the thread that answers, so that no answer sees half of it."""
        if self._grows:
            touched = [item for _, item, *_ in self._events.new() if item not in self.code_of]
            self._take_in([*self._put.new(), *touched])

    def extend(self, scores: np.ndarray, history: np.ndarray, temperature: float, logarithmic: bool) -> np.ndarray:
        """(n,) float32 scores from the model's (known,): those of its own items, then those of the new ones.

        history: (m,) codes of the model's items. temperature: of the model. logarithmic: as a Model is.
        """
        neighbours, weights = self._neighbours.array, self._weights.array
        if len(neighbours) == 0:
            return scores
        from recsys.models.cold.scoring import cold_scores  # slow to import: loaded with the model

        affinity = self._taste.log_affinity(history) if self._taste else None
        return np.concatenate([scores, cold_scores(scores, neighbours, weights, temperature, logarithmic, affinity)])

    def _take_in(self, items: Sequence[str]) -> None:
        """New items, and new metadata of items that are new."""
        new = [item for item in dict.fromkeys(items) if self.code_of.get(item, self.known) >= self.known]
        for at in range(0, len(new), AT_ONCE):
            some = new[at : at + AT_ONCE]
            for item, neighbours, weights in zip(some, *self._alike(some), strict=True):
                code = self.code_of.setdefault(item, len(self.ids))
                if code == len(self.ids):
                    self.ids.append(item)
                self._neighbours.put(code - self.known, neighbours)
                self._weights.put(code - self.known, weights)

    def _alike(self, items: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Codes (m, NEIGHBOURS) of the trained items most like each, and their weights, which sum to 1 or are all 0."""
        from recsys.models.cold.scoring import alike, nothing_alike

        codes, weights = nothing_alike(len(items))
        content, described = self._content, [at for at, item in enumerate(items) if item in self._group.items.row]
        if content is not None and described:
            known = documents(self._group.items, [items[at] for at in described], content.metadata.names)
            codes[described], weights[described] = alike(content, self._places, content.encoded(known))
        return codes, weights
