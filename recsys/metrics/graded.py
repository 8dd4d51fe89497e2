"""Accuracy where some targets are worth more than others: NDCG with graded gains."""

from collections.abc import Sequence

import numpy as np

from recsys.metrics.accuracy import dcg, lists_of


def gains_at(recommended: np.ndarray, targets: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> np.ndarray:
    """(n, k) float64: the weight of the target at each rank, 0 where the item is none.

    `weights` are as long as the targets; a code that appears twice weighs as much as its heaviest.

    >>> gains_at(np.array([[3, 7, 1]]), [np.array([7, 9, 7])], [np.array([0.5, 1.5, 1.0])])
    array([[0., 1., 0.]])
    """
    recommended = lists_of(recommended)
    out = np.zeros(recommended.shape)
    for row, (codes, worth) in enumerate(zip(targets, weights, strict=True)):
        distinct, heaviest = _heaviest(codes, worth)
        if len(distinct):
            at = np.minimum(np.searchsorted(distinct, recommended[row]), len(distinct) - 1)
            out[row] = np.where(distinct[at] == recommended[row], heaviest[at], 0.0)
    return out


def weighted_ndcg_at(
    recommended: np.ndarray, targets: Sequence[np.ndarray], weights: Sequence[np.ndarray], k: int
) -> np.ndarray:
    """NDCG with graded gains: DCG / DCG of the best possible list, a hit counting as much as its target weighs.

    >>> weighted_ndcg_at(np.array([[3, 7]]), [np.array([7, 9])], [np.array([0.5, 1.5])], 2).round(4)
    array([0.1738])
    """
    ideal = np.zeros(len(targets))
    for row, (codes, worth) in enumerate(zip(targets, weights, strict=True)):
        _, heaviest = _heaviest(codes, worth)
        ideal[row] = dcg(np.sort(heaviest)[::-1][None, :k])[0]
    found = dcg(gains_at(lists_of(recommended, k), targets, weights))
    return np.divide(found, ideal, out=np.zeros(len(found)), where=ideal > 0)


def own_hits_weighted_ndcg_at(
    recommended: np.ndarray, targets: Sequence[np.ndarray], weights: Sequence[np.ndarray], k: int
) -> np.ndarray:
    """`own_hits_ndcg_at` with graded gains: DCG / DCG of the list's own hits, the heaviest moved to the top.

    Amazon Personalize's NDCG with event weights, as far as its guide tells: "similar to NDCG, but the reward for each
    correct prediction will be weighted".

    >>> own_hits_weighted_ndcg_at(np.array([[3, 7, 9]]), [np.array([7, 9])], [np.array([0.5, 1.5])], 3).round(4)
    array([0.5869])
    """
    gains = gains_at(lists_of(recommended, k), targets, weights)
    ideal = dcg(np.sort(gains, axis=1)[:, ::-1])
    return np.divide(dcg(gains), ideal, out=np.zeros(len(gains)), where=ideal > 0)


def _heaviest(codes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct codes from 0 up in order and the largest weight of each."""
    order = np.lexsort((-np.asarray(weights), codes))
    distinct, first = np.unique(np.asarray(codes)[order], return_index=True)
    heaviest = np.asarray(weights, np.float64)[order][first]
    return distinct[distinct >= 0], heaviest[distinct >= 0]
