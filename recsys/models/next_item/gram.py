"""The two moments behind the closed-form next-item model, counted pair by pair: O(events x lags).

At every position of a user's sequence that something follows, x is the history on several time scales and y what is
next:

    x_k = sum over age a of decay_k^(a - 1) e[item a back]     y = sum over distance d = 1..T of v(d) u e[item d ahead]

with u the weight of that event, 1 where all weigh alike. G = sum x x' and C = sum x y', where x stacks the scales x_k.
C pairs each event with those before it, a value that depends on their lag and on u. G needs no counting of its own: x_k
becomes decay_k x_k + e[item] from one position to the next, so that with C1 = sum x e[item]', which is C one step
ahead, and S_k the histories x_k after each user's last event,

    (1 - decay_k decay_m) G_km = decay_k C1_k + decay_m C1_m' + diag(events of each item) - S_k' S_m.

No matrix product of size (events, items) is ever formed.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import sparse

from recsys.models.sequences import Sequences

PAIRS = 8_000_000  # pairs added at once: about 250 MB
FORGOTTEN = 1e-3  # weight below which an event of the history no longer counts
SLOWEST = 0.98  # decay above which nothing is counted: a scale that forgets nothing has pairs without end


def scale_weights(decays: tuple[float, ...], length: int | None = None) -> np.ndarray:
    """w_k(a) = decay_k ^ (a - 1) for a = 1.., (scales, length) float32, 0 once FORGOTTEN; decay 0 sees the newest only.

    Without a length, as long as anything counts.

    >>> scale_weights((0.0, 0.5), 3)
    array([[1.  , 0.  , 0.  ],
           [1.  , 0.5 , 0.25]], dtype=float32)
    """
    slowest = max(decays)
    length = length or (1 + int(np.log(FORGOTTEN) / np.log(slowest)) if slowest else 1)
    weights = (np.asarray(decays)[:, None] ** np.arange(length)).astype(np.float32)
    return np.where(weights >= FORGOTTEN, weights, np.float32(0))


def countable(decays: tuple[float, ...]) -> tuple[float, ...]:
    """The decays whose moments stand for those of `decays`."""
    return tuple(min(decay, SLOWEST) for decay in decays)


def one_scale(weights: np.ndarray) -> np.ndarray:
    """The mean (1, length) of several scales, for a catalogue too large to tell them apart."""
    return weights[:, (weights > 0).any(axis=0)].mean(axis=0, keepdims=True)


def gram(seqs: Sequences, decays: tuple[float, ...], one_step: np.ndarray, reverse: float = 0.0) -> np.ndarray:
    """G = sum of x x' (scales * n_items, scales * n_items) float32; reversed sequences count `reverse` times as much.

    one_step: `cross` of the same decays for one step ahead, all events alike and nothing reversed.
    """
    decays = countable(decays)
    n, events = seqs.n_items, np.bincount(seqs.codes, minlength=seqs.n_items).astype(np.float32)
    steps, out = one_step.reshape(len(decays), n, n), np.empty((len(decays) * n, len(decays) * n), np.float32)
    ends = [_ends(seqs, decay, last=True) for decay in decays]
    starts = [_ends(seqs, decay, last=False) for decay in decays] if reverse else []
    for k, m in np.ndindex(len(decays), len(decays)):
        block = out[k * n : (k + 1) * n, m * n : (m + 1) * n]
        np.multiply(steps[k], np.float32(decays[k]), out=block)
        block += np.float32(decays[m]) * steps[m].T
        block[np.diag_indices(n)] += events
        block -= (ends[k].T @ ends[m]).toarray()
        if reverse:  # C1 is its transpose then
            block += np.float32(reverse * decays[k]) * steps[k].T
            block += np.float32(reverse * decays[m]) * steps[m]
            block[np.diag_indices(n)] += np.float32(reverse) * events
            block -= np.float32(reverse) * (starts[k].T @ starts[m]).toarray()
        block /= np.float32(1 - decays[k] * decays[m])
    return out


def _ends(seqs: Sequences, decay: float, last: bool) -> sparse.csr_array:
    """(n_users, n_items) each history after its last event or, read backwards, after its first."""
    age = np.repeat(seqs.lengths, seqs.lengths) - 1 - seqs.positions if last else seqs.positions
    weights = (float(decay) ** age).astype(np.float32)
    counts = weights >= FORGOTTEN
    users, codes = seqs.users[counts], seqs.codes[counts]
    return sparse.csr_array((weights[counts], (users, codes)), shape=(seqs.n_users, seqs.n_items))


def gram_diagonal(seqs: Sequences, weights: np.ndarray, reverse: float = 0.0) -> np.ndarray:
    """The diagonal of G for one scale of any weights (L,), (n_items,) float32: what an item shares with itself."""
    table = _lag_weights(weights)
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


def _lag_weights(weights: np.ndarray) -> np.ndarray:
    """K (L, L + 1): K[d, m] = sum over k = 1..min(m, L - d) of w(k) w(k + d), for m targets left after a pair."""
    length = len(weights)
    table = np.zeros((length, length + 1), dtype=np.float64)
    for lag in range(length):
        sums = np.cumsum(weights[: length - lag].astype(np.float64) * weights[lag:])
        table[lag, 1 : length - lag + 1] = sums
        table[lag, length - lag + 1 :] = sums[-1]
    return table.astype(np.float32)


def cross(seqs: Sequences, decays: tuple[float, ...], targets: np.ndarray, reverse: float = 0.0) -> np.ndarray:
    """C = sum of x y' (scales * n_items, n_items) float32: row = item of the history on a scale, column = target.

    `targets` holds v(1..T).
    """
    by_lag = [np.convolve(each, targets).astype(np.float32) for each in scale_weights(countable(decays))]
    out = np.zeros((len(decays), seqs.n_items, seqs.n_items), dtype=np.float32)
    for pairs in _batches(_pairs(seqs, range(1, len(by_lag[0]) + 1))):
        for table, values in zip(out, by_lag, strict=True):
            for early, late, value in _values(pairs, values, seqs.weights, reverse):
                table += sparse.coo_array((value, (early, late)), shape=table.shape).toarray()
    if reverse and seqs.weights is None:
        for table in out:
            table += np.float32(reverse) * table.T
    return out.reshape(-1, seqs.n_items)


class _Pairs(NamedTuple):
    """Pairs of events of one user each, as arrays of equal length, by the place of each event, and how far apart."""

    early_at: np.ndarray
    late_at: np.ndarray
    early: np.ndarray
    late: np.ndarray
    lag: np.ndarray


def _values(
    pairs: _Pairs, by_lag: np.ndarray, weights: np.ndarray | None, reverse: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Item of the history, target and value of each pair that counts.

    Reversed sequences are left out where all events weigh alike: their C is the transpose then.
    """
    value = by_lag[pairs.lag - 1]
    counts = value > 0
    early_at, late_at, early, late, _ = (column[counts] for column in pairs) if not counts.all() else pairs
    value = value[counts]
    if weights is None:
        yield early, late, value
        return
    yield early, late, value * weights[late_at]
    if reverse:
        yield late, early, np.float32(reverse) * value * weights[early_at]


def _pairs(seqs: Sequences, lags: range) -> Iterator[_Pairs]:
    """The pairs of each lag, ordered by the earlier item, so that adding to a table stays within one of its rows, which
    the cache can hold.
    """
    early_at = np.argsort(seqs.codes, kind="stable")
    after = (np.repeat(seqs.lengths, seqs.lengths) - 1 - seqs.positions)[early_at].astype(np.int32)
    for lag in lags:
        far_enough = after >= lag
        if not far_enough.all():
            early_at, after = early_at[far_enough], after[far_enough]
        late_at = early_at + lag
        apart = np.full(len(early_at), lag, np.int32)
        yield _Pairs(early_at, late_at, seqs.codes[early_at], seqs.codes[late_at], apart)


def _batches(lags: Iterator[_Pairs]) -> Iterator[_Pairs]:
    """The same pairs in few large batches: a table per batch is what counting costs beside the pairs."""
    waiting: list[_Pairs] = []
    for pairs in lags:
        waiting.append(pairs)
        if sum(len(each.lag) for each in waiting) >= PAIRS:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(pairs: list[_Pairs]) -> _Pairs:
    return _Pairs(*map(np.concatenate, zip(*pairs, strict=True)))
