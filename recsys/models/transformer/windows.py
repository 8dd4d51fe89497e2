"""The events of all users as batches of windows of much the same length: nothing is computed for padding."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from recsys.models.sequences import Sequences


class Batch(NamedTuple):
    """Windows of histories, filled up at the end: `codes` (n, width), what comes after each, and what that counts.

    A target of weight 0 is not learned from.
    """

    codes: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


def batches(seqs: Sequences, length: int, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """One pass over the events: each one but a user's first is the target of one window, in a batch of about `size`.

    A history of more than `length` is cut at places that differ from pass to pass.
    """
    starts, lengths = _windows(seqs, length, rng)
    order = np.lexsort((rng.random(len(lengths)), lengths))
    starts, lengths = starts[order], lengths[order]
    for first, end in rng.permutation(_cuts(lengths, size)):
        yield _batch(seqs, starts[first:end], lengths[first:end])


def _windows(seqs: Sequences, length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Where each window starts among the events, and how many targets it has."""
    able = np.flatnonzero(seqs.lengths > 1)
    targets = seqs.lengths[able] - 1
    first = np.where(targets > length, rng.integers(1, length + 1, len(able)), targets)
    counts = 1 + -(-(targets - first) // length)
    nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    begin = np.where(nth > 0, np.repeat(first, counts) + (nth - 1) * length, 0)
    end = np.minimum(np.repeat(first, counts) + nth * length, np.repeat(targets, counts))
    return np.repeat(seqs.offsets[able], counts) + begin, end - begin


def _cuts(lengths: np.ndarray, size: int) -> list[tuple[int, int]]:
    """Bounds of batches over windows that grow, so that filled up they have about `size` positions."""
    cuts, first = [], 0
    while first < len(lengths):
        end = first + max(1, size // int(lengths[first]))
        end = min(len(lengths), first + max(1, size // int(lengths[min(end, len(lengths)) - 1])))
        cuts.append((first, end))
        first = end
    return cuts


def _batch(seqs: Sequences, starts: np.ndarray, lengths: np.ndarray) -> Batch:
    at = np.arange(lengths.max())
    real = at < lengths[:, None]
    events = np.where(real, starts[:, None] + at, 0)
    codes = np.where(real, seqs.codes[events], 0)
    targets = np.where(real, seqs.codes[events + real], 0)
    weights = real.astype(np.float32) if seqs.weights is None else np.where(real, seqs.weights[events + real], 0)
    return Batch(codes.astype(np.int64), targets.astype(np.int64), weights.astype(np.float32))
