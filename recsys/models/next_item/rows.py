"""The serving form of a large dense coefficient table: rows of small integers, each with a scale of its own.

A row is divided by its largest coefficient over the largest integer and rounded: an error of at most half a scale.
Whole rows are read to answer, so that the scale joins the weight of the history's item and costs nothing. Against
float32, one history is as quick. int16 halves the memory and keeps NDCG to the fifth digit; int8 quarters it and swaps
neighbours in one place of five of a list of 25 (MovieLens-1M, last event left out: NDCG@10 .1403 in all three forms;
a few hundred tested users see it move by up to .001 either way).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import DTypeLike

from recsys.models.next_item.features import Weighted

ROOM = 500_000_000  # bytes that a model's dense tables may take: one of 11,000 items as float32
FLOATS = 250_000  # coefficients turned into float32 at once: 1 MB, which the cache next to a core holds


def type_within(coefficients: int, room: int = ROOM) -> np.dtype:
    """The most exact of float32, int16 and int8 in which so many coefficients take at most `room` bytes, else int8."""
    exact_first = (np.dtype(np.float32), np.dtype(np.int16))
    return next((kind for kind in exact_first if coefficients * kind.itemsize <= room), np.dtype(np.int8))


@dataclass(frozen=True)
class Rows:
    """A table (n, n_items) as rows (n, n_items) int8 or int16 times scales (n,) float32.

    >>> table = np.array([[0.5, -1.0], [0.0, 0.0]], np.float32)
    >>> Rows.of(table, np.int8).weigh(np.array([0, 1]), np.array([2.0, 1.0], np.float32)).round(2)
    array([ 1.01, -2.  ], dtype=float32)
    """

    rows: np.ndarray
    scales: np.ndarray

    @classmethod
    def of(cls, table: np.ndarray, kind: DTypeLike) -> Self:
        """The nearest such form of a float32 table; kind: int8 or int16."""
        rows, scales = np.empty(table.shape, kind), np.empty(len(table), np.float32)
        step = max(1, FLOATS // max(1, table.shape[1]))
        for at in range(0, len(table), step):
            some = table[at : at + step]
            scale = np.abs(some).max(axis=1) / np.float32(np.iinfo(kind).max)
            rows[at : at + step] = np.rint(some / np.where(scale > 0, scale, 1)[:, None])
            scales[at : at + step] = scale
        return cls(rows, scales)

    def weigh(self, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """x B (n_items,) float32 for one history x: the rows of `codes` (length,) times `weights` (length,) float32."""
        chosen, weights = self.rows[codes], weights * self.scales[codes]
        scores = np.empty(self.rows.shape[1], np.float32)
        width = max(1, FLOATS // max(1, len(codes)))
        for at in range(0, len(scores), width):
            np.matmul(weights, chosen[:, at : at + width].astype(np.float32), out=scores[at : at + width])
        return scores

    def weigh_all(self, events: Weighted) -> np.ndarray:
        """X B (n, n_items) float32 for n histories, one after the other: as quick as a sparse product with float32."""
        scores = np.empty((len(events.offsets) - 1, self.rows.shape[1]), np.float32)
        for row, (start, end) in enumerate(pairwise(events.offsets)):
            scores[row] = self.weigh(events.codes[start:end], events.values[start:end])
        return scores
