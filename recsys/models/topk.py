"""The k best of a row of scores or of many rows, the same answer every time.

Items are dealt to blocks like cards, item c to block c mod the number of blocks. The k-th largest block maximum is a
floor that at least k scores reach, so one vectorised pass over the scores leaves a few more than k to sort, where a
partition moves them all. -inf is no score and is never chosen; equal scores are ordered by the lower code.
"""

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
    floor, crowded = _floor(scores, k)
    found = scores >= floor
    if crowded:
        _thin(found, scores, floor, k)
    (codes,) = found.nonzero()
    return codes[(-scores[codes]).argsort(kind="stable")[:k]]


def top_k(scores: np.ndarray, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Codes (n, k) int32 and scores (n, k) of the k highest of each row of (n, n_items) float scores, best first.

    Rows with fewer than k scores end in the code -1 and the score -inf; k is cut to n_items. allowed: bool, for each
    row (n, n_items) or for all alike (n_items,). Raises ModelError where a score is NaN or k below 0.
    """
    scores = _masked(scores, allowed)
    k = min(k, scores.shape[1])
    floor, crowded = _floor(scores, k)
    found = scores >= floor[:, None]
    for row in np.flatnonzero(crowded):
        _thin(found[row], scores[row], floor[row], k)
    rows, codes = np.divmod(np.flatnonzero(found), max(1, scores.shape[1]))
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


def _floor(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """For each row of (..., n_items): a value that at least k scores reach, or all there are, and whether many tie.

    Many: more than k blocks have it as their maximum, or all others where there are not that many.
    """
    n_items = scores.shape[-1]
    k = min(k, n_items)
    if k < 0:
        raise ModelError(f"the {k} best cannot be had: ask for 0 or more")
    if k == 0:
        return np.full(scores.shape[:-1], np.inf), np.zeros(scores.shape[:-1], bool)
    maxima = _block_maxima(scores, max(min(n_items, SPREAD * k), n_items // BLOCK))
    edge = maxima.shape[-1] - k
    below = max(0, edge - k)
    maxima.partition((below, edge, -1))
    if np.isnan(maxima[..., -1].max(initial=-np.inf)):  # NaN is sorted last, and the largest of all
        raise ModelError("scores hold NaN, which has no rank: look for what made it before asking for the best")
    floor = np.maximum(maxima[..., edge], np.finfo(scores.dtype).min)
    return floor, maxima[..., below] == floor


def _block_maxima(scores: np.ndarray, blocks: int) -> np.ndarray:
    """(..., blocks) of (..., n_items)."""
    n_items = scores.shape[-1]
    depth = n_items // blocks
    whole = depth * blocks
    maxima = np.maximum.reduce(scores[..., :whole].reshape(*scores.shape[:-1], depth, blocks), axis=-2)
    if whole < n_items:
        rest = maxima[..., : n_items - whole]
        np.maximum(rest, scores[..., whole:], out=rest)
    return maxima


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
