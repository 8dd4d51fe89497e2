"""Offline metrics of ranked lists, one value per user, and bootstrap intervals of their means.

`recommended` is (n, k) item codes, best first; `targets` is a list of n arrays of codes, in any order; a code that
appears twice among a user's targets counts once. Each function answers (n,) float64.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

RESAMPLED = 20_000_000  # resampled values held at once by bootstrap


class Interval(NamedTuple):
    """A mean and the range in which it lies with 95 % confidence."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def hits(recommended: np.ndarray, targets: Sequence[np.ndarray]) -> np.ndarray:
    """(n, k) bool: whether the item at each rank is among that user's targets."""
    recommended = np.asarray(recommended)
    if len(recommended) != len(targets):
        raise ValueError(f"{len(recommended)} lists of recommendations for {len(targets)} lists of targets")
    if recommended.size == 0:
        return np.zeros(recommended.shape, dtype=bool)
    owner = np.repeat(np.arange(len(targets)), [len(t) for t in targets])
    wanted = np.concatenate([np.empty(0, np.int64), *targets]).astype(np.int64)
    span = max(int(recommended.max()), int(wanted.max(initial=0))) + 1
    return np.isin(np.arange(len(recommended))[:, None] * span + recommended, owner * span + wanted)


def precision_at(recommended: np.ndarray, targets: Sequence[np.ndarray], k: int) -> np.ndarray:
    """hits in the first k / k. A list shorter than k is still divided by k.

    >>> precision_at(np.array([[3, 7, 1, 2, 9]]), [np.array([7, 9])], 5)
    array([0.4])
    """
    return hits(np.asarray(recommended)[:, :k], targets).sum(axis=1) / k


def recall_at(recommended: np.ndarray, targets: Sequence[np.ndarray], k: int) -> np.ndarray:
    """hits in the first k / number of distinct targets; 0 for a user without targets.

    >>> recall_at(np.array([[3, 7, 1, 2, 9]]), [np.array([7, 9, 4, 5])], 5)
    array([0.5])
    """
    return hits(np.asarray(recommended)[:, :k], targets).sum(axis=1) / np.maximum(1, _distinct(targets))


def reciprocal_rank(recommended: np.ndarray, targets: Sequence[np.ndarray], k: int = 25) -> np.ndarray:
    """1 / rank of the first hit among the first k, else 0; its mean is MRR@k.

    >>> reciprocal_rank(np.array([[3, 7, 1, 2, 9]]), [np.array([7, 9])])
    array([0.5])
    """
    found = hits(np.asarray(recommended)[:, :k], targets)
    if found.shape[1] == 0:
        return np.zeros(len(found))
    return np.where(found.any(axis=1), 1.0 / (1 + found.argmax(axis=1)), 0.0)


def ndcg_at(recommended: np.ndarray, targets: Sequence[np.ndarray], k: int) -> np.ndarray:
    """Normalised discounted cumulative gain as usual: DCG / DCG of the best possible list.

    DCG = sum over hits of 1 / log2(1 + rank); the best list has min(k, number of targets) hits on top. 0 without
    targets. Jaervelin and Kekaelaeinen, ACM TOIS 20(4), 2002, with binary gains.

    >>> ndcg_at(np.array([[3, 7, 1, 2, 9]]), [np.array([7, 9, 4])], 5).round(4)
    array([0.4776])
    """
    best = np.minimum(k, _distinct(targets))
    return _ratio(_dcg(hits(np.asarray(recommended)[:, :k], targets)), best)


def own_hits_ndcg_at(recommended: np.ndarray, targets: Sequence[np.ndarray], k: int) -> np.ndarray:
    """NDCG as Amazon Personalize's printed figures imply it: DCG / DCG of the list's own hits moved to the top.

    It asks how early the hits come, not how many were missed, so one hit at rank 1 scores 1. Inferred: AWS states the
    formula only by an example, hits at ranks 2 and 5 of 5.

    >>> own_hits_ndcg_at(np.array([[3, 7, 1, 2, 9]]), [np.array([7, 9, 4])], 5).round(4)
    array([0.6241])
    """
    found = hits(np.asarray(recommended)[:, :k], targets)
    return _ratio(_dcg(found), found.sum(axis=1))


