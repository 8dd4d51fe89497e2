"""What models of related items have in common."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from recsys.models.base import Model
from recsys.models.topk import top


class RelatedItems(Model):
    """A model that knows how alike two items are, and what is popular where it knows nothing."""

    popularity: np.ndarray  # (n_items,) users of each item, or another measure of it

    @cached_property
    def fallback(self) -> np.ndarray:
        """(n_items,) float32: so small that it only orders items without any similarity."""
        return (1e-7 * self.popularity / max(1.0, float(self.popularity.max(initial=0)))).astype(np.float32)

    def similar(
        self, code: int, k: int, among: Sequence[int] | np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Codes (m,) and scores (m,) of the items nearest to item `code`, best first, never the item itself.

        m is k, or the number of other items where that is less: popular items follow the neighbours. among: only these
        items, as `recommend` has them.
        """
        scores = self.scores([code])
        scores[code] = -np.inf
        codes = top(scores, k, None if among is None else self._mask(among))
        return codes, scores[codes]
