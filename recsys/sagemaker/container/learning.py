"""Evaluation on held-out users, then the fits on everybody: what a training job does between reading and writing."""

from typing import Any

import numpy as np

from recsys import metrics
from recsys.models import NextItem, Popularity, Sequences
from recsys.models.base import Model
from recsys.models.next_item.returning import fit_returning
from recsys.models.next_item.settings import Settings
from recsys.models.protocol import Split, personalize_split
from recsys.sagemaker.container.checkpoint import Checkpoint
from recsys.sagemaker.container.hyperparameters import Hyperparameters
from recsys.sagemaker.metrics import line

K = 10


def evaluate(seqs: Sequences, asked: Hyperparameters, checkpoint: Checkpoint) -> None:
    """Choose the settings without a tenth of the users and test them on these; both are kept in the checkpoint.

    Trials that are in the checkpoint are not made again. Raises ModelError where there are too few users to hold any
    out.
    """
    split = personalize_split(seqs, asked.seed)
    popular = Popularity.fit(split.train)
    model = popular if asked.model == "popularity" else _searched(split.train, asked, checkpoint)
    found = _lists(model, split)
    gains, baseline = (metrics.ndcg_at(lists, split.targets, K) for lists in (found, _lists(popular, split)))
    lead = metrics.bootstrap(gains - baseline, asked.seed)
    checkpoint.settings = model.settings
    checkpoint.metrics = {
        "test:ndcg_at_10": _mean(gains),
        "test:popularity_ndcg_at_10": _mean(baseline),
        "test:lead_low": lead.low,
        "test:lead_high": lead.high,
        "test:hit_rate_at_10": _mean(metrics.hit_rate_at(found, split.targets, K)),
    }
    checkpoint.write()


def fit(seqs: Sequences, asked: Hyperparameters, settings: dict[str, Any]) -> Model:
    """The model that serves: of all users, with settings that were chosen."""
    if asked.model == "popularity":
        return Popularity.fit(seqs)
    chosen = Settings.from_dict(settings)
    return NextItem.fit(seqs, asked.seed, asked.threads, budget=asked.budget_seconds, settings=chosen, goal=asked.goal)


def fit_for_returning(seqs: Sequences, asked: Hyperparameters, checkpoint: Checkpoint) -> NextItem | None:
    """The model for users who come back, of all users; None where there is no other for them.

    Its trials are kept in the checkpoint as they are made.
    """
    if asked.model == "popularity" or asked.goal == "later":
        return None

    def keep(trial: dict[str, Any]) -> None:
        checkpoint.returning.append(trial)
        checkpoint.write()

    chosen, measured = Settings.from_dict(checkpoint.settings or {}), list(checkpoint.returning)
    options = {"budget": asked.budget_seconds, "measured": measured}
    found = fit_returning(seqs, chosen, asked.seed, asked.threads, keep, **options)
    print(f"users who come back: {'a model of their own' if found else 'the same model'}", flush=True)
    return found


def _searched(train: Sequences, asked: Hyperparameters, checkpoint: Checkpoint) -> NextItem:
    def keep(trial: dict[str, Any]) -> None:
        checkpoint.trials.append(trial)
        checkpoint.write()
        print(line("validation:ndcg_at_10", trial["ndcg"], trial=len(checkpoint.trials)), flush=True)

    measured = list(checkpoint.trials)
    options = {"budget": asked.budget_seconds, "goal": asked.goal, "measured": measured}
    return NextItem.fit(train, asked.seed, asked.threads, keep, **options)


def _lists(model: Model, split: Split) -> np.ndarray:
    """(n, K) item codes, best first, for the users held out."""
    return model.recommend(split.histories, K)[0]


def _mean(values: np.ndarray) -> float:
    return float(values.mean())
