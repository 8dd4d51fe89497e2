"""How good the recommendations are, against what anyone could do without a model.

The protocol is Personalize's: 10 % of the users are unseen in training; each one's oldest 90 % of events are the input
and the newest 10 % what is to be found. Every model sees the same users; every figure carries its bootstrap interval.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys import metrics
from recsys.models import NextItem, Popularity, Sequences
from recsys.models.base import mark_chosen
from recsys.models.protocol import personalize_split

DEPTH = 25
LISTS = 2_000  # by chance, to be measured
OWN_HITS = "NDCG@10 (own hits)"
MEASURED = ("ndcg", "seconds", "chosen")  # of each trial
MODEL, POPULARITY, RANDOM = "next-item model", "popularity", "random"


@dataclass(frozen=True)
class Comparison:
    """What was measured.

    `table`: columns name, metric, mean, low, high (95 % interval over users), one row per model and metric.
    `per_user`: one row per tested user: `events` (length of the input) and NDCG@10 of every model.
    `recommended`: model name -> item codes, shape (n_users, 25), one list a user also by chance, of which more are
    measured; `popularity`: events per item code, shape (n_items,).
    `trials`: columns ndcg, seconds, chosen and each setting, one row per setting tried on the whole catalogue.
    `leads`: name -> lead of the model's NDCG@10 over that one's, user by user. `own_hits`: (n_users,) the model's
    NDCG@10 as Personalize measures it.
    """

    table: pd.DataFrame
    per_user: pd.DataFrame
    recommended: dict[str, np.ndarray]
    popularity: np.ndarray
    trials: pd.DataFrame
    leads: dict[str, metrics.Interval]
    own_hits: np.ndarray

    def mean(self, name: str, metric: str) -> float:
        """A model's mean of a metric."""
        return float(self._row(name, metric)["mean"])

    def _row(self, name: str, metric: str) -> pd.Series:
        return self.table[(self.table["name"] == name) & (self.table["metric"] == metric)].iloc[0]


def compare(interactions: pd.DataFrame, seed: int, samples: int) -> Comparison:
    """Train the next-item model on 90 % of the users and measure it beside popularity and chance on the others.

    `interactions` has USER_ID, ITEM_ID, TIMESTAMP. `samples` is the number of bootstrap resamples.
    """
    split = personalize_split(Sequences.from_interactions(interactions), seed)
    model = NextItem.fit(split.train, seed=seed, goal="newest")  # which is what is to be found
    n_items = len(split.train.item_ids)
    recommended = {
        MODEL: model.recommend(split.histories, DEPTH)[0],
        POPULARITY: Popularity.fit(split.train).recommend(split.histories, DEPTH)[0],
        RANDOM: _random(len(split.targets), n_items, seed),
    }
    measured = {name: _vectors(codes, split.targets) for name, codes in recommended.items() if name != RANDOM}
    measured[RANDOM] = _chance(split.targets, n_items, seed)
    rows, per_user = [], {"events": np.array([len(history) for history in split.histories])}
    for name, codes in recommended.items():
        per_user[name] = measured[name]["NDCG@10"]
        for metric, values in measured[name].items():
            found = metrics.bootstrap(values, seed=seed, samples=samples)
            rows.append({"name": name, "metric": metric, "mean": found.mean, "low": found.low, "high": found.high})
        share = metrics.coverage(codes, n_items)
        rows.append({"name": name, "metric": "coverage", "mean": share, "low": share, "high": share})
    popularity = np.bincount(split.train.codes, minlength=n_items)
    ahead = {name: per_user[MODEL] - per_user[name] for name in (POPULARITY, RANDOM)}
    leads = {name: metrics.bootstrap(values, seed=seed, samples=samples) for name, values in ahead.items()}
    return Comparison(
        pd.DataFrame(rows),
        pd.DataFrame(per_user),
        recommended,
        popularity,
        _trials(model),
        leads,
        measured[MODEL][OWN_HITS],
    )


def side_by_side(measured: dict[str, float], comparison: Comparison) -> pd.DataFrame:
    """Personalize's metrics beside those of popularity and chance: columns metric, Personalize, popularity, random.

    By the same protocol, but not of the same users: whom it tests on Personalize draws by itself, and does not say.
    """
    names = {
        OWN_HITS: "normalized_discounted_cumulative_gain_at_10",
        "MRR@25": "mean_reciprocal_rank_at_25",
        "precision@10": "precision_at_10",
        "coverage": "coverage",
    }
    return pd.DataFrame(
        {
            "metric": ours,
            "Personalize": measured[theirs],
            **{name: comparison.mean(name, ours) for name in (POPULARITY, RANDOM)},
        }
        for ours, theirs in names.items()
    )


def _vectors(codes: np.ndarray, targets: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {
        "NDCG@10": metrics.ndcg_at(codes, targets, 10),
        OWN_HITS: metrics.own_hits_ndcg_at(codes, targets, 10),
        "MRR@25": metrics.reciprocal_rank(codes, targets),
        "precision@5": metrics.precision_at(codes, targets, 5),
        "precision@10": metrics.precision_at(codes, targets, 10),
        "precision@25": metrics.precision_at(codes, targets, 25),
        "recall@10": metrics.recall_at(codes, targets, 10),
    }


def _chance(targets: list[np.ndarray], items: int, seed: int) -> dict[str, np.ndarray]:
    """Each user's mean over so many lists that LISTS are measured: of a hundred users one each finds five or none."""
    drawn = range(max(1, LISTS // len(targets)))
    found = [_vectors(_random(len(targets), items, seed + number), targets) for number in drawn]
    return {metric: np.mean([each[metric] for each in found], axis=0) for metric in found[0]}


def _random(users: int, items: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.choice(items, min(DEPTH, items), replace=False) for _ in range(users)]).astype(np.int32)


def _trials(model: NextItem) -> pd.DataFrame:
    """Those on the whole catalogue, as with fewer items NDCG is another: their settings, ndcg, seconds and chosen.

    None where too few users could be held out to choose by.
    """
    whole = [trial for trial in mark_chosen(model.trials, model.settings) if trial["items"] == len(model.item_ids)]
    rows = [trial["settings"] | {name: trial[name] for name in MEASURED} for trial in whole]
    return pd.DataFrame(rows, columns=None if rows else [*model.settings, *MEASURED])
