"""The k best of a row of scores or of many rows, the same answer every time.

Items are dealt to blocks like cards, item c to block c mod the number of blocks. The k-th largest block maximum is a
floor that at least k scores reach, so one vectorised pass over the scores leaves a few more than k to sort, where a
partition moves them all. -inf is no score and is never chosen; equal scores are ordered by the lower code.
"""

from functools import cache

import numpy as np
from scipy import sparse

from recsys.errors import ModelError

BLOCK = 32  # items of a block at most
SPREAD = 4  # blocks there are for each of the k at least: the floor lets through a seventh more than k


def top(scores: np.ndarray, k: int, allowed: np.ndarray | None = None) -> np.ndarray:
    """Codes (m,) int64 of the k highest of (n_items,) float scores, best first; fewer where fewer have one.

    allowed: (n_items,) bool, the items that may be chosen; None for all. Raises ModelError where a score is NaN or k
    below 0.
    """
    scores = _masked(scores, allowed)
    k = _possible(k, len(scores))
    if not k:
        return np.empty(0, np.int64)
    maxima = _block_maxima(scores, k)
    _refuse_nan(maxima[-1] != maxima[-1])
    floor = max(maxima[-k], _least(scores.dtype))  # of two numbers: numpy's maximum takes as long as the sort
    found = scores >= floor
    if maxima[max(-2 * k, -len(maxima))] == floor:
        _thin(found, scores, floor, k)
    (codes,) = found.nonzero()
    return codes[(-scores[codes]).argsort(kind="stable")[:k]]


def top_k(scores: np.ndarray, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Codes (n, k) int32 and scores (n, k) of the k highest of each row of (n, n_items) float scores, best first.

    Rows with fewer than k scores end in the code -1 and the score -inf; k is cut to n_items. allowed: bool, for each
    row (n, n_items) or for all alike (n_items,). Raises ModelError where a score is NaN or k below 0.
    """
    scores = _masked(scores, allowed)
    k = _possible(k, scores.shape[1])
    if not k:
        return np.empty((len(scores), 0), np.int32), np.empty((len(scores), 0), scores.dtype)
    maxima = _block_maxima(scores, k)
    _refuse_nan((maxima[:, -1] != maxima[:, -1]).any())
    floor = np.maximum(maxima[:, -k], _least(scores.dtype))
    found = scores >= floor[:, None]
    for row in np.flatnonzero(maxima[:, max(-2 * k, -maxima.shape[1])] == floor):
        _thin(found[row], scores[row], floor[row], k)
    rows, codes = np.divmod(np.flatnonzero(found), scores.shape[1])
    return _sorted(rows, codes, scores, k)


def largest_of_each_row(table: sparse.csr_array, kept: int) -> sparse.csr_array:
    """The same table with the `kept` largest stored values of each row; of equal ones those stored first."""
    sizes, mask = np.diff(table.indptr), np.ones(table.nnz, bool)
    for row in np.flatnonzero(sizes > kept):
        stored = slice(table.indptr[row], table.indptr[row + 1])
        values = table.data[stored]
        edge = np.partition(values, -kept)[-kept]
        found = values > edge
        found[np.flatnonzero(values == edge)[: kept - found.sum()]] = True
        mask[stored] = found
    ends = np.concatenate([[0], np.cumsum(np.minimum(sizes, kept))])
    return sparse.csr_array((table.data[mask], table.indices[mask], ends), shape=table.shape)


def _masked(scores: np.ndarray, allowed: np.ndarray | None) -> np.ndarray:
    return scores if allowed is None else np.where(allowed, scores, scores.dtype.type(-np.inf))


def _possible(k: int, n_items: int) -> int:
    if not isinstance(k, int | np.integer) or k < 0:
        raise ModelError(f"the {k!r} best cannot be had: ask for a whole number, 0 or more")
    return min(k, n_items)


def _block_maxima(scores: np.ndarray, k: int) -> np.ndarray:
    """(..., blocks) of (..., n_items), the highest last, NaN after it.

    At least k scores reach the k-th from the end. Where the 2k-th from the end is equal to it, or the first where there
    are not that many, more may tie there than can be chosen.
    """
    n_items = scores.shape[-1]
    blocks = max(min(n_items, SPREAD * k), n_items // BLOCK)
    depth = n_items // blocks
    whole = depth * blocks
    dealt = scores[..., :whole].reshape(*scores.shape[:-1], depth, blocks)
    maxima = np.maximum.reduce(dealt, axis=-2)  # its method `max` takes nearly twice as long for one row
    if whole < n_items:
        rest = maxima[..., : n_items - whole]
        np.maximum(rest, scores[..., whole:], out=rest)
    maxima.sort(axis=-1)  # vector units sort them all in less time than a partition takes
    return maxima


def _refuse_nan(found: bool | np.bool) -> None:
    if found:
        raise ModelError("scores hold NaN, which has no rank: look for what made it before asking for the best")


@cache
def _least(dtype: np.dtype) -> np.floating:
    """The lowest number that is a score."""
    return np.finfo(dtype).min


def _thin(found: np.ndarray, scores: np.ndarray, floor: np.floating, k: int) -> None:
    """Of the scores (n_items,) at the floor leave only the first k in `found` (n_items,): no more can be chosen."""
    after = np.flatnonzero(scores == floor)[:k][-1] + 1
    found[after:] = scores[after:] > floor


def _sorted(rows: np.ndarray, codes: np.ndarray, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scores (n, k) of the best among the cells at `rows`, ascending, and `codes`."""
    counts = np.bincount(rows, minlength=len(scores))
    places = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = len(scores), max(k, counts.max(initial=0))
    falling, candidates = np.full(shape, np.inf, scores.dtype), np.full(shape, -1, np.int32)
    falling[rows, places], candidates[rows, places] = -scores[rows, codes], codes
    order = np.argsort(falling, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(candidates, order, axis=1), -np.take_along_axis(falling, order, axis=1)
