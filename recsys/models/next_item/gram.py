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

import itertools

import numpy as np
from scipy import sparse

from recsys.models.sequences import Sequences

TILE = 256  # rows and columns of a table that are added at once
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

    What lies below the diagonal is left undone: G is symmetric, and no Cholesky reads it. one_step: `cross` of the same
    decays for one step ahead, all events alike and nothing reversed.
    """
    from recsys.models.next_item import loops  # slow to import, and whoever only serves never needs it

    decays, n = countable(decays), seqs.n_items
    steps, out = one_step.reshape(len(decays), n, n), np.zeros((len(decays) * n, len(decays) * n), np.float32)
    ways = [(1.0, [_ends(seqs, decay, last=True) for decay in decays])]
    if reverse:
        ways += [(reverse, [_ends(seqs, decay, last=False) for decay in decays])]
    events = np.bincount(seqs.codes, minlength=n) * np.float32(1 + reverse)
    for k, m in itertools.combinations_with_replacement(range(len(decays)), 2):
        block = out[k * n : (k + 1) * n, m * n : (m + 1) * n]
        block[np.diag_indices(n)] = events
        for weight, ends in ways:
            left, right = ends[k].tocsc(), ends[m]
            shared = left.indptr, left.indices, left.data, right.indptr, right.indices, right.data
            loops.add_shared(*shared, -weight, block)
        along, across = (decays[k], reverse * decays[m]), (reverse * decays[k], decays[m])  # read backwards, C1 turns
        loops.add_both_ways(steps[k], steps[m], along, across, k == m, block)
        block /= np.float32(1 - decays[k] * decays[m])
    return out


def _add(table: np.ndarray, weight: float, other: np.ndarray) -> None:
    """table += weight * other, tile by tile: of a transposed one the cache holds no more."""
    for rows, columns in np.ndindex(-(-len(table) // TILE), -(-table.shape[1] // TILE)):
        tile = slice(rows * TILE, (rows + 1) * TILE), slice(columns * TILE, (columns + 1) * TILE)
        table[tile] += np.float32(weight) * other[tile]


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


def cross(
    seqs: Sequences,
    decays: tuple[float, ...],
    targets: np.ndarray,
    reverse: float = 0.0,
    one_step: np.ndarray | None = None,
) -> np.ndarray:
    """C = sum of x y' (scales * n_items, n_items) float32: row = item of the history on a scale, column = target.

    `targets` holds v(1..T). one_step: the same for one step ahead and nothing reversed, where all events weigh alike:
    only what differs from a multiple of it is counted then, the T nearest distances and those that it has forgotten.
    """
    weights = scale_weights(countable(decays))
    by_lag = np.array([np.convolve(each, targets) for each in weights], np.float32)
    scales = [] if one_step is None else list(zip(weights, by_lag, strict=True))
    multiples = [_multiple(*scale, len(targets)) for scale in scales]
    out = _paired(seqs, by_lag, late=seqs.weights)
    for k, multiple in enumerate(multiples):
        _add(out[k], multiple, one_step.reshape(out.shape)[k])
    if reverse:
        back = out if seqs.weights is None else _paired(seqs, by_lag, early=seqs.weights)
        for table, other in zip(out, back, strict=True):
            _add(table, reverse, other.copy().T)
    return out.reshape(-1, seqs.n_items)


def _multiple(weights: np.ndarray, by_lag: np.ndarray, steps: int) -> float:
    """How often `by_lag` holds the weights of one step, which are taken out; 0 for a scale that forgets sooner."""
    length, last = np.count_nonzero(weights), steps - 1
    if steps >= length:
        return 0.0
    multiple = by_lag[last] / weights[last]
    by_lag[:length] -= multiple * weights[:length]
    by_lag[last:length] = 0  # but for rounding
    return float(multiple)


def _paired(
    seqs: Sequences, by_lag: np.ndarray, early: np.ndarray | None = None, late: np.ndarray | None = None
) -> np.ndarray:
    """(scales, n_items, n_items) sums over pairs of events of one user: row = the earlier item, column = the later one.

    A pair counts by_lag (scales, lags) at its distance, times what its `early` or `late` event weighs, (n_events,).
    """
    from recsys.models.next_item import loops  # slow to import, and whoever only serves never needs it

    alike, by_item = np.empty(0, np.float32), np.argsort(seqs.codes, kind="stable")
    after = (np.repeat(seqs.lengths, seqs.lengths) - 1 - seqs.positions)[by_item]
    lags = np.array([np.flatnonzero(np.append(1, each))[-1] for each in by_lag])
    out = np.zeros((len(by_lag), seqs.n_items, seqs.n_items), np.float32)
    weights = [alike if each is None else each.astype(np.float32) for each in (early, late)]
    loops.add_pairs(by_item, after, seqs.codes, by_lag, lags, *weights, out)
    return out
