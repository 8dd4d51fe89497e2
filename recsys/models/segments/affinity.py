"""aws-item-affinity and aws-item-attribute-affinity: which users want an item, or any of a group of items."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Self

import numpy as np
from scipy import sparse

from recsys.errors import ModelError
from recsys.models.base import BATCH_SCORES, Model
from recsys.models.next_item.model import NextItem
from recsys.models.protocol import newest_fifth
from recsys.models.segments.evaluation import Query, Segments
from recsys.models.sequences import Interactions, Sequences, id_text, seen_table, sequences_of
from recsys.models.storage import Stored, as_bytes, from_bytes

ACTIVITIES, REPEATS = (0.0, 0.5, 1.0), (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Habits:
    """affinity = length ^ activity * ((1 - repeats) * chance + repeats * own share), for one user and one query.

    chance: the softmax probability that the user's next item is among the query's. own share: the part of the user's
    events so far that were. length: the number of those events. With 0 and 0 the affinity is the chance; with
    activity 1 it is an expected number of events, which favours users who do much; with 1 and 1 it is what the user did
    with these items so far. AWS ranks users by "the probability that each user will interact with items" and does not
    say over how long.
    """

    activity: float = 0.0
    repeats: float = 0.0

    def affinities(self, chances: np.ndarray, own: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """(n_queries, n_users) float32 from chances and own shares of that shape and lengths (n_users,)."""
        mixed = (1 - self.repeats) * chances + self.repeats * own
        return (lengths**self.activity * mixed).astype(np.float32)


class UserAffinity(Model):
    """A next-item model and the histories of its users: who wants these items most.

    user_ids: (n_users,) str. The scores of a history are those of the next-item model. Like AWS's segments it knows
    what was there in training.

    >>> import pandas as pd
    >>> kinds = {user: "saw" if user % 5 == 0 else "tea" for user in range(50)}
    >>> rows = [(user, f"{kind}{step * (user % 7 + 1) % 4}", step) for user, kind in kinds.items() for step in range(8)]
    >>> model = UserAffinity.fit(pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"]), budget=0)
    >>> (affinity,) = model.affinities([model.encode(["saw0", "saw1"])])  # either of these items
    >>> sorted(model.user_ids[np.argsort(-affinity)[:4]])
    ['10', '15', '40', '45']
    """

    empty_logarithmic = True

    @classmethod
    def fit(cls, interactions: Interactions, queries: Sequence[Query] | None = None, **options: Any) -> Self:
        """Fit a NextItem with these options, then choose how much activity and repeats tell.

        Raises ModelError for the options items and users, as it knows only who and what was there.
        """
        if odd := sorted({"items", "users"} & set(options)):
            raise ModelError(f"a UserAffinity knows nothing but its interactions: leave {' and '.join(odd)} out")
        seqs = sequences_of(interactions)
        return cls.of(NextItem.fit(seqs, **options), seqs, options.get("seed", 0), options.get("threads", 2), queries)

    @classmethod
    def of(
        cls,
        next_item: NextItem,
        seqs: Sequences,
        seed: int = 0,
        threads: int = 2,
        queries: Sequence[Query] | None = None,
    ) -> Self:
        """The affinities of the users of `seqs`, by a model that was fitted on them.

        Activity and repeats are those of the best segments for the newest fifth of each user's events, asked of a
        second model of the same settings that has not seen them. queries: what segments will be asked for, single items
        by default; whoever wants any of many items is told by what they did, who wants one by what they are like.
        """
        held = newest_fifth(seqs)
        segments = Segments.of(held.targets, seqs.n_items, queries, seed)
        if not segments.queries:
            return cls._of(next_item, seqs.user_ids, seqs.offsets, seqs.codes, Habits(), next_item.trials)
        earlier = NextItem.fit(held.train, seed, threads, settings=next_item.chosen)
        train = held.train
        parts = cls._of(earlier, train.user_ids, train.offsets, train.codes, Habits(), [])._parts(segments.queries)
        grid = [Habits(activity, repeats) for repeats, activity in product(REPEATS, ACTIVITIES)]
        trials = [(segments.recall(habits.affinities(*parts)), habits) for habits in grid]
        best = max(trials, key=lambda trial: trial[0])[1]
        told = [{"settings": asdict(habits), "recall": recall} for recall, habits in trials]
        return cls._of(next_item, seqs.user_ids, seqs.offsets, seqs.codes, best, [*next_item.trials, *told])

    @classmethod
    def _of(
        cls,
        next_item: NextItem,
        user_ids: np.ndarray,
        offsets: np.ndarray,
        codes: np.ndarray,
        habits: Habits,
        trials: list[dict[str, Any]],
    ) -> Self:
        model = cls(next_item.item_ids, {**next_item.settings, **asdict(habits)}, trials, next_item.temperature)
        model.next_item, model.habits, model.logarithmic = next_item, habits, next_item.logarithmic
        model.user_ids, model.offsets, model.codes = user_ids, offsets, codes
        return model

    def affinities(self, queries: Sequence[Query]) -> np.ndarray:
        """(n_queries, n_users) float32: how much each user wants any of the items of each query, in no certain unit.

        Users are scored a few at a time, so that memory stays bounded beside the answer; many queries at once cost
        little more than one.
        """
        return self.habits.affinities(*self._parts(queries))

    def without(self, users: Collection[str]) -> Self:
        """The same model, which no longer knows these users, nor their histories among the neighbours of others.

        Raises ModelError for a single id that is in no list.
        """
        if isinstance(users, str):
            raise ModelError(f"without() takes a list of users, not {users!r}: put it in a list")
        gone, lengths = {id_text(user) for user in users}, np.diff(self.offsets)
        stays = np.array([user not in gone for user in self.user_ids], bool)
        offsets = np.concatenate([[0], np.cumsum(lengths[stays])])
        kept = np.repeat(stays, lengths)
        next_item = self.next_item.keep_events(kept)
        return self._of(next_item, self.user_ids[stays], offsets, self.codes[kept], self.habits, self.trials)

    def _parts(self, queries: Sequence[Query]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Chances and own shares (n_queries, n_users) float32, and lengths (n_users,)."""
        asked = self._asked(queries)
        chances, own = np.empty((2, len(queries), len(self.user_ids)), np.float32)
        lengths = np.diff(self.offsets).astype(np.float32)
        rows = max(1, BATCH_SCORES // len(self.item_ids))
        for start in range(0, len(self.user_ids), rows):
            span = slice(start, min(start + rows, len(self.user_ids)))
            batch = [self.codes[self.offsets[user] : self.offsets[user + 1]] for user in range(span.start, span.stop)]
            chances[:, span] = asked @ self._chances(batch).T
            own[:, span] = (asked @ seen_table(batch, len(self.item_ids)).T).toarray() / np.maximum(1, lengths[span])
        return chances, own, lengths

    def _asked(self, queries: Sequence[Query]) -> sparse.csr_array:
        """(n_queries, n_items) float32, 1 for the items of each query."""
        return seen_table([np.unique(self._checked(query)) for query in queries], len(self.item_ids))

    def _chances(self, histories: list[np.ndarray]) -> np.ndarray:
        """(n, n_items) float32, each row a softmax at the fitted temperature."""
        scores = self._score_batch(histories)
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores / np.float32(self.temperature), out=scores)
        scores /= scores.sum(axis=1, keepdims=True)
        return scores

    def _score_batch(self, histories: list[np.ndarray]) -> np.ndarray:
        return self.next_item._score_batch(histories)

    def _arrays(self) -> dict[str, np.ndarray]:
        users = {"user_ids": as_bytes(list(self.user_ids)), "offsets": self.offsets, "codes": self.codes}
        return self.next_item._arrays() | users

    def _meta(self) -> dict[str, Any]:
        return {**super()._meta(), "habits": asdict(self.habits)}

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        arrays, meta = stored.arrays, stored.meta
        user_ids = np.array(from_bytes(arrays["user_ids"]), dtype=object)
        habits = Habits(**meta["habits"])
        next_item = NextItem._restore(stored)
        return cls._of(next_item, user_ids, arrays["offsets"], arrays["codes"], habits, meta["trials"])
