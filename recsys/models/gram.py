"""The two moments behind the closed-form next-item model, counted pair by pair: O(events x lags), exact.

At every position of a user's sequence that something follows, x is the decayed history and y what comes next:

    x = sum over age a = 1..L of w(a) e[item a back]        y = sum over distance d = 1..T of v(d) e[item d ahead]

G = sum x x' and C = sum x y'. The product x x' pairs each event with those up to L - 1 before it, so that G is a sum
over event pairs of a weight that depends on their lag and on how many targets follow; C's depends on the lag alone.
No matrix product of size (events, items) is ever formed.
"""

from collections.abc import Iterator

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
    total = np.zeros(seqs.n_items)
    for late, early, value in _gram_pairs(seqs, weights, reverse):
        same = late == early
        total += 2 * np.bincount(late[same], value[same], minlength=seqs.n_items)
    return total.astype(np.float32)


def cross(seqs: Sequences, weights: np.ndarray, targets: np.ndarray, reverse: float = 0.0) -> np.ndarray:
    """C = sum of x y' (n_items, n_items) float32, dense: row = item of the history, column = target.

    `targets` holds v(1..T). The reversed sequences' C is the transpose, since its weights depend on the lag alone.
    """
    out = np.zeros((seqs.n_items, seqs.n_items), dtype=np.float32)
    for triple in _batches(_cross_pairs(seqs, weights, targets)):
        out += _table(triple, seqs.n_items).toarray()
    return out + reverse * out.T if reverse else out


def cross_sparse(
    seqs: Sequences, weights: np.ndarray, targets: np.ndarray, reverse: float = 0.0, kept: int = 500
) -> sparse.csr_array:
    """C as a sparse table, the `kept` largest entries of each row."""
    out = sparse.csr_array((seqs.n_items, seqs.n_items), dtype=np.float32)
    for triple in _batches(_cross_pairs(seqs, weights, targets)):
        out = out + _table(triple, seqs.n_items).tocsr()
    return largest_of_each_row(sparse.csr_array(out + reverse * out.T if reverse else out), kept)


def largest_of_each_row(table: sparse.csr_array, kept: int) -> sparse.csr_array:
    """The same table with the `kept` largest stored values of each row; ties go to the lower column."""
    rows = np.repeat(np.arange(table.shape[0]), np.diff(table.indptr))
    order = np.lexsort((table.indices, -table.data, rows))
    rank = np.arange(len(rows)) - table.indptr[rows]
    order = order[rank < kept]
    return sparse.csr_array((table.data[order], (rows[order], table.indices[order])), shape=table.shape)


def _gram_pairs(seqs: Sequences, weights: np.ndarray, reverse: float) -> Iterator[Triple]:
    """Later item, earlier item and weight of every event pair in G, lag by lag; lag 0 at half its weight."""
    before = seqs.positions
    after = np.repeat(seqs.lengths, seqs.lengths) - 1 - before
    for lag, row in enumerate(lag_weights(weights)):
        late = np.flatnonzero(before >= lag)
        early = late - lag
        value = row[np.minimum(after[late], len(weights))]
        if reverse:
            value = value + np.float32(reverse) * row[np.minimum(before[early], len(weights))]
        yield seqs.codes[late], seqs.codes[early], value * np.float32(0.5 if lag == 0 else 1)


def _cross_pairs(seqs: Sequences, weights: np.ndarray, targets: np.ndarray) -> Iterator[Triple]:
    """Earlier item, later item and weight of every event pair in C, lag by lag."""
    before = seqs.positions
    for lag, value in enumerate(np.convolve(weights.astype(np.float64), targets), start=1):
        late = np.flatnonzero(before >= lag)
        yield seqs.codes[late - lag], seqs.codes[late], np.full(len(late), value, dtype=np.float32)


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
