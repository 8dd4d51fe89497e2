"""The two moments behind the closed-form next-item model, counted pair by pair: O(events x lags), exact.

At every position of a user's sequence that something follows, x is the decayed history and y what comes next:

    x = sum over age a = 1..L of w(a) e[item a back]        y = sum over distance d = 1..T of v(d) u e[item d ahead]

with u the weight of that event, 1 where all weigh alike. G = sum x x' and C = sum x y'. The product x x' pairs each
event with those up to L - 1 before it, so that G is a sum over event pairs of a value that depends on their lag and on
how many targets follow; C's depends on the lag and on u. No matrix product of size (events, items) is ever formed.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import sparse

from recsys.models.sequences import Sequences

PAIRS = 8_000_000  # pairs added at once: about 100 MB

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]  # rows, columns and values of equal length


def history_weights(length: int, decay: float) -> np.ndarray:
    """w(1..length) = age ^ -decay, float32; decay 0 counts every item of the history alike."""
    return (np.arange(1, length + 1, dtype=np.float64) ** -decay).astype(np.float32)


def lag_weights(weights: np.ndarray) -> np.ndarray:
    """K (L, L + 1): K[d, m] = sum over k = 1..min(m, L - d) of w(k) w(k + d), for m targets left after a pair."""
    length = len(weights)
    table = np.zeros((length, length + 1), dtype=np.float64)
    for lag in range(length):
        sums = np.cumsum(weights[: length - lag].astype(np.float64) * weights[lag:])
        table[lag, 1 : length - lag + 1] = sums
        table[lag, length - lag + 1 :] = sums[-1]
    return table.astype(np.float32)


def gram(seqs: Sequences, weights: np.ndarray, reverse: float = 0.0) -> np.ndarray:
    """G = sum of x x' (n_items, n_items) float32, dense; reversed sequences are added with weight `reverse`."""
    half = np.zeros((seqs.n_items, seqs.n_items), dtype=np.float32)
    for triple in _batches(_gram_pairs(seqs, weights, reverse)):
        half += _table(triple, seqs.n_items).toarray()
    half += half.T.copy()  # each pair counts for (i, j) and (j, i); lag 0 was halved for it
    return half


def gram_diagonal(seqs: Sequences, weights: np.ndarray, reverse: float = 0.0) -> np.ndarray:
    """The diagonal of G, (n_items,) float32: an item meets itself at lag 0 and wherever it is repeated."""
    table = lag_weights(weights)
    before, total = seqs.positions, np.zeros(seqs.n_items)
    after = np.repeat(seqs.lengths, seqs.lengths) - 1 - before
    for lag in range(len(table)):
        late = lag + np.flatnonzero(seqs.codes[lag:] == seqs.codes[: max(0, seqs.n_events - lag)])
        late = late[before[late] >= lag]
        value = table[lag][np.minimum(after[late], len(weights))]
        if reverse:
            value = value + np.float32(reverse) * table[lag][np.minimum(before[late] - lag, len(weights))]
        total += (1 if lag == 0 else 2) * np.bincount(seqs.codes[late], value, seqs.n_items)
    return total.astype(np.float32)


def cross(seqs: Sequences, weights: np.ndarray, targets: np.ndarray, reverse: float = 0.0) -> np.ndarray:
    """C = sum of x y' (n_items, n_items) float32, dense: row = item of the history, column = target.

    `targets` holds v(1..T). In Fortran order, as LAPACK wants its right-hand sides.
    """
    out = np.zeros((seqs.n_items, seqs.n_items), dtype=np.float32)
    for triple in _batches(_cross_pairs(seqs, weights, targets, reverse)):
        out += _table(triple, seqs.n_items).toarray()
    if reverse and seqs.weights is None:
        out += np.float32(reverse) * out.T.copy()
    return out.T


def _gram_pairs(seqs: Sequences, weights: np.ndarray, reverse: float) -> Iterator[Triple]:
    """Later item, earlier item and weight of every event pair in G, lag by lag; lag 0 at half its weight."""
    table = lag_weights(weights)
    for pairs in _pairs(seqs, range(len(table))):
        value = table[pairs.lag][np.minimum(pairs.after, len(weights))]
        if reverse:
            value = value + np.float32(reverse) * table[pairs.lag][np.minimum(pairs.before, len(weights))]
        yield pairs.late, pairs.early, value * np.float32(0.5 if pairs.lag == 0 else 1)


def _cross_pairs(seqs: Sequences, weights: np.ndarray, targets: np.ndarray, reverse: float) -> Iterator[Triple]:
    """Target, item of the history and value of every event pair in C, lag by lag.

    Reversed sequences are left out where all events weigh alike: their C is the transpose then.
    """
    by_lag = np.convolve(weights.astype(np.float64), targets).astype(np.float32)
    for pairs in _pairs(seqs, range(1, len(by_lag) + 1)):
        value = by_lag[pairs.lag - 1]
        if seqs.weights is None:
            yield pairs.late, pairs.early, np.full(len(pairs.late), value)
            continue
        yield pairs.late, pairs.early, value * seqs.weights[pairs.late_at]
        if reverse:
            yield pairs.early, pairs.late, np.float32(reverse) * value * seqs.weights[pairs.late_at - pairs.lag]


class _Pairs(NamedTuple):
    """All event pairs of one user each that are `lag` events apart, as arrays of equal length.

    The place of the later event and its item, the earlier item, the number of events before it and after the later one.
    """

    lag: int
    late_at: np.ndarray
    late: np.ndarray
    early: np.ndarray
    before: np.ndarray
    after: np.ndarray


def _pairs(seqs: Sequences, lags: range) -> Iterator[_Pairs]:
    """The pairs of each lag, ordered by the later item: adding to a table then stays within one of its rows, which the
    cache can hold.
    """
    late_at = np.argsort(seqs.codes, kind="stable")
    late, before = seqs.codes[late_at], seqs.positions[late_at].astype(np.int32)
    after = np.repeat(seqs.lengths, seqs.lengths)[late_at].astype(np.int32) - 1 - before
    for lag in lags:
        far_enough = before >= lag
        if not far_enough.all():
            late_at, late, before, after = (column[far_enough] for column in (late_at, late, before, after))
        yield _Pairs(lag, late_at, late, seqs.codes[late_at - lag], before - lag, after)


def _batches(triples: Iterator[Triple]) -> Iterator[Triple]:
    """The same triples in few large ones: a table per batch is what counting costs beside the pairs."""
    waiting: list[Triple] = []
    for triple in triples:
        waiting.append(triple)
        if sum(len(rows) for rows, _, _ in waiting) >= PAIRS:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(triples: list[Triple]) -> Triple:
    rows, cols, values = zip(*triples, strict=True)
    return np.concatenate(rows), np.concatenate(cols), np.concatenate(values)


def _table(triple: Triple, n: int) -> sparse.coo_array:
    """Equal pairs add up when this is made dense or CSR, in scipy's compiled loop: three times as fast as np.add.at."""
    rows, cols, values = triple
    return sparse.coo_array((values, (rows, cols)), shape=(n, n))
