"""Amazon Personalize's metrics under the names of GetSolutionMetrics."""

import re
from collections.abc import Sequence

import numpy as np

from recsys.metrics.accuracy import hits, own_hits_ndcg_at, precision_at, reciprocal_rank
from recsys.metrics.beyond import coverage


def personalize_metrics(recommended: np.ndarray, targets: Sequence[np.ndarray], n_items: int) -> dict[str, float]:
    """The eight metrics of GetSolutionMetrics under their AWS names; `recommended` holds at least 25 per user.

    NDCG is `own_hits_ndcg_at`. Coverage counts the items of the first 25 ranks over all test users.

    >>> found = personalize_metrics(np.array([np.arange(25), np.arange(25)]), [np.array([1]), np.array([99])], 100)
    >>> [(name, found[name]) for name in ("coverage", "mean_reciprocal_rank_at_25", "precision_at_5")]
    [('coverage', 0.25), ('mean_reciprocal_rank_at_25', 0.25), ('precision_at_5', 0.1)]
    """
    found = {"coverage": coverage(np.asarray(recommended)[:, :25], n_items)}
    found["mean_reciprocal_rank_at_25"] = _mean(reciprocal_rank(recommended, targets, 25))
    for k in (5, 10, 25):
        name = f"normalized_discounted_cumulative_gain_at_{k}"
        found[name] = _mean(own_hits_ndcg_at(recommended, targets, k))
    for k in (5, 10, 25):
        found[f"precision_at_{k}"] = _mean(precision_at(recommended, targets, k))
    return found


def short_names(text: str) -> str:
    """The same text with AWS's metrics as the field writes them.

    >>> short_names("normalized_discounted_cumulative_gain_at_10 was 0.2"), short_names("precision_at_5")
    ('NDCG@10 was 0.2', 'precision@5')
    """
    for long, short in (("normalized_discounted_cumulative_gain", "NDCG"), ("mean_reciprocal_rank", "MRR")):
        text = text.replace(long, short)
    return re.sub(r"\b(NDCG|MRR|precision)_at_(\d+)", r"\1@\2", text)


def average_rewards(recommended: np.ndarray, targets: Sequence[np.ndarray], rewards: np.ndarray, k: int = 25) -> float:
    """Amazon Personalize's average_rewards_at_k, from 0 to 1; `rewards` (n_items,) are 0 or more.

    Per user: rewards of the hits among the k recommended items with the highest rewards / rewards of all hits; the
    mean over users whose hits have a reward, 0 without any.

    >>> average_rewards(np.array([[0, 1, 2]]), [np.array([0, 2])], np.array([1.0, 5.0, 3.0]), k=2)
    0.75
    """
    recommended = np.asarray(recommended)
    worth = np.asarray(rewards, np.float64)[recommended]
    falling = np.where(recommended >= 0, -worth, np.inf)  # an empty place comes last
    top = np.argsort(np.argsort(falling, axis=1, kind="stable"), axis=1) < k
    found = worth * hits(recommended, targets)
    every = found.sum(axis=1)
    some = every > 0
    return _mean((found * top).sum(axis=1)[some] / every[some])


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
