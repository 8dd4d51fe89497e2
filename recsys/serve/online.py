"""Several recommenders asked for the same users: how good their answers are, and how soon they come."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys import metrics
from recsys.columns import ITEM_ID, TIMESTAMP, USER_ID
from recsys.errors import DataError

LENGTH = 10
POPULARITY = "popularity"

Ask = Callable[[str], list[str]]  # a user's recommended item ids, best first


@dataclass(frozen=True)
class OnlineComparison:
    """What came out.

    table: columns name, metric, mean, low, high (95 % interval over users), a row per recommender and metric, and those
    of what is popular; the metrics are NDCG@10 and hit rate@10. milliseconds: name -> of each answer, (n_users,).
    leads: name -> lead of the first's NDCG@10 over that one's, user by user.
    """

    table: pd.DataFrame
    milliseconds: dict[str, np.ndarray]
    leads: dict[str, metrics.Interval]

    def verdict(self) -> str:
        """A line for each of the others: whether the first is shown to be better or worse, and the lead."""
        first = self.table["name"].iloc[0]
        return "\n".join(f"{first} {_shown(lead)} {over}: NDCG@10 {lead.signed()}" for over, lead in self.leads.items())


def held_out_items(held_back: pd.DataFrame, known: pd.DataFrame, most: int, seed: int) -> dict[str, list[str]]:
    """What up to `most` users did later: user -> item ids, of users and items in `known`.

    Both tables have USER_ID, ITEM_ID, TIMESTAMP. Raises DataError where there is no such user.
    """
    fit = held_back[USER_ID].isin(known[USER_ID].unique()) & held_back[ITEM_ID].isin(known[ITEM_ID].unique())
    later = held_back[fit].sort_values(TIMESTAMP, kind="stable")
    found = later.groupby(USER_ID)[ITEM_ID].agg(lambda items: list(dict.fromkeys(items)))
    if found.empty:
        raise DataError(
            "held_out_items: no user of these held-back events is known to training; raise data.test_share, or lower "
            "stream.replay_users"
        )
    drawn = found.sample(min(most, len(found)), random_state=seed)
    return {str(user): items for user, items in drawn.sort_index().items()}


def hits(later: Mapping[str, list[str]], shown: list[str]) -> np.ndarray:
    """How many of the items `shown` to everybody each user took later: (n_users,)."""
    return np.array([len(set(shown).intersection(items)) for items in later.values()])


def compare_online(
    recommenders: Mapping[str, Ask], later: Mapping[str, list[str]], popular: list[str], seed: int, samples: int
) -> OnlineComparison:
    """Ask each recommender for each user in turn, one at a time, and hold the answers against what they did later.

    Each is asked once before, as the first question opens a connection.
    `popular` is what everybody would be shown without a recommender: item ids, best first.
    """
    answers: dict[str, list[list[str]]] = {name: [] for name in recommenders}
    took: dict[str, list[float]] = {name: [] for name in recommenders}
    for ask in recommenders.values():
        ask(next(iter(later)))
    for user in later:
        for name, ask in recommenders.items():
            started = time.perf_counter()
            answers[name].append(ask(user)[:LENGTH])
            took[name].append(1000 * (time.perf_counter() - started))
    answers[POPULARITY] = [popular[:LENGTH]] * len(later)
    codes = {item: code for code, item in enumerate(dict.fromkeys(item for items in later.values() for item in items))}
    targets = [np.array([codes[item] for item in items]) for items in later.values()]
    rows, gains = [], {}
    for name, lists in answers.items():
        found = _table(lists, codes)
        vectors = {
            "NDCG@10": metrics.ndcg_at(found, targets, LENGTH),
            "hit rate@10": metrics.hit_rate_at(found, targets, LENGTH),
        }
        gains[name] = vectors["NDCG@10"]
        for metric, values in vectors.items():
            mean, low, high = metrics.bootstrap(values, seed=seed, samples=samples)
            rows.append({"name": name, "metric": metric, "mean": mean, "low": low, "high": high})
    first, *others = gains
    leads = {name: metrics.bootstrap(gains[first] - gains[name], seed=seed, samples=samples) for name in others}
    return OnlineComparison(pd.DataFrame(rows), {name: np.array(times) for name, times in took.items()}, leads)


def _shown(lead: metrics.Interval) -> str:
    if lead.low == lead.high == 0:
        return "does for every user as well as"
    if lead.low > 0:
        return "is better than"
    return "is worse than" if lead.high < 0 else "is not shown to be better than"


def _table(lists: list[list[str]], codes: dict[str, int]) -> np.ndarray:
    """Codes, (n_users, 10); -1 where a list ends, and for an item that nobody took."""
    table = np.full((len(lists), LENGTH), -1, dtype=np.int64)
    for row, items in zip(table, lists, strict=True):
        row[: len(items)] = [codes.get(item, -1) for item in items]
    return table