def gains_at(recommended: np.ndarray, targets: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> np.ndarray:
    """(n, k) float64: the weight of the target at each rank, 0 where the item is none.

    `weights` are as long as the targets; a code that appears twice weighs as much as its heaviest.

    >>> gains_at(np.array([[3, 7, 1]]), [np.array([7, 9, 7])], [np.array([0.5, 1.5, 1.0])])
    array([[0., 1., 0.]])
    """
    recommended = np.asarray(recommended)
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
        ideal[row] = _dcg(np.sort(heaviest)[::-1][None, :k])[0]
    found = _dcg(gains_at(np.asarray(recommended)[:, :k], targets, weights))
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
    gains = gains_at(np.asarray(recommended)[:, :k], targets, weights)
    ideal = _dcg(np.sort(gains, axis=1)[:, ::-1])
    return np.divide(_dcg(gains), ideal, out=np.zeros(len(gains)), where=ideal > 0)


def average_rewards(recommended: np.ndarray, targets: Sequence[np.ndarray], rewards: np.ndarray, k: int = 25) -> float:
    """Amazon Personalize's average_rewards_at_k, from 0 to 1; `rewards` (n_items,) are 0 or more.

    Per user: rewards of the hits among the k recommended items with the highest rewards / rewards of all hits; the
    mean over users whose hits have a reward, 0 without any.

    >>> average_rewards(np.array([[0, 1, 2]]), [np.array([0, 2])], np.array([1.0, 5.0, 3.0]), k=2)
    0.75
    """
    recommended = np.asarray(recommended)
    worth = np.asarray(rewards, np.float64)[recommended]
    top = np.argsort(np.argsort(-worth, axis=1, kind="stable"), axis=1) < k
    found = worth * hits(recommended, targets)
    every = found.sum(axis=1)
    some = every > 0
    return _mean((found * top).sum(axis=1)[some] / every[some])


def coverage(recommended: np.ndarray, n_items: int) -> float:
    """Distinct items recommended to anybody / items of the catalogue.

    >>> coverage(np.array([[0, 1], [1, 2]]), 6)
    0.5
    """
    return len(np.unique(recommended)) / n_items


def personalize_metrics(recommended: np.ndarray, targets: Sequence[np.ndarray], n_items: int) -> dict[str, float]:
    """The eight metrics of GetSolutionMetrics under their AWS names; `recommended` holds at least 25 per user.

    NDCG is `own_hits_ndcg_at`. Coverage counts the items of the first 25 ranks over all test users.
    """
    found = {"coverage": coverage(np.asarray(recommended)[:, :25], n_items)}
    found["mean_reciprocal_rank_at_25"] = _mean(reciprocal_rank(recommended, targets, 25))
    for k in (5, 10, 25):
        name = f"normalized_discounted_cumulative_gain_at_{k}"
        found[name] = _mean(own_hits_ndcg_at(recommended, targets, k))
    for k in (5, 10, 25):
        found[f"precision_at_{k}"] = _mean(precision_at(recommended, targets, k))
    return found


def bootstrap(values: np.ndarray, seed: int = 0, samples: int = 1000) -> Interval:
    """Mean of per-user values with its 95 % percentile interval over `samples` resamples of the users.

    The same seed and number of users draw the same resamples, so that two models' intervals are comparable. For a
    difference of two models pass the difference of their values: it is far sharper than two intervals side by side.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    low, high = np.percentile(_resampled_means(values[:, None], seed, samples)[:, 0], [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def bootstrap_ratio(values: np.ndarray, baseline: np.ndarray, seed: int = 0, samples: int = 1000) -> Interval:
    """mean(values) / mean(baseline) with its 95 % interval, the users resampled in pairs; inf where baseline is 0."""
    pair = np.stack([np.asarray(values, np.float64), np.asarray(baseline, np.float64)], axis=1)
    means = np.vstack([pair.mean(axis=0), _resampled_means(pair, seed, samples)])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = means[:, 0] / means[:, 1]
    low, high = np.nanpercentile(ratios[1:], [2.5, 97.5])
    return Interval(float(ratios[0]), float(low), float(high))


def _resampled_means(columns: np.ndarray, seed: int, samples: int) -> np.ndarray:
    """(samples, n_columns) means over resampled rows of (n, n_columns), in blocks of bounded memory."""
    rng = np.random.default_rng(seed)
    n = len(columns)
    block = max(1, RESAMPLED // (n * columns.shape[1]))
    sizes = [min(block, samples - start) for start in range(0, samples, block)]
    return np.concatenate([columns[rng.integers(0, n, (size, n))].mean(axis=1) for size in sizes])


def _heaviest(codes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct codes in order and the largest weight of each."""
    order = np.lexsort((-np.asarray(weights), codes))
    distinct, first = np.unique(np.asarray(codes)[order], return_index=True)
    return distinct, np.asarray(weights, np.float64)[order][first]


def _dcg(found: np.ndarray) -> np.ndarray:
    return found @ (1 / np.log2(np.arange(2, found.shape[1] + 2)))


def _ratio(dcg: np.ndarray, best: np.ndarray) -> np.ndarray:
    """dcg / DCG of `best` hits on top; 0 where there is nothing to find."""
    ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, max(2, best.max(initial=0) + 2))))])[best]
    return np.divide(dcg, ideal, out=np.zeros(len(dcg)), where=ideal > 0)


def _distinct(targets: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([len(np.unique(t)) for t in targets], dtype=np.int64)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
