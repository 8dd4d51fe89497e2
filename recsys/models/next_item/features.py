"""Histories as weighted items, for the regression and for what a user keeps coming back to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recsys.models.next_item.gram import history_weights


@dataclass(frozen=True)
class Weighted:
    """Events of n histories, newest first: their `codes`, `values` float32 and bounds `offsets` (n + 1,)."""

    codes: np.ndarray
    values: np.ndarray
    offsets: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """The history each event belongs to."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def table(self, n_items: int) -> sparse.csr_array:
        """(n, n_items) float32; the weights of a repeated item add up."""
        return sparse.csr_array((self.values, self.codes, self.offsets), shape=(len(self.offsets) - 1, n_items))


def decayed(histories: Sequence[np.ndarray], weights: np.ndarray) -> Weighted:
    """The newest event of each history weighs weights[0], the one before weights[1], ...; older ones are left out."""
    recent = [h[::-1][: len(weights)] for h in histories]
    lengths = np.array([len(h) for h in recent], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ages = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    return Weighted(np.concatenate([np.empty(0, np.int64), *recent]), weights[ages], offsets)


def own_share(histories: Sequence[np.ndarray], decay: float) -> Weighted:
    """Each event's share of its user's events, decayed by age ^ -decay; the shares of a history sum to 1."""
    events = decayed(histories, history_weights(max((len(h) for h in histories), default=0), decay))
    rows = events.rows
    totals = np.bincount(rows, events.values, minlength=len(histories))
    return Weighted(events.codes, (events.values / totals[rows]).astype(np.float32), events.offsets)
