"""Ranking: given candidates, does what a new user really took come first?"""

import numpy as np

from benchmarks.protocols.data import BATCH, RETURNING, Data
from benchmarks.recommenders import NEXT_ITEM
from benchmarks.tables import Table, compared
from benchmarks.tuning import Histories, Scores
from recsys import metrics
from recsys.local.personalize.serving.exploration import draw
from recsys.models import Sequences
from recsys.models.next_item.returning import VISIT_SECONDS

NEGATIVES = 99
NAMES = ("popularity", "own frequency", "item similarity", "EASE", "implicit ALS", "implicit ALS tuned", NEXT_ITEM)


def ranking(data: Data) -> list[Table]:
    """The last item, or all of the last visit, among negatives, in the order of the user's interest."""
    fits, test = data.held
    counts = np.bincount(fits.train.codes, minlength=test.n_items)
    last, visit = cut(test, test.lengths - 1), cut(test, before_last_visit(test))
    found = {
        name: {"NDCG@10": ndcg(scores, *visit, counts, data.seed)}
        for name, scores in fits.scores((*NAMES, RETURNING)).items()
    }
    users = f"{len(last[0]):,} users held out whole; {NEGATIVES} others, drawn by their events"
    return [
        compared(
            "Ranking: the next item",
            f"{users}, or all alike. To be found is the user's last item.",
            {
                name: {
                    "NDCG@10, by events": ndcg(scores, *last, counts, data.seed),
                    "NDCG@10, all alike": ndcg(scores, *last, np.ones(test.n_items), data.seed),
                }
                for name, scores in fits.scores(NAMES).items()
            },
            NEXT_ITEM,
            data.seed,
        ),
        compared(
            "Ranking: the next visit",
            f"Of {users}. To be found are all items of the last visit of the {len(visit[0]):,} with an earlier one, "
            f"from what came before it; {VISIT_SECONDS / 60:g} minutes without an event end a visit.",
            found,
            RETURNING if RETURNING in found else NEXT_ITEM,
            data.seed,
        ),
    ]


def ndcg(
    scores: Scores, shown: list[np.ndarray], wanted: list[np.ndarray], weights: np.ndarray, seed: int
) -> np.ndarray:
    """NDCG@10 (n,) of what is wanted among candidates, the same for every model."""
    offered = candidates(wanted, weights, np.random.default_rng(seed))
    return metrics.ndcg_at(reranked(scores, shown, offered), wanted, 10)


def cut(test: Sequences, ends: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Histories of the first `ends` (n_users,) events and the distinct items after them, of users with any before."""
    able = np.flatnonzero(ends > 0)
    pairs = [np.split(test.history(user), [ends[user]]) for user in able]
    return [before for before, _ in pairs], [np.unique(after) for _, after in pairs]


def before_last_visit(test: Sequences) -> np.ndarray:
    """(n_users,) how many events come before each user's last visit."""
    starts = (np.diff(test.times, prepend=test.times[:1]) > VISIT_SECONDS) | (test.positions == 0)
    before = np.zeros(test.n_users, np.int64)
    np.maximum.at(before, test.users[starts], test.positions[starts])
    return before


def candidates(wanted: list[np.ndarray], weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n, m) codes: what is wanted and NEGATIVES others drawn by weights (n_items,), shuffled; -1 at the end."""
    offered = np.full((len(wanted), NEGATIVES + max(map(len, wanted), default=0)), -1)
    for row, codes in zip(offered, wanted, strict=True):
        others = np.setdiff1d(np.flatnonzero(weights), codes)
        drawn = others[draw(weights[others], NEGATIVES, rng)]
        row[: len(codes) + len(drawn)] = rng.permutation(np.concatenate([codes, drawn]))
    return offered


def reranked(scores: Scores, histories: Histories, offered: np.ndarray) -> np.ndarray:
    """The candidates (n, m) of each history, best first."""
    spans = [slice(at, at + BATCH) for at in range(0, len(histories), BATCH)]
    values = np.concatenate([np.take_along_axis(scores(histories[span]), offered[span], 1) for span in spans])
    order = np.argsort(np.where(offered < 0, np.inf, -values), axis=1, kind="stable")
    return np.take_along_axis(offered, order, 1)
