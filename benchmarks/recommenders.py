"""The recommenders that need nothing but this repository: chance, plain habits, EASE and our own models.

A recommender is a function of the task. It answers a function from histories to lists, (n, DEPTH) codes with -1 where a
place stays empty, and a note of the settings it has or chose.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import sparse
from scipy.linalg import lapack

from benchmarks.tuning import DEPTH, Histories, Scores, Task
from recsys.errors import ModelError
from recsys.models import Blended, ItemSimilarity, Model, NextItem, Popularity, Transformer
from recsys.models.sequences import seen_table, unique_users
from recsys.models.transformer.training import available

PENALTIES = (10.0, 50.0, 200.0, 1000.0, 5000.0)
EASE_ITEMS = 25_000  # the inverse of a larger table takes more than 5 GB

Lists = Callable[[Histories], np.ndarray]
Fit = Callable[[Task], tuple[Lists, str]]


class LeftOut(Exception):
    """Why a recommender takes no part."""


def chance(task: Task) -> tuple[Lists, str]:
    """Any items, each alike."""
    rng = np.random.default_rng(task.seed)

    def scores(histories: Histories) -> np.ndarray:
        return rng.random((len(histories), task.split.train.n_items), dtype=np.float32)

    return partial(task.lists, scores), ""


def own_frequency(task: Task) -> tuple[Lists, str]:
    """What a user had most often; popularity fills the list."""
    _needs_seen(task)
    return partial(task.lists, own_counts(task)), ""


def own_counts(task: Task) -> Scores:
    """How often a history holds each item; popularity orders what it holds equally often."""
    popular = _below_one(unique_users(task.split.train))
    return lambda histories: seen_table(list(histories), len(popular)).toarray() + popular


def last_own_item(task: Task) -> tuple[Lists, str]:
    """What a user had last, then what came before; popularity fills the list."""
    _needs_seen(task)
    popular = _below_one(unique_users(task.split.train))

    def scores(histories: Histories) -> np.ndarray:
        values = np.tile(popular, (len(histories), 1))
        for row, codes in zip(values, histories, strict=True):
            np.maximum.at(row, codes, np.arange(1, len(codes) + 1, dtype=np.float32))
        return values

    return partial(task.lists, scores), ""


def _needs_seen(task: Task) -> None:
    if task.drop:
        raise LeftOut("it recommends seen items, which are dropped here")


def _below_one(counts: np.ndarray) -> np.ndarray:
    return (0.5 * counts / max(1, counts.max())).astype(np.float32)


def ease(task: Task) -> tuple[Lists, str]:
    """EASE (Steck, WWW 2019, equation 8): B = I - P / diag(P) with P = (X'X + lambda I)^-1, score = x B, X binary."""
    n_items = task.split.train.n_items
    if n_items > EASE_ITEMS:
        raise LeftOut(f"{n_items:,} items are more than the {EASE_ITEMS:,} whose table it may invert")
    penalty = task.choose(PENALTIES, ease_scores)
    return partial(task.lists, ease_scores(task, penalty)), f"lambda {penalty:g}"


def ease_scores(task: Task, penalty: float) -> Scores:
    """EASE's at one penalty."""
    touched = _touched(task.split.train.histories(), task)
    gram = (touched.T @ touched).toarray(order="F")
    gram[np.diag_indices_from(gram)] += penalty
    factor, _ = lapack.spotrf(gram, lower=1, overwrite_a=1)
    inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    table = -inverse / np.diag(inverse)
    np.fill_diagonal(table, 0)
    return lambda histories: _touched(histories, task) @ table


def _touched(histories: Histories, task: Task) -> sparse.csr_array:
    """(n, n_items) float32, 1 where a history holds the item."""
    return (seen_table(list(histories), task.split.train.n_items) > 0).astype(np.float32)


def ours(fit: Callable[[Task], Model]) -> Fit:
    """A recommender of one of our models."""

    def fitted(task: Task) -> tuple[Lists, str]:
        model = fit(task)
        note = ", ".join(f"{name} {value}" for name, value in model.settings.items()) if model.trials else ""
        return lambda histories: model.recommend(histories, DEPTH, exclude_seen=task.drop)[0], note

    return fitted


def next_item(task: Task) -> NextItem:
    """Told what it is for, the next event or more of them, as the others choose their settings by the same protocol."""
    return NextItem.fit(task.split.train, seed=task.seed, threads=task.threads, goal=_goal(task))


def in_a_visit(task: Task) -> NextItem:
    """Told that a visit goes on where the weeks to come are asked for: who has one model for both does no better."""
    if task.protocol != "temporal":
        raise LeftOut("the next item is told that here")
    return NextItem.fit(task.split.train, seed=task.seed, threads=task.threads, goal="newest")


def transformer(task: Task) -> Transformer:
    """The transformer alone, a minute of it, where that is enough for a transformer."""
    _needs_torch()
    try:
        return Transformer.fit(task.split.train, seed=task.seed, threads=task.threads, goal=_goal(task))
    except ModelError as error:
        raise LeftOut(str(error)) from None


def blended(task: Task) -> Model:
    """Both, with the weight that held-out users give the transformer."""
    _needs_torch()
    return Blended.fit(task.split.train, seed=task.seed, threads=task.threads, goal=_goal(task))


def _goal(task: Task) -> str:
    return {"leave-last-out": "next", "temporal": "later"}.get(task.protocol, "newest")


def _needs_torch() -> None:
    if not available():
        raise LeftOut("torch is not installed")


NEXT_ITEM = "next item"
RECOMMENDERS: dict[str, Fit] = {
    "random": chance,
    "popularity": ours(lambda task: Popularity.fit(task.split.train)),
    "own frequency": own_frequency,
    "last own item": last_own_item,
    "item similarity": ours(lambda task: ItemSimilarity.fit(task.split.train)),
    "EASE": ease,
    "transformer": ours(transformer),
    "blended": ours(blended),
    "next item in a visit": ours(in_a_visit),
    NEXT_ITEM: ours(next_item),
}
