"""The k best of each row, the same answer every time."""

import numpy as np
from scipy import sparse


def top_k(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes (n, k) int32 and scores (n, k) of the k highest of each row of (n, n_items), best first.

    Equal scores are ordered by the lower code, also at the edge of the list, where a bare partition picks at random.
    k is cut to n_items.
    """
    n, n_items = scores.shape
    k = min(k, n_items)
    if n == 0 or k == 0:
        return np.empty((n, k), np.int32), np.empty((n, k), scores.dtype)
    edge = np.partition(scores, n_items - k, axis=1)[:, n_items - k]
    rows, codes = np.nonzero(scores >= edge[:, None])  # at least k a row; more only where the edge is tied
    values = scores[rows, codes]
    order = np.lexsort((codes, -values, rows))
    starts = np.searchsorted(rows, np.arange(n))
    best = order[starts[:, None] + np.arange(k)]
    return codes[best].astype(np.int32), values[best]


def largest_of_each_row(table: sparse.csr_array, kept: int) -> sparse.csr_array:
    """The same table with the `kept` largest stored values of each row; ties go to the lower column."""
    rows = np.repeat(np.arange(table.shape[0]), np.diff(table.indptr))
    order = np.lexsort((table.indices, -table.data, rows))
    rank = np.arange(len(rows)) - table.indptr[rows]
    order = order[rank < kept]
    return sparse.csr_array((table.data[order], (rows[order], table.indices[order])), shape=table.shape)
