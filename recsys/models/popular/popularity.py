"""Popularity-count: the items most users have touched."""

from typing import Self

import numpy as np

from recsys.models.base import Model
from recsys.models.sequences import Interactions, sequences_of, unique_users
from recsys.models.storage import Stored


class Popularity(Model):
    """Scores an item by how many different users touched it, whatever the history (aws-popularity-count)."""

    @classmethod
    def fit(cls, interactions: Interactions) -> Self:
        """Count unique users per item; ten clicks of one user count once, as much as the heaviest of them."""
        seqs = sequences_of(interactions)
        return cls._of(seqs.item_ids, unique_users(seqs))

    @classmethod
    def of_events(cls, interactions: Interactions) -> Self:
        """Count every event: ten clicks of one user count ten times."""
        seqs = sequences_of(interactions)
        return cls._of(seqs.item_ids, np.bincount(seqs.codes, seqs.weights, seqs.n_items).astype(np.float32))

    @classmethod
    def _of(cls, item_ids: np.ndarray, counts: np.ndarray) -> Self:
        model = cls(item_ids)
        model.counts = counts
        return model

    def with_items(self, item_ids: np.ndarray) -> Self:
        """The same counts over a longer catalogue: `item_ids` begins with the known ones; the rest count 0."""
        return self._of(item_ids, np.pad(self.counts, (0, len(item_ids) - len(self.counts))))

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Each score's share of the sum; equal shares where nobody touched any of the items."""
        scores = np.asarray(scores, dtype=np.float64)
        total = scores.sum()
        return scores / total if total > 0 else np.full(scores.shape, 1 / scores.size)

    def _score_batch(self, histories: list[np.ndarray]) -> np.ndarray:
        return np.tile(np.asarray(self.counts), (len(histories), 1))

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"counts": self.counts}

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        return cls._of(stored.item_ids, stored.arrays["counts"])
