"""Recommenders of other libraries; each is left out where its library is not installed.

    pip install --target build/peers implicit lenskit "rectools[torch]"
    rm -r build/peers/numpy* build/peers/scipy*
    PYTHONPATH=build/peers python -m benchmarks.quality FILE

RecTools asks for numpy 1, which this repository cannot use, and works with numpy 2; pandas it needs below 3. So what it
brings stands before ours, but for numpy and scipy. On two cores its SASRec takes minutes even for the sample.
"""

import warnings
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.recommenders import NEXT_ITEM, Fit, LeftOut, Lists
from benchmarks.tuning import DEPTH, Histories, Scores, Task
from recsys.models.sequences import seen_table

FACTORS = 64
NEIGHBOURS = (20, 100, 500)
WEIGHTS = tuple(product((1.0, 10.0), (0.01, 0.1, 1.0, 10.0)))  # alpha, regularisation
SASREC = {"n_factors": 64, "n_blocks": 2, "n_heads": 1, "session_max_len": 100, "epochs": 20, "loss": "softmax"}


def bm25(task: Task) -> tuple[Lists, str]:
    """implicit's item-item neighbours by BM25 weights."""
    neighbours = task.choose(NEIGHBOURS, bm25_scores)
    return partial(task.lists, bm25_scores(task, neighbours)), f"{neighbours} neighbours"


def bm25_scores(task: Task, neighbours: int) -> Scores:
    """Sums of BM25 similarities, by so many neighbours of each item."""
    from implicit.nearest_neighbours import BM25Recommender

    return _neighbour_scores(task, BM25Recommender(K=neighbours, num_threads=task.threads))


def cosine_scores(task: Task, neighbours: int) -> Scores:
    """Sums of cosines of the counts, by so many neighbours of each item."""
    from implicit.nearest_neighbours import CosineRecommender

    return _neighbour_scores(task, CosineRecommender(K=neighbours, num_threads=task.threads))


def _neighbour_scores(task: Task, model: Any) -> Scores:
    with warnings.catch_warnings(action="ignore"):  # it warns of a conversion within itself
        model.fit(_counts(task.split.train.histories(), task), show_progress=False)
    return lambda histories: (_counts(histories, task) @ model.similarity).toarray()


def als(task: Task) -> tuple[Lists, str]:
    """implicit's ALS with its own settings."""
    return partial(task.lists, als_scores(task, (1.0, 0.01))), f"{FACTORS} factors, alpha 1, regularisation 0.01"


def tuned_als(task: Task) -> tuple[Lists, str]:
    """implicit's ALS with the weights chosen on held-out training users."""
    alpha, penalty = task.choose(WEIGHTS, als_scores)
    note = f"{FACTORS} factors, alpha {alpha:g}, regularisation {penalty:g}"
    return partial(task.lists, als_scores(task, (alpha, penalty))), note


def als_scores(task: Task, weights: tuple[float, float]) -> Scores:
    """ALS with these alpha and regularisation; histories are folded in."""
    from implicit.cpu.als import AlternatingLeastSquares

    alpha, penalty = weights
    with threadpool_limits(1, user_api="blas"):  # as implicit asks: its own threads call BLAS
        model = AlternatingLeastSquares(
            FACTORS, alpha=alpha, regularization=penalty, random_state=task.seed, num_threads=task.threads
        )
        model.fit(_counts(task.split.train.histories(), task), show_progress=False)

    def scores(histories: Histories) -> np.ndarray:
        users = np.arange(len(histories))
        return model.recalculate_user(users, _counts(histories, task)) @ model.item_factors.T

    return scores


def _counts(histories: Histories, task: Task) -> sparse.csr_matrix:
    """(n, n_items) how often each history holds each item, as the matrix that implicit takes."""
    table = sparse.csr_matrix(seen_table(list(histories), task.split.train.n_items))
    table.sum_duplicates()
    return table


def item_knn(task: Task) -> tuple[Lists, str]:
    """LensKit's item-kNN on implicit feedback; it recommends nothing that has no neighbour in the history."""
    from lenskit.data import ItemList, RecQuery, from_interactions_df
    from lenskit.knn.item import ItemKNNScorer

    data = from_interactions_df(_events(task.split.train.histories()).drop_duplicates(["user_id", "item_id"]))
    scorer = ItemKNNScorer(max_nbrs=20, feedback="implicit")
    scorer.train(data)
    known = data.items.ids().astype(np.int64)
    candidates = ItemList(item_ids=known)

    def scores(histories: Histories) -> np.ndarray:
        values = np.full((len(histories), task.split.train.n_items), -np.inf, np.float32)
        for row, history in zip(values, histories, strict=True):
            found = scorer(RecQuery(user_items=ItemList(item_ids=np.unique(history))), candidates).scores()
            row[known] = np.nan_to_num(found, nan=-np.inf)
        return values

    return partial(task.lists, scores), "20 neighbours"


def sasrec(task: Task) -> tuple[Lists, str]:
    """RecTools' SASRec with full softmax."""
    import torch
    from rectools.dataset import Dataset
    from rectools.models import SASRecModel

    torch.set_num_threads(task.threads)
    torch.manual_seed(task.seed)
    model = SASRecModel(**SASREC, deterministic=True)
    model.fit(Dataset.construct(_events(task.split.train.histories())))

    def lists(histories: Histories) -> np.ndarray:
        shown = _events(histories)
        found = model.recommend(
            shown["user_id"].unique(), Dataset.construct(shown), DEPTH, task.drop, on_unsupported_targets="ignore"
        )
        codes = np.full((len(histories), DEPTH), -1)
        codes[found["user_id"], found["rank"] - 1] = found["item_id"]
        return codes

    return lists, ", ".join(f"{name} {value}" for name, value in SASREC.items())


def _events(histories: Sequence[np.ndarray]) -> pd.DataFrame:
    """The histories as LensKit and RecTools take them: user_id, item_id, weight, datetime."""
    lengths = [len(history) for history in histories]
    places = np.concatenate([np.arange(length) for length in lengths])
    return pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(len(histories)), lengths),
            "item_id": np.concatenate(histories).astype(np.int64),
            "weight": 1.0,
            "datetime": pd.Timestamp(0) + pd.to_timedelta(places, unit="s"),
        }
    )


PEERS: dict[str, Fit] = {
    "implicit BM25": bm25,
    "implicit ALS": als,
    "implicit ALS tuned": tuned_als,
    "LensKit item-kNN": item_knn,
    "RecTools SASRec": sasrec,
}
LIBRARIES = {  # what each imports, so that the imports are not timed as training
    "implicit BM25": ("implicit.nearest_neighbours",),
    "implicit ALS": ("implicit.cpu.als",),
    "implicit ALS tuned": ("implicit.cpu.als",),
    "LensKit item-kNN": ("lenskit.data", "lenskit.knn.item"),
    "RecTools SASRec": ("torch", "rectools.dataset", "rectools.models"),
    NEXT_ITEM: ("numba", "scipy.optimize"),
}


def import_libraries(name: str) -> None:
    """Import what the recommender of this name needs. Raises LeftOut where it is not installed."""
    try:
        for module in LIBRARIES.get(name, ()):
            import_module(module)
    except ImportError as error:
        raise LeftOut(f"{error}") from None
