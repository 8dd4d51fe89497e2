"""The sample shop and its ground truth: what a user would click next, and with what probability.

The chain. A click follows one of five urges, each with a fixed share; one that cannot be followed (no history yet, the
item is not on sale yet) leaves its share to the last:
    last       a typical follower of the item clicked last (a sparse item-to-item table: the order in the data)
    before     a typical follower of the item clicked before that
    category   a category that goes with the last item's category, then any item in it
    revisit    one of the user's own five latest clicks
    taste      a category the user likes at that time of their life and of the year, then any item in it
"Any item" is drawn by the user's price band, the item's attraction and its novelty, among the items on sale that week.
A click may be followed by the purchase of the clicked item (`purchase_probabilities`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.columns import ITEM_ID, USER_ID
from recsys.errors import DataError

WEEK = 7 * 86_400
RECENT = 5
NOVELTY_WEEKS = 4.0
URGES = ("last", "before", "category", "revisit", "taste")
SHARES = {  # the share of each urge; a click that opens a session depends less on what came before
    False: np.array([0.40, 0.10, 0.15, 0.05, 0.30]),
    True: np.array([0.16, 0.04, 0.08, 0.10, 0.62]),
}
FOLLOWER_WEIGHTS = np.array([0.34, 0.24, 0.17, 0.12, 0.08, 0.05])


@dataclass(frozen=True)
class Truth:
    """The tables the shop is simulated from; K categories, 3 price bands, W weeks."""

    start: np.ndarray  # () int64, epoch seconds of the first Monday
    category: np.ndarray  # (n_items,) int16
    band: np.ndarray  # (n_items,) int8
    attraction: np.ndarray  # (n_items,) float64, a long tail
    born: np.ndarray  # (n_items,) int32, week the item goes on sale, 0 and below: from the start
    followers: np.ndarray  # (n_items, 6) int32, item codes, likeliest first, weights FOLLOWER_WEIGHTS
    goes_with: np.ndarray  # (K, K) float64, rows sum to 1
    season: np.ndarray  # (W, K) float64
    taste_first: np.ndarray  # (n_users, K) float64, taste in the first week, rows sum to 1
    taste_last: np.ndarray  # (n_users, K) float64, taste in the last week
    bands: np.ndarray  # (n_users, 3) float64, rows sum to 1
    buying: np.ndarray  # (n_users,) float64, how easily the user buys

    @property
    def weeks(self) -> int:
        return len(self.season)

    def week(self, at: np.ndarray | int) -> np.ndarray:
        """Week of the shop's life at `at` (epoch seconds); times outside it count as its first or last week."""
        return np.clip((np.asarray(at) - int(self.start)) // WEEK, 0, self.weeks - 1)

    def tastes(self, users: np.ndarray, weeks: np.ndarray) -> np.ndarray:
        """Category probabilities (n, K) of `users` (n,) in `weeks` (n,): a straight drift, times the season."""
        progress = (weeks / max(self.weeks - 1, 1))[:, None]
        mixed = (1 - progress) * self.taste_first[users] + progress * self.taste_last[users]
        mixed *= self.season[weeks]
        return mixed / mixed.sum(axis=1, keepdims=True)

    def appeal(self, week: int) -> np.ndarray:
        """How strongly each item (n_items,) attracts in that week; 0 before it is on sale."""
        age = week - self.born
        novelty = np.where(self.born > 0, np.exp(-np.maximum(age, 0) / NOVELTY_WEEKS), 0.0)
        return np.where(age >= 0, self.attraction * (1 + novelty), 0.0)

    def purchase_probabilities(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Probability (n,) that `users` (n,) buy the `items` (n,) they have just clicked."""
        return np.minimum(0.24 * self.buying[users] * self.bands[users, self.band[items]], 0.9)


@dataclass(frozen=True)
class Shop:
    """Three tables, the truth they were drawn from, and answers to what would have happened next."""

    interactions: pd.DataFrame
    items: pd.DataFrame
    users: pd.DataFrame
    truth: Truth

    @cached_property
    def item_ids(self) -> np.ndarray:
        """(n_items,) str; the order of every vector of probabilities."""
        return self.items[ITEM_ID].to_numpy(dtype=object)

    @cached_property
    def _item_codes(self) -> pd.Index:
        return pd.Index(self.items[ITEM_ID])

    @cached_property
    def _user_codes(self) -> pd.Index:
        return pd.Index(self.users[USER_ID])

    def next_probabilities(self, user: str, history: Sequence[str], at: int, new_session: bool = False) -> np.ndarray:
        """Probability (n_items,) that the user's next click is each item; sums to 1.

        `history` holds the item ids clicked so far, oldest first; `at` is in epoch seconds; `new_session` says that the
        click opens a session. Raises DataError for an unknown user or item.
        """
        truth, week = self.truth, int(self.truth.week(at))
        code = int(_codes(self._user_codes, [user], "user")[0])
        seen = _codes(self._item_codes, history, "item")
        appeal = truth.appeal(week)
        within = _within_groups(truth, appeal, truth.bands[code])
        shares = dict(zip(URGES, SHARES[new_session], strict=True))
        chance = np.zeros(len(appeal))
        if len(seen) >= 1:
            chance += shares["last"] * _following(truth, seen[-1], appeal)
            chance += shares["category"] * truth.goes_with[truth.category[seen[-1]]][truth.category] * within
            np.add.at(chance, seen[-RECENT:], shares["revisit"] / len(seen[-RECENT:]))
        if len(seen) >= 2:
            chance += shares["before"] * _following(truth, seen[-2], appeal)
        taste = truth.tastes(np.array([code]), np.array([week]))[0][truth.category] * within
        return chance + (1 - chance.sum()) * taste

    def purchase_probability(self, user: str, item: str) -> float:
        """Probability that the user buys the item after clicking it. Raises DataError for an unknown user or item."""
        users, items = _codes(self._user_codes, [user], "user"), _codes(self._item_codes, [item], "item")
        return float(self.truth.purchase_probabilities(users, items)[0])

    def save(self, folder: Path) -> None:
        """Write the three tables as Parquet and the truth as `truth.npz`; made for `Shop.load`."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("interactions", "items", "users"):
            getattr(self, name).to_parquet(folder / f"{name}.parquet", index=False)
        np.savez(folder / "truth.npz", **{field.name: getattr(self.truth, field.name) for field in fields(Truth)})

    @classmethod
    def load(cls, folder: Path) -> "Shop":
        """Read what `save` wrote. Raises DataError if a file is missing."""
        folder, names = Path(folder), ("interactions", "items", "users")
        missing = [
            name for name in (*(f"{each}.parquet" for each in names), "truth.npz") if not (folder / name).exists()
        ]
        if missing:
            raise DataError(f"{folder}: not a saved shop, {missing[0]} is missing; make one with Shop.save")
        tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in names}
        with np.load(folder / "truth.npz") as stored:
            truth = Truth(**{field.name: stored[field.name] for field in fields(Truth)})
        return cls(**tables, truth=truth)


def _following(truth: Truth, item: int, appeal: np.ndarray) -> np.ndarray:
    """(n_items,) weights of the followers on sale; sums to less than 1 when some are not."""
    weights = np.zeros(len(appeal))
    followers = truth.followers[item]
    np.add.at(weights, followers, FOLLOWER_WEIGHTS * (appeal[followers] > 0))
    return weights


def _within_groups(truth: Truth, appeal: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """(n_items,) probability of each item given that its category is chosen: band, then appeal within the group."""
    group = truth.category.astype(np.int64) * len(bands) + truth.band
    totals = np.bincount(group, weights=appeal)
    return bands[truth.band] * appeal / totals[group]


def _codes(index: pd.Index, ids: Sequence[str], kind: str) -> np.ndarray:
    codes = index.get_indexer(list(ids))
    if (codes < 0).any():
        raise DataError(f"{kind} {list(ids)[int(np.argmax(codes < 0))]!r} is not in this shop")
    return codes
