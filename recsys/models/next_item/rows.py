"""A dense table of coefficients in a quarter of its memory, for serving."""

from typing import Self

import numpy as np

from recsys.models.next_item.features import Weighted, read_only

STEPS = 127  # an entry is one of so many on either side of 0
PACKED = 256  # rows that are packed at once


class Rows:
    """A table (rows, n_items) in bytes: entry (i, j) is scale_i * step_ij * |step_ij|.

    steps: (rows, n_items) int8; scale: (rows,) float32, so that a row's largest entry is STEPS steps. The square keeps
    small entries apart, which order most of a list: in even steps NDCG@10 was .2 % lower on the sample and on Online
    Retail, so it is lower by less than .05 %, and as it was on MovieLens-1M. Of 3,665 items the product with a history
    of 60 rows takes a quarter of the time that scipy's takes with floats.
    """

    def __init__(self, steps: np.ndarray, scale: np.ndarray) -> None:
        self.steps, self.scale = read_only(steps), scale

    @classmethod
    def of(cls, table: np.ndarray) -> Self:
        """Those of a table (rows, n_items) float32."""
        steps, scale = np.empty(table.shape, np.int8), np.empty(len(table), np.float32)
        for at in range(0, len(table), PACKED):
            part, some = slice(at, at + PACKED), np.asarray(table[at : at + PACKED])
            most = np.abs(some).max(axis=1, initial=np.finfo(np.float32).tiny)
            steps[part] = np.rint(STEPS * np.sign(some) * np.sqrt(np.abs(some) / most[:, None]))
            scale[part] = most / STEPS**2
        return cls(steps, scale)

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, n_items)."""
        return self.steps.shape

    def product(self, events: Weighted) -> np.ndarray:
        """x B (n, n_items) float32 of n histories; each is the same whatever others are asked with it."""
        from recsys.models.next_item import loops  # slow to import, and whoever has no such table never needs it

        sums = np.zeros((len(events.offsets) - 1, self.shape[1]), np.float32)
        weights = events.values * self.scale[events.codes]
        loops.add_rows(events.codes, weights, np.ascontiguousarray(events.offsets), self.steps, sums)
        return sums
