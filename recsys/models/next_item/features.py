"""Histories as weighted items, for the regression and for what a user keeps coming back to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Weighted:
    """Events of n histories: their `codes`, `values` float32 and bounds `offsets` (n + 1,).

    On the scale k an item's code is k * n_items higher: each history has its events once for every scale.
    """

    codes: np.ndarray
    values: np.ndarray
    offsets: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """The history each event belongs to."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def table(self, width: int) -> sparse.csr_array:
        """(n, width) float32; the weights of a repeated item add up."""
        return sparse.csr_array((self.values, self.codes, self.offsets), shape=(len(self.offsets) - 1, width))


def decayed(histories: Sequence[np.ndarray], weights: np.ndarray, n_items: int) -> Weighted:
    """On the scale k the newest event weighs weights[k, 0], the one before weights[k, 1], ...; older ones nothing.

    weights: (scales, length), each row falling to 0, from where on its events are left out.
    """
    newest = np.minimum.outer([len(h) for h in histories], (weights > 0).sum(axis=1)).astype(np.int64)  # (n, scales)
    sizes = newest.ravel()
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    ages = np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes)
    scale = np.repeat(np.tile(np.arange(len(weights)), len(histories)), sizes)
    recent = [h[::-1][:n] for h, most in zip(histories, newest, strict=True) for n in most]
    codes = np.concatenate([np.empty(0, np.int64), *recent]) + n_items * scale
    return Weighted(codes, weights[scale, ages], offsets[:: len(weights)])


def own_share(histories: Sequence[np.ndarray], decay: float) -> Weighted:
    """Each event's share of its user's events, decayed by age ^ -decay; the shares of a history sum to 1."""
    longest = max((len(h) for h in histories), default=0)
    weights = (np.arange(1, longest + 1) ** -float(decay)).astype(np.float32)
    events = decayed(histories, weights[None], 0)
    rows = events.rows
    totals = np.bincount(rows, events.values, minlength=len(histories))
    return Weighted(events.codes, (events.values / totals[rows]).astype(np.float32), events.offsets)


def read_only(array: np.ndarray) -> np.ndarray:
    """As it comes from a file: numba compiles a loop for each kind of array."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view
