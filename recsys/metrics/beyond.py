"""What accuracy hides: how much of the catalogue is shown, how new, how varied, how popular, how true to the user."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

BLOCK_CELLS = 20_000_000  # lists times items held at once by diversity: 160 MB


def coverage(recommended: np.ndarray, n_items: int) -> float:
    """Distinct items recommended to anybody / items of the catalogue.

    >>> coverage(np.array([[0, 1], [1, 2]]), 6)
    0.5
    """
    shown = np.unique(recommended)
    return int((shown >= 0).sum()) / n_items


def novelty(recommended: np.ndarray, users: np.ndarray, n_users: int) -> np.ndarray:
    """Mean self-information of each list in bits: mean over its items of log2(n_users / users of the item).

    users: (n_items,) how many different users of the training data touched each item, of `n_users` in all. 0 where
    everybody knows everything shown, log2(n_users) at most: an item nobody touched counts as touched by one. 0 for an
    empty list. Zhou et al., PNAS 107(10), 2010; Castells, Vargas and Wang, DDR 2011.

    >>> novelty(np.array([[0, 1]]), np.array([8, 2, 0]), 8)
    array([1.])
    """
    bits = np.log2(n_users / np.maximum(1, np.asarray(users, np.float64)))
    return _mean_of_items(recommended, bits)


def popularity(recommended: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Average recommendation popularity: mean over each list's items of their counts; 0 for an empty list.

    counts: (n_items,) events or users of each item in the training data. Yin et al., PVLDB 5(9), 2012.

    >>> popularity(np.array([[0, 1], [2, 2]]), np.array([8, 2, 0]))
    array([5., 0.])
    """
    return _mean_of_items(recommended, np.asarray(counts, np.float64))


def exposure_gini(recommended: np.ndarray, n_items: int) -> float:
    """Gini index of how often each item of the catalogue is recommended: 0 all alike, towards 1 always the same few.

    Items never shown count with 0. Fleder and Hosanagar, Management Science 55(5), 2009.

    >>> exposure_gini(np.array([[0, 1], [2, 3]]), 4), exposure_gini(np.array([[0], [0]]), 4)
    (0.0, 0.75)
    """
    codes = np.asarray(recommended)
    return gini(np.bincount(codes[codes >= 0], minlength=n_items))


def gini(counts: np.ndarray) -> float:
    """Gini index of `counts` (n,): 0 when all are equal, towards 1 when one has everything; 0 where there is nothing.

    sum over r of (2 r - n - 1) c_r / (n sum c), c_r the r-th smallest count, r from 1.

    >>> gini(np.array([1, 1, 1, 1])), gini(np.array([0, 0, 0, 4]))
    (0.0, 0.75)
    """
    ordered = np.sort(np.asarray(counts, dtype=np.float64))
    ranks = np.arange(1, len(ordered) + 1)
    total = ordered.sum()
    return float((2 * ranks - len(ordered) - 1) @ ordered / (len(ordered) * total)) if total > 0 else 0.0


