"""One function per engine: fit and evaluate on held-out users, then fit on everyone.

Personalize's protocol: a tenth of the users are set aside whole, the model is fitted on the rest and scored on them;
then the model that serves is fitted on everyone.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recsys.errors import ModelError
from recsys.local.personalize.jobs.training import evaluation, metadata
from recsys.local.personalize.jobs.training.data import Data, TrainingFailed
from recsys.local.personalize.jobs.training.search import Combination, combinations
from recsys.models import (
    Blended,
    ItemContent,
    ItemSimilarity,
    NextBestAction,
    NextItem,
    Popularity,
    SemanticSimilarity,
    Sequences,
    SimilarItems,
    Trending,
    UserAffinity,
)
from recsys.models.actions.evaluation import held_out_metrics
from recsys.models.base import Model, Trained, mark_chosen
from recsys.models.next_item.returning import fit_returning
from recsys.models.next_item.reward import log_rewards
from recsys.models.next_item.settings import ALIKE, Settings
from recsys.models.popular.trending import held_out_accuracy
from recsys.models.protocol import newest_fifth, personalize_split
from recsys.models.segments.evaluation import Segments
from recsys.models.sequences import between
from recsys.models.transformer.training import available

SEED = 0
THREADS = os.cpu_count() or 1
SECONDS = {"30 minutes": 1800, "1 hour": 3600, "2 hours": 7200, "3 hours": 10_800, "1 day": 86_400}
EMPHASIS = {"LOW": 0.5, "MEDIUM": 1.0, "HIGH": 2.0}  # of an objective; 1 ranks by expected reward


@dataclass
class Fitted:
    """What an engine leaves: the model that serves, what is popular, metadata, metrics, trials and what HPO chose.

    returning: the model that serves users who have not been seen for a while, where that is another one.
    """

    model: Trained
    metrics: dict[str, float]
    popular: Popularity | None = None
    content: ItemContent | None = None
    trials: list[dict[str, Any]] = field(default_factory=list)
    tuned: Combination | None = None
    returning: NextItem | None = None


def fit_next(data: Data) -> Fitted:
    """What comes next. hidden_dimension, bptt and recency are chosen freely where a solution does not.

    A transformer is tried beside the next-item model where the recipe has one and torch is there. The trial that was
    chosen is marked: its settings say what weight the transformer has, 0 where it did not help. Trials for users who
    come back are marked as returning.
    """
    kind = Blended if data.recipe.transformer and available() else NextItem
    sequences = data.sequences()
    asked, trials = _asked(data), []
    reward = _reward(data, sequences)
    split = personalize_split(sequences, seed=SEED)
    tested = kind.fit(
        _usual(data, split.train),
        SEED,
        THREADS,
        trials.append,
        candidates=[_held(each) for each in asked],
        reward=reward,
        goal="newest",
    )
    usual = _usual(data, sequences)
    model = kind.fit(usual, SEED, THREADS, settings=tested.chosen, reward=reward, goal="newest")
    found = evaluation.of_items(data, tested, split) | evaluation.of_objective(data, tested, split)
    content = metadata.content(data, "ITEMS") if data.recipe.content else None
    best = next((each for each in asked if _fits(tested.chosen, each)), asked[0])
    told, later = mark_chosen(trials, tested.settings), []
    returning = fit_returning(usual, tested.chosen, SEED, THREADS, later.append, held=_held(best), reward=reward)
    if returning:
        told += [trial | {"returning": True} for trial in mark_chosen(later, returning.settings)]
    return Fitted(model, found, Popularity.fit(sequences), content, told, best, returning)


def fit_similar(data: Data) -> Fitted:
    """Items alike by who touched both and, for the recipes that look at it, by their metadata."""
    content = metadata.content(data, "ITEMS") if data.recipe.content else None
    sequences = data.sequences(content.item_ids if content else ())

    def fit(seqs: Sequences, chosen: Combination) -> Model:
        values = {name: _number(text) for name, text in (data.parameters | chosen).items()}
        if data.recipe.content:
            return SimilarItems.fit(seqs, content, threads=THREADS, **values)
        return ItemSimilarity.fit(seqs, **values)

    split = personalize_split(sequences, seed=SEED)
    best, trials = _searched(data, split.train, fit)
    found = evaluation.of_items(data, fit(split.train, best), split)
    return Fitted(fit(sequences, best), found, Popularity.fit(sequences), content, trials, best)


def fit_popularity(data: Data) -> Fitted:
    """What most users touched or, for the use cases that say "how many times", what was touched most."""
    fit = Popularity.of_events if data.recipe.every_event else Popularity.fit
    sequences = data.sequences()
    split = personalize_split(sequences, seed=SEED)
    model = fit(sequences)
    return Fitted(model, evaluation.of_items(data, fit(split.train), split), model)


def fit_trending(data: Data) -> Fitted:
    """What rises fastest, interval by interval; the domain use case looks every two hours."""
    interval = SECONDS[data.parameters.get("trend_discovery_frequency", "2 hours")]
    sequences = data.sequences()
    split = personalize_split(sequences, seed=SEED)
    found = evaluation.of_items(data, Trending.fit(split.train, interval), split)
    found["trend_prediction_accuracy"] = held_out_accuracy(sequences, interval)
    return Fitted(Trending.fit(sequences, interval), found, Popularity.fit(sequences))


def fit_semantic(data: Data) -> Fitted:
    """Items whose texts mean the same; interactions only tell what is popular, and how good the answers are."""
    texts = metadata.documents(data)
    sequences = data.sequences(data.items["ITEM_ID"])
    ids = sequences.item_ids
    created = metadata.item_numbers(data, "CREATION_TIMESTAMP", ids)
    model = SemanticSimilarity.fit(ids, [texts.get(item) for item in ids], sequences, created)
    try:
        found = evaluation.of_items(data, model, personalize_split(sequences, seed=SEED))
    except ModelError:  # too few users to ask for anybody's next item
        found = {"coverage": len(texts) / len(ids)}
    return Fitted(model, found, Popularity.fit(sequences))


def fit_segments(data: Data) -> Fitted:
    """Which users want an item, or the items with an attribute; tested on the newest fifth of each user's events."""
    sequences = data.sequences()
    held = newest_fifth(sequences)
    candidates, trials = [_held(each) for each in _asked(data)], []
    earlier = NextItem.fit(held.train, SEED, THREADS, trials.append, candidates=candidates)
    queries = metadata.attribute_queries(data, sequences.item_ids) if data.recipe.datasets else None
    segments = Segments.of(held.targets, sequences.n_items, queries, SEED)
    tested = UserAffinity.of(earlier, held.train, SEED, THREADS, queries)
    found = segments.metrics(tested.affinities(segments.queries))
    later = NextItem.fit(sequences, SEED, THREADS, settings=earlier.chosen)
    model = UserAffinity.of(later, sequences, SEED, THREADS, queries)
    return Fitted(model, found, Popularity.fit(sequences), trials=trials + model.trials)


