"""Similar items: shown one event of a user nobody has seen, and nothing else, which other items will they touch?"""

import numpy as np

from benchmarks.protocols.data import BATCH, Data
from benchmarks.recommenders import NEXT_ITEM
from benchmarks.tables import Table, compared
from benchmarks.tuning import DEPTH, Scores
from recsys import metrics
from recsys.models import Sequences
from recsys.models.topk import top_k

SOON = 10  # events that come soon after one
NAMES = (
    "popularity",
    "item similarity",
    "similar items",
    "similar items, metadata",
    "semantic similarity",
    "EASE",
    "implicit cosine",
    "implicit BM25",
    NEXT_ITEM,
)


def similar(data: Data) -> list[Table]:
    """Ours is `similar items`, with metadata where there are any."""
    fits, test = data.held
    users, asked, following, soon = pairs(test)
    items = [np.array([code]) for code in range(test.n_items)]
    values = {}
    for name, scores in fits.scores(NAMES).items():
        lists = np.concatenate([beside(scores, items[at : at + BATCH]) for at in range(0, len(items), BATCH)])[asked]
        values[name] = {
            "NDCG@10, the next": per_user(metrics.ndcg_at(lists, following, 10), users),
            "MRR@25, the next": per_user(metrics.reciprocal_rank(lists, following, DEPTH), users),
            f"NDCG@10, the next {SOON}": per_user(metrics.ndcg_at(lists, soon, 10), users),
        }
    about = (
        f"{len(asked):,} events of {len(np.unique(users)):,} users held out whole. Shown is the item of one event "
        f"alone; to be found is the next other item of that user, or all others among the next {SOON} events. One "
        "value a user."
    )
    ours = "similar items, metadata" if "similar items, metadata" in values else "similar items"
    return [compared("Similar items", about, values, ours, data.seed)]


def pairs(test: Sequences) -> tuple[np.ndarray, np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Of each event that another item follows soon: its user, its item, the next other one, and all other ones."""
    users, asked, following, soon = [], [], [], []
    for user, codes in enumerate(test.histories()):
        for place, code in enumerate(codes):
            after = codes[place + 1 : place + 1 + SOON]
            others = after[after != code]
            if len(others):
                users.append(user)
                asked.append(code)
                following.append(others[:1])
                soon.append(others)
    return np.array(users, np.int64), np.array(asked, np.int64), following, soon


def beside(scores: Scores, items: list[np.ndarray]) -> np.ndarray:
    """Lists (n, DEPTH) for histories of one item each, without that item."""
    found = np.array(scores(items), np.float32)
    found[np.arange(len(items)), np.concatenate(items)] = -np.inf
    return top_k(found, DEPTH)[0]


def per_user(values: np.ndarray, users: np.ndarray) -> np.ndarray:
    """The mean of values (n,) for each of the users (n,)."""
    counts = np.bincount(users)
    return np.bincount(users, values)[counts > 0] / counts[counts > 0]