def diversity(recommended: np.ndarray, similarity: np.ndarray | sparse.sparray) -> np.ndarray:
    """Intra-list diversity: 1 - mean similarity of the pairs of different places in a list.

    similarity: (n_items, n_items), symmetric, dense or sparse, at most 1. 0 for a list of fewer than two items.
    Ziegler et al., WWW 2005; Zhang and Hurley, RecSys 2008.

    >>> diversity(np.array([[0, 1, 2]]), np.array([[1, 0.5, 0], [0.5, 1, 0.1], [0, 0.1, 1]])).round(4)
    array([0.8])
    """
    recommended, rows = np.asarray(recommended), max(1, BLOCK_CELLS // similarity.shape[0])
    blocks = [recommended[start : start + rows] for start in range(0, max(1, len(recommended)), rows)]
    return np.concatenate([_apart(_similarities(block, similarity), block) for block in blocks])


def feature_diversity(recommended: np.ndarray, features: np.ndarray | sparse.sparray) -> np.ndarray:
    """`diversity` by the cosine of item features (n_items, n_features), without a table of item pairs.

    An item without features is like no other. 0 for a list of fewer than two items. The pairs are never formed: the
    cosines of all pairs of places add up to the squared length of the sum of the unit vectors.

    >>> feature_diversity(np.array([[0, 1], [0, 2]]), np.array([[2, 0], [5, 0], [0, 1]]))
    array([0., 1.])
    """
    features = sparse.csr_array(features, dtype=np.float64)  # squares of small integers would overflow
    unit = _scaled(features, np.sqrt(_squares(features)))
    shown = _table(recommended, features.shape[0])
    return _apart(_squares(shown @ unit) - shown @ _squares(unit), recommended)


def calibration(
    recommended: np.ndarray,
    histories: Sequence[np.ndarray],
    categories: np.ndarray | sparse.sparray,
    alpha: float = 0.01,
) -> np.ndarray:
    """Miscalibration: KL(p || q~) = sum over categories g of p(g) ln(p(g) / q~(g)); 0 is calibrated, lower is better.

    p: shares of the categories in the user's history, q: in the list; an item of several categories is shared out
    among them and one of none is left out. q~ = (1 - alpha) q + alpha p keeps it finite: a list without any of the
    history's categories scores ln(1 / alpha). categories: (n_items, n_categories), 1 where the item belongs. 0 for a
    user whose history has no category. Steck, Calibrated recommendations, RecSys 2018, section 3.

    >>> calibration(np.array([[1, 1], [0, 1]]), [np.array([0, 1]), np.array([0, 1])], np.eye(2)).round(4)
    array([1.9585, 0.    ])
    """
    categories = sparse.csr_array(categories)
    shares = _scaled(categories, categories.sum(axis=1))
    p = _distribution(_table(histories, categories.shape[0]) @ shares)
    q = (1 - alpha) * _distribution(_table(recommended, categories.shape[0]) @ shares) + alpha * p
    terms = p * np.log(np.divide(p, q, out=np.ones_like(p), where=p > 0))
    return np.maximum(terms.sum(axis=1), 0.0)  # rounding may leave a perfect list just below


def _mean_of_items(recommended: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(n,) mean of values (n_items,) over the items of each list."""
    codes = np.asarray(recommended)
    filled = codes >= 0
    return np.where(filled, values[codes], 0.0).sum(axis=1) / np.maximum(1, filled.sum(axis=1))


def _table(lists: np.ndarray | Sequence[np.ndarray], n_items: int) -> sparse.csr_array:
    """(n, n_items): how often each list holds each item; codes below 0 are left out."""
    rows = np.repeat(np.arange(len(lists)), [len(each) for each in lists])
    codes = np.concatenate([np.empty(0, np.int64), *lists])
    filled = codes >= 0
    cells = (np.ones(filled.sum()), (rows[filled], codes[filled]))
    return sparse.csr_array(cells, shape=(len(lists), n_items))


def _similarities(recommended: np.ndarray, similarity: np.ndarray | sparse.sparray) -> np.ndarray:
    """(n,) summed similarities of the ordered pairs of different places of each list."""
    shown = _table(recommended, similarity.shape[0])
    return shown.multiply(shown @ similarity).sum(axis=1) - shown @ similarity.diagonal()


def _squares(table: np.ndarray | sparse.sparray) -> np.ndarray:
    """(n,) squared lengths of the rows."""
    return (table * table).sum(axis=1)


def _scaled(table: np.ndarray | sparse.sparray, totals: np.ndarray) -> np.ndarray | sparse.csr_array:
    """Each row over its total; a row whose total is 0 stays as it is."""
    return sparse.diags_array(1 / np.where(totals > 0, totals, 1.0)) @ table


def _distribution(table: sparse.sparray) -> np.ndarray:
    """Dense rows that sum to 1, or to 0 where there is nothing."""
    return _scaled(table, table.sum(axis=1)).toarray()


def _apart(similarities: np.ndarray, recommended: np.ndarray) -> np.ndarray:
    """(n,) 1 - the summed similarities of ordered pairs / their number."""
    places = (np.asarray(recommended) >= 0).sum(axis=1)
    pairs = places * (places - 1)
    return np.where(pairs > 0, 1 - similarities / np.maximum(1, pairs), 0.0)