def fit_actions(data: Data) -> Fitted:
    """Which actions a user will take. Without any action interactions every score is 0, as on AWS."""
    rows = data.rows("ACTIONS")
    ids = rows["ACTION_ID"]
    if not ids:
        raise TrainingFailed("The Actions dataset has no actions.")
    nothing = ItemContent.fit(ids, {"ACTION_ID": [None] * len(ids)}, {"ACTION_ID": "categorical"})
    actions = metadata.content(data, "ACTIONS", texts=False) or nothing
    parts = (actions, data.action_interactions, metadata.content(data, "USERS", texts=False), data.sequences())
    options = {
        "action_optimization_period_days": int(data.parameters["action_optimization_period"]),
        "values": rows.get("VALUE"),
        "seed": SEED,
        "threads": THREADS,
    }
    found = held_out_metrics(*parts, **options)
    model = NextBestAction.fit(*parts, **options)
    return Fitted(model, found, content=actions, trials=model.trials)


ENGINES: dict[str, Callable[[Data], Fitted]] = {
    "next": fit_next,
    "similar": fit_similar,
    "popularity": fit_popularity,
    "trending": fit_trending,
    "semantic": fit_semantic,
    "segments": fit_segments,
    "actions": fit_actions,
}


def _asked(data: Data) -> list[Combination]:
    """The combinations of hyperparameters of which one is to hold: HPO's, or the one that the solution sets."""
    given = {name: text for name, text in data.given.items() if name in data.recipe.parameters}
    if not data.spec["performHPO"]:
        return [given]
    return [given | each for each in combinations(data.recipe, data.config, given)]


def _searched(
    data: Data, train: Sequences, fit: Callable[[Sequences, Combination], Model]
) -> tuple[Combination, list[dict[str, Any]]]:
    """The combination with the best NDCG@10 on a tenth of the training users, and every trial."""
    asked, trials = _asked(data), []
    if len(asked) == 1:
        return asked[0], trials
    inner = personalize_split(train, seed=SEED + 1)
    for each in asked:
        started = time.perf_counter()
        ndcg = evaluation.ndcg(fit(inner.train, each), inner)
        trials.append({"settings": each, "ndcg": ndcg, "seconds": round(time.perf_counter() - started, 3)})
    return max(trials, key=lambda trial: trial["ndcg"])["settings"], trials


def _held(combination: Combination) -> dict[str, Any]:
    """Hyperparameters as settings of the next-item model."""
    held: dict[str, Any] = {}
    for name, text in combination.items():
        if name == "hidden_dimension":
            held["rank"] = int(text)
        elif name == "bptt":
            held["length"] = int(text)
        elif text.lower() == "false":  # recency_mask, apply_recency_bias: the whole history alike
            held["decays"] = ALIKE
    return held


def _number(text: str) -> float:
    """Whole numbers stay whole: some count, some are ranks."""
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _fits(settings: Settings, combination: Combination) -> bool:
    held = _held(combination)
    return settings == settings.with_(**held) and (settings.decays == ALIKE) == ("decays" in held)


def _usual(data: Data, sequences: Sequences) -> Sequences:
    """The users to train on: those between the percentiles of history length."""
    low, high = (data.parameters.get(f"{end}_user_history_length_percentile") for end in ("min", "max"))
    if low is None or high is None:
        return sequences
    return sequences.select(np.flatnonzero(between(sequences.lengths, float(low), float(high))))


def _reward(data: Data, sequences: Sequences) -> np.ndarray | None:
    """(n_items,) logarithms of what items are worth by the solution's objective; None without one."""
    objective = data.config.get("optimizationObjective", {})
    emphasis = EMPHASIS.get(objective.get("objectiveSensitivity", "OFF"))
    if emphasis is None:
        return None
    return log_rewards(metadata.item_numbers(data, objective["itemAttribute"], sequences.item_ids), emphasis)
