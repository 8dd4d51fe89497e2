"""What is known of a user at a moment: metadata, how active they are with items, and which items."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
from scipy import sparse

from recsys.models.actions.log import ActionLog
from recsys.models.content.items import ItemContent
from recsys.models.content.metadata import Metadata
from recsys.models.low_rank import low_rank
from recsys.models.sequences import Sequences, touched_table

TASTES = 16  # dimensions of taste
NEWEST = 20  # item interactions that make it
COLUMNS = 256  # metadata columns that count, those that most users have a value in
DAY = 86_400


class UserState:
    """A user's vector in three parts: metadata, two numbers of activity, and a taste.

    Activity is log(1 + item interactions) of the last `days` and of all time. Taste is the mean of the last NEWEST
    items' vectors, which are alike where the same users touched them. A part is absent where there is no data for it.
    """

    def __init__(self, metadata: Metadata, columns: np.ndarray, item_ids: np.ndarray, tastes: np.ndarray, days: int):
        self.metadata, self.columns, self.item_ids, self.tastes, self.days = metadata, columns, item_ids, tastes, days
        self._code_of = {item: code for code, item in enumerate(item_ids)}

    @classmethod
    def fit(cls, users: ItemContent | None, items: Sequences | None, days: int, threads: int = 1) -> Self:
        """Learn the item vectors from all users' item interactions; `users` holds the metadata, of which text is not
        used.
        """
        metadata = users.metadata if users else Metadata({}, {})
        filled = users.rows.sparse.count_nonzero(axis=0) if users else np.empty(0)
        columns = np.sort(np.argsort(-filled, kind="stable")[:COLUMNS])
        if items is None:
            return cls(metadata, columns, np.empty(0, object), np.empty((0, 0), np.float32), days)
        touched = touched_table(items)
        popular = np.maximum(1, touched.sum(axis=0))
        tastes = low_rank([sparse.csr_array((touched / np.sqrt(popular)).T)], TASTES, threads)
        lengths = np.linalg.norm(tastes, axis=1, keepdims=True)
        return cls(metadata, columns, items.item_ids, tastes / np.maximum(lengths, 1e-9), days)

    @property
    def width(self) -> int:
        return len(self.columns) + (2 + self.tastes.shape[1] if len(self.item_ids) else 0)

    def at_events(self, log: ActionLog, users: ItemContent | None, items: Sequences | None) -> sparse.csr_array:
        """(n, width) float32: the users of `log` as they were just before each of its events."""
        parts = [self._described(log, users)]
        if items is not None:
            parts.append(sparse.csr_array(self._acting(log, items)))
        return sparse.csr_array(sparse.hstack(parts, format="csr"), dtype=np.float32)

    def now(self, document: Mapping[str, Any], items: Iterable[str], times: Iterable[float], now: float) -> np.ndarray:
        """(width,) float32 of one user: metadata, and the ids and times of items touched; unknown ids are left out."""
        described = self.metadata.encode({name: [document.get(name)] for name in self.metadata.names}, 1)
        parts = [described.sparse.toarray().ravel()[self.columns]]
        if len(self.item_ids):
            touched = sorted(
                (time, self._code_of[i]) for i, time in zip(items, times, strict=True) if i in self._code_of
            )
            recent = sum(time >= now - self.days * DAY for time, _ in touched)
            newest = [code for _, code in touched[-NEWEST:]]
            parts += [np.log1p([recent, len(touched)]), self.tastes[newest].sum(axis=0) / max(1, len(newest))]
        return np.concatenate(parts).astype(np.float32)

    def _described(self, log: ActionLog, users: ItemContent | None) -> sparse.csr_array:
        if users is None:
            return sparse.csr_array((len(log.users), 0), dtype=np.float32)
        row_of = {user: row for row, user in enumerate(users.item_ids)}
        rows = np.array([row_of.get(user, len(row_of)) for user in log.user_ids], np.int64)
        table = sparse.vstack([users.rows.sparse, sparse.csr_array((1, users.rows.sparse.shape[1]))], format="csr")
        return sparse.csr_array(table[rows[log.users]][:, self.columns])

    def _acting(self, log: ActionLog, items: Sequences) -> np.ndarray:
        """(n, 2 + TASTES): activity and taste before each event, zeros for a user without item interactions."""
        code_of = {user: code for code, user in enumerate(items.user_ids)}
        users = np.array([code_of.get(user, -1) for user in log.user_ids], np.int64)[log.users]
        known, starts = users >= 0, items.offsets[users]
        ends = np.where(known, _events_until(items, users, log.times), starts)
        since = np.where(known, _events_until(items, users, log.times - self.days * DAY), starts)
        sums = np.cumsum(self.tastes[items.codes], axis=0, dtype=np.float64)
        total = np.concatenate([np.zeros((1, sums.shape[1])), sums])
        first = np.maximum(starts, ends - NEWEST)
        taste = (total[ends] - total[first]) / np.maximum(1, ends - first)[:, None]
        return np.hstack([np.log1p(np.stack([ends - since, ends - starts], axis=1)), taste])


def _events_until(items: Sequences, users: np.ndarray, times: np.ndarray) -> np.ndarray:
    """For each (user, time), the place in `items` after the user's last event before that time."""
    least = min(items.times.min(), times.min())
    span = max(items.times.max(), times.max()) - least + 1
    return np.searchsorted(items.users * span + items.times - least, users * span + times - least, side="left")
