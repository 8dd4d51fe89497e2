"""Were the targets found, and how early? Binary relevance: an item is a target or it is not."""

from collections.abc import Sequence

import numpy as np


def hits(recommended: np.ndarray, targets: Sequence[np.ndarray]) -> np.ndarray:
    """(n, k) bool: whether the item at each rank is among that user's targets; an empty place (code below 0) is not.

    >>> hits(np.array([[3, 7, 1], [3, 7, -1]]), [np.array([1, 7]), np.array([9])])
    array([[False,  True,  True],
           [False, False, False]])
    """
    recommended = lists_of(recommended)
    if len(recommended) != len(targets):
        raise ValueError(f"{len(recommended)} lists of recommendations for {len(targets)} lists of targets")
    if recommended.size == 0:
        return np.zeros(recommended.shape, dtype=bool)
    owners, wanted = _flat(targets)
    span = max(int(recommended.max()), int(wanted.max(initial=0))) + 1
    shown = np.arange(len(recommended))[:, None] * span + recommended
    return np.isin(shown, owners * span + wanted) & (recommended >= 0)


def hit_rate_at(recommended: np.ndarray, targets: Sequence[np.ndarray], k: int) -> np.ndarray:
    """1 if any of the first k is a target, else 0; its mean is HR@k, with one target per user the same as recall@k.

    >>> hit_rate_at(np.array([[3, 7, 1], [3, 7, 1]]), [np.array([1, 7]), np.array([9])], 2)
    array([1., 0.])
    """
    return hits(lists_of(recommended, k), targets).any(axis=1).astype(np.float64)


def precision_at(recommended: np.ndarray, targets: Sequence[np.ndarray], k: int) -> np.ndarray:
    """hits in the first k / k. A list shorter than k is still divided by k.

    >>> precision_at(np.array([[3, 7, 1, 2, 9]]), [np.array([7, 9])], 5)
    array([0.4])
    """
    return hits(lists_of(recommended, k), targets).sum(axis=1) / k


def recall_at(recommended: np.ndarray, targets: Sequence[np.ndarray], k: int) -> np.ndarray:
    """hits in the first k / number of distinct targets; 0 for a user without targets.

    >>> recall_at(np.array([[3, 7, 1, 2, 9]]), [np.array([7, 9, 4, 5])], 5)
    array([0.5])
    """
    return hits(lists_of(recommended, k), targets).sum(axis=1) / np.maximum(1, _distinct(targets))


def average_precision_at(recommended: np.ndarray, targets: Sequence[np.ndarray], k: int) -> np.ndarray:
    """sum over hits of precision@rank / min(k, |T|); its mean is MAP@k.

    rank: from 1, the place of each hit among the first k; precision@rank: hits up to that place / rank; |T|: number of
    distinct targets, so that a list full of hits scores 1 also where there are more than k to find. 0 without targets.
    Manning, Raghavan and Schuetze, Introduction to Information Retrieval, 2008, section 8.4, cut at k.

    >>> average_precision_at(np.array([[3, 7, 1, 2, 9]]), [np.array([7, 9])], 5)
    array([0.45])
    """
    found = hits(lists_of(recommended, k), targets)
    precisions = found.cumsum(axis=1) / np.arange(1, found.shape[1] + 1)
    return (found * precisions).sum(axis=1) / np.clip(_distinct(targets), 1, k)


def reciprocal_rank(recommended: np.ndarray, targets: Sequence[np.ndarray], k: int = 25) -> np.ndarray:
    """1 / rank of the first hit among the first k, else 0; its mean is MRR@k.

    >>> reciprocal_rank(np.array([[3, 7, 1, 2, 9]]), [np.array([7, 9])])
    array([0.5])
    """
    found = hits(lists_of(recommended, k), targets)
    return (found / np.arange(1, found.shape[1] + 1)).max(axis=1, initial=0.0)


def ndcg_at(recommended: np.ndarray, targets: Sequence[np.ndarray], k: int) -> np.ndarray:
    """Normalised discounted cumulative gain as usual: DCG / DCG of the best possible list.

    DCG = sum over hits of 1 / log2(1 + rank); the best list has min(k, number of targets) hits on top. 0 without
    targets. Jaervelin and Kekaelaeinen, ACM TOIS 20(4), 2002, with binary gains.

    >>> ndcg_at(np.array([[3, 7, 1, 2, 9]]), [np.array([7, 9, 4])], 5).round(4)
    array([0.4776])
    """
    best = np.minimum(k, _distinct(targets))
    return _normalised(dcg(hits(lists_of(recommended, k), targets)), best)


def own_hits_ndcg_at(recommended: np.ndarray, targets: Sequence[np.ndarray], k: int) -> np.ndarray:
    """NDCG as Amazon Personalize's printed figures imply it: DCG / DCG of the list's own hits moved to the top.

    It asks how early the hits come, not how many were missed, so one hit at rank 1 scores 1. Inferred: AWS states the
    formula only by an example, hits at ranks 2 and 5 of 5.

    >>> own_hits_ndcg_at(np.array([[3, 7, 1, 2, 9]]), [np.array([7, 9, 4])], 5).round(4)
    array([0.6241])
    """
    found = hits(lists_of(recommended, k), targets)
    return _normalised(dcg(found), found.sum(axis=1))


def lists_of(recommended: np.ndarray, k: int | None = None) -> np.ndarray:
    """(n, k) item codes, the first k of each list; all without it. Raises ValueError for what are no such codes."""
    recommended = np.asarray(recommended)
    if recommended.ndim != 2 or (recommended.size and recommended.dtype.kind not in "iu"):
        raise ValueError(
            f"lists of recommendations are item codes (n, k), the first of the two that recommend() gives, and not "
            f"{recommended.dtype} of shape {recommended.shape}"
        )
    if k is not None and k < 1:
        raise ValueError(f"nothing is found among the first {k}: choose 1 or more")
    return recommended[:, :k]


def dcg(gains: np.ndarray) -> np.ndarray:
    """(n,) discounted cumulative gain of gains (n, k) by rank: sum of gain / log2(1 + rank)."""
    return gains @ (1 / np.log2(np.arange(2, gains.shape[1] + 2)))


def _normalised(found: np.ndarray, best: np.ndarray) -> np.ndarray:
    """found / DCG of `best` hits on top; 0 where there is nothing to find."""
    ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, max(2, best.max(initial=0) + 2))))])[best]
    return np.divide(found, ideal, out=np.zeros(len(found)), where=ideal > 0)


def _flat(targets: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The user (row) of each target, and the targets, one user after another; int64, those below 0 left out."""
    try:
        lengths = [len(each) for each in targets]
    except TypeError:
        raise ValueError(
            "targets are a list of codes for each user, also where there is only one: put it in a list"
        ) from None
    owners = np.repeat(np.arange(len(targets)), lengths)
    wanted = np.concatenate([np.empty(0, np.int64), *targets])
    if wanted.dtype.kind not in "iuf":
        raise ValueError(f"targets are item codes, not {wanted.dtype}: take them from encode() or from a protocol")
    wanted = wanted.astype(np.int64)
    return owners[wanted >= 0], wanted[wanted >= 0]


def _distinct(targets: Sequence[np.ndarray]) -> np.ndarray:
    """(n,) int64: number of different targets of each user."""
    owners, wanted = _flat(targets)
    span = int(wanted.max(initial=0)) + 1
    return np.bincount(np.unique(owners * span + wanted) // span, minlength=len(targets))
