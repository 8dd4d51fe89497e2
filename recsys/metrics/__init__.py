"""Offline metrics of ranked lists, one value per user, and bootstrap intervals of their means.

`recommended` is (n, k) item codes, best first; a code below 0 is a place that stays empty, at the end of a list shorter
than k. `targets` is a list of n arrays of codes, in any order; a code that appears twice among a user's targets counts
once, one below 0 not at all. A metric of users answers (n,) float64, a metric of the whole catalogue a float.

    accuracy     were the targets found, and how early
    graded       the same where some targets are worth more than others
    beyond       coverage, novelty, diversity, popularity bias, calibration
    personalize  Amazon Personalize's metrics under their AWS names
    intervals    95 % intervals over the users
    power        how many users it takes to see a difference
    stability    has the distribution of events changed, by more than chance
"""

from recsys.metrics.accuracy import (
    average_precision_at,
    hit_rate_at,
    hits,
    ndcg_at,
    own_hits_ndcg_at,
    precision_at,
    recall_at,
    reciprocal_rank,
)
from recsys.metrics.beyond import (
    calibration,
    coverage,
    diversity,
    exposure_gini,
    feature_diversity,
    gini,
    novelty,
    popularity,
)
from recsys.metrics.graded import gains_at, own_hits_weighted_ndcg_at, weighted_ndcg_at
from recsys.metrics.intervals import (
    Interval,
    bootstrap,
    bootstrap_lift,
    bootstrap_ratio,
    coverage_interval,
    exposure_gini_interval,
)
from recsys.metrics.personalize import average_rewards, personalize_metrics, short_names
from recsys.metrics.power import lift_seen, users_needed
from recsys.metrics.stability import population_stability, stability_limit

__all__ = [
    "Interval",
    "average_precision_at",
    "average_rewards",
    "bootstrap",
    "bootstrap_lift",
    "bootstrap_ratio",
    "calibration",
    "coverage",
    "coverage_interval",
    "diversity",
    "exposure_gini",
    "exposure_gini_interval",
    "feature_diversity",
    "gains_at",
    "gini",
    "hit_rate_at",
    "hits",
    "lift_seen",
    "ndcg_at",
    "novelty",
    "own_hits_ndcg_at",
    "own_hits_weighted_ndcg_at",
    "personalize_metrics",
    "popularity",
    "population_stability",
    "precision_at",
    "recall_at",
    "reciprocal_rank",
    "short_names",
    "stability_limit",
    "users_needed",
    "weighted_ndcg_at",
]
