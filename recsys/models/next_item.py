"""The closed-form linear next-item model: user-personalization and personalized-ranking.

    score = x B + own_weight * (the user's own item shares) + popularity_weight * (popularity) / (1 + length)

x is the decayed history and B = (G + lambda I)^-1 C the ridge regression of what comes next on it, over all training
positions: Steck's EASE (2019) and Choi's SLIST (2021) with order. The model answers from the history alone: a new user
needs no training and an event counts at once.
"""

from typing import Any, Self

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys.models.base import Model
from recsys.models.blend import Blend
from recsys.models.features import decayed
from recsys.models.gram import history_weights
from recsys.models.popularity import unique_users
from recsys.models.regression import Regression
from recsys.models.sequences import Sequences
from recsys.models.settings import Settings
from recsys.models.storage import Stored
from recsys.models.tuning import Report, tune

THREADED_ITEMS = 2_000  # smaller systems wait longer for a second thread than it saves them


class NextItem(Model):
    """Scores what comes next after a history; `settings` tells what the held-out users chose."""

    @classmethod
    def fit(
        cls,
        seqs: Sequences,
        seed: int = 0,
        threads: int = 2,
        report: Report | None = None,
        budget: float = 15.0,
        settings: Settings | None = None,
    ) -> Self:
        """Choose the settings on held-out training users, then train on all.

        report: called with each trial (settings, ndcg, seconds). budget: seconds of tuning on two ordinary cores,
        counted in work and not by the clock, so that a seed gives one model. settings: use these and only fit the
        temperature.
        """
        with threadpool_limits(threads if seqs.n_items >= THREADED_ITEMS else 1, user_api="blas"):
            tuned = tune(seqs, seed, report or (lambda trial: None), budget, settings)
            table = Regression(seqs).coefficients(tuned.settings)
        return cls._of(seqs.item_ids, table, unique_users(seqs), tuned.settings, tuned.trials, tuned.temperature)

    @classmethod
    def _of(
        cls,
        item_ids: np.ndarray,
        table: np.ndarray | sparse.csr_array,
        popularity: np.ndarray,
        settings: Settings,
        trials: list[dict[str, Any]],
        temperature: float,
    ) -> Self:
        model = cls(item_ids, settings.as_dict(), trials, temperature)
        model.table, model.popularity, model.chosen = table, popularity, settings
        model._weights = history_weights(settings.length, settings.decay)
        model._blend = Blend(popularity, temperature)
        return model

    def _score_batch(self, histories: list[np.ndarray]) -> np.ndarray:
        events = decayed(histories, self._weights)
        if len(histories) == 1 and not sparse.issparse(self.table):
            scores = (events.values @ self.table[events.codes])[None]  # a third of the time of a sparse product
        else:
            scores = events.table(len(self.item_ids)) @ self.table
        scores = scores.toarray() if sparse.issparse(scores) else scores
        return self._blend.add(scores, histories, self.chosen)

    def _arrays(self) -> dict[str, np.ndarray]:
        if not sparse.issparse(self.table):
            return {"table": self.table, "popularity": self.popularity}
        return {
            "data": self.table.data,
            "indices": self.table.indices,
            "indptr": self.table.indptr,
            "popularity": self.popularity,
        }

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        arrays, meta, n = stored.arrays, stored.meta, len(stored.item_ids)
        if "table" in arrays:
            table = np.asarray(arrays["table"])
        else:
            table = sparse.csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), shape=(n, n))
        settings = Settings.from_dict(meta["settings"])
        return cls._of(stored.item_ids, table, arrays["popularity"], settings, meta["trials"], meta["temperature"])
