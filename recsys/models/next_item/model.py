"""The closed-form linear next-item model: user-personalization and personalized-ranking.

    s = (x B + own_weight * (the user's own item shares) + popularity_weight * (popularity) / (1 + length))
        * (how much more than usual an item is wanted now) ^ trend
    score = s + reward, or log s + twin_weight * twin + neighbour_weight * neighbours + reward

x is the history on several time scales and B the ridge regression (G + lambda I)^-1 C of what comes next on x over all
training positions, which is Steck's EASE (2019) and Choi's SLIST (2021) with order. Where held-out users say so, its
softmax twin and the nearest neighbours among all histories stand beside it, pooled by their logarithms; the twin is a
second table of the size of B. A served entry takes a byte, the neighbours 12 bytes an event, 16 where events weigh
differently. The model answers from the history alone: a new user needs no training and an event counts at once.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys.errors import ModelError
from recsys.models.base import Model
from recsys.models.cold.model import ColdStart, learned
from recsys.models.content.items import Items
from recsys.models.next_item.blend import Blend, recent_demand
from recsys.models.next_item.features import Weighted, decayed
from recsys.models.next_item.gram import one_scale, scale_weights
from recsys.models.next_item.large import regression_of
from recsys.models.next_item.neighbours import Neighbours
from recsys.models.next_item.regression import Coefficients, product
from recsys.models.next_item.rows import Rows
from recsys.models.next_item.search import OnTrial
from recsys.models.next_item.settings import Settings
from recsys.models.next_item.tuning import Tuned, tune
from recsys.models.sequences import Interactions, Sequences, sequences_of, unique_users
from recsys.models.storage import Stored

if TYPE_CHECKING:
    import pandas as pd  # slow to import, and whoever only serves never needs it

PREFIX = "neighbours_"  # of their arrays on disk
THREADED_ITEMS = 2_000  # smaller systems wait longer for a second thread than it saves them


class NextItem(Model):
    """Scores what comes next after a history; `settings` tells what the held-out users chose."""

    empty_logarithmic = True

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        seed: int = 0,
        threads: int = 2,
        report: OnTrial | None = None,
        budget: float = 40.0,
        settings: Settings | Mapping[str, Any] | None = None,
        candidates: Sequence[Mapping[str, Any]] = ({},),
        reward: np.ndarray | None = None,
        goal: str = "next",
        measured: Sequence[dict[str, Any]] = (),
        items: Items | None = None,
        users: "pd.DataFrame | None" = None,
    ) -> Self | ColdStart:
        """Choose the settings on held-out training users, then train on all.

        interactions: a table with USER_ID, ITEM_ID and TIMESTAMP, or Sequences.
        seed: of all that is drawn; the same seed gives the same model. threads: of the training.
        report: called with each trial (settings, items, users, ndcg, seconds).
        budget: seconds of tuning on two ordinary cores, counted in work and not by the clock.
        settings: use these, as another model's `settings` or `chosen`, and only fit the temperature.
        candidates: settings of which one holds, whichever is best; each is tried, whatever the budget.
        reward: (n_items,) logarithms of what items are worth, by which their probabilities are multiplied.
        goal: what the settings are chosen for: the `next` event of a user; where a list is to serve for a while, the
            `newest` tenth of the events of users not seen before, as Amazon Personalize measures it; or what users do
            `later`, in the weeks after all that is known, as for a mailing.
        measured: the trials that were reported before the same call was cut short; they are neither made nor reported
            again, and the model is the one that an undisturbed call gives.
        items, users: tables with ITEM_ID or USER_ID and metadata, the former may be an ItemContent. With them comes a
            ColdStart that has the model inside: items without an event are recommended too, and `for_user` tells users
            without one by what is known of them.

        Raises ModelError for a table or settings that cannot be used, for a reward that is not one number per item, and
        where `measured` are of another call.
        """
        seqs = sequences_of(interactions)
        items = learned(seqs, items, users)
        if reward is not None and (np.shape(reward) != (seqs.n_items,) or not np.isfinite(reward).all()):
            raise ModelError(f"a reward of shape {np.shape(reward)} for {seqs.n_items} items: give each one number")
        with blas_threads(seqs, threads):
            tuned = tune(seqs, seed, report, budget, settings, candidates, goal, threads, measured=measured)
        model = cls.tuned(seqs, tuned, threads, reward)
        return model if items is None and users is None else ColdStart.of(model, items, seqs, users)

    @classmethod
    def tuned(cls, seqs: Sequences, tuned: Tuned, threads: int = 2, reward: np.ndarray | None = None) -> Self:
        """Trained on all, with settings that have been chosen."""
        with blas_threads(seqs, threads):
            table = regression_of(seqs, threads).coefficients(tuned.settings)
        table = Rows.of(table) if isinstance(table, np.ndarray) else table
        twin = Rows.of(tuned.twin.table()) if tuned.twin else None
        neighbours = Neighbours.of(seqs) if tuned.settings.neighbour_weight else None
        popularity = unique_users(seqs)
        recent = recent_demand(seqs) if tuned.settings.trend else None
        chosen = tuned.settings, tuned.trials, tuned.temperature
        return cls._of(seqs.item_ids, table, popularity, *chosen, reward, recent, twin, neighbours)

    @classmethod
    def _of(
        cls,
        item_ids: np.ndarray,
        table: Rows | Coefficients,
        popularity: np.ndarray,
        settings: Settings,
        trials: list[dict[str, Any]],
        temperature: float,
        reward: np.ndarray | None = None,
        recent: np.ndarray | None = None,
        twin: Rows | None = None,
        neighbours: Neighbours | None = None,
    ) -> Self:
        model = cls(item_ids, settings.as_dict(), trials, temperature)
        model.table, model.popularity, model.chosen = table, popularity, settings
        model.reward, model.recent = reward, recent
        model.twin, model.neighbours = twin, neighbours
        model.logarithmic = twin is not None or neighbours is not None
        rows = (table[0] if isinstance(table, tuple) else table).shape[0]
        weights = scale_weights(settings.decays, settings.length)
        model._weights = weights if rows > len(item_ids) else one_scale(weights)
        model._blend = Blend(popularity, temperature, reward, recent)
        return model

    def keep_events(self, mask: np.ndarray) -> Self:
        """The same model, among whose neighbours are only the events where `mask` (n_events,) is true.

        The events are those it was trained on, in their order; a user's stay or go together. What it has learned stays.
        """
        if self.neighbours is None:
            return self
        changed = copy(self)
        changed.neighbours = self.neighbours.keep_events(mask)
        return changed

    def _score_batch(self, histories: list[np.ndarray]) -> np.ndarray:
        return self.pooled(histories)

    def pooled(self, histories: list[np.ndarray], **beside: np.ndarray) -> np.ndarray:
        """Scores (n, n_items) float32 of checked histories, with what stands `beside` as `Blend.add` takes it."""
        events = decayed(histories, self._weights, len(self.item_ids))
        if self.twin is not None:
            beside["twin_weight"] = self._product(events, self.twin) + self._blend.log_share
        if self.neighbours is not None:
            beside["neighbour_weight"] = self.neighbours.logarithms(histories)
        return self._blend.add(self._product(events, self.table), histories, self.chosen, beside)

    def _product(self, events: Weighted, table: Rows | Coefficients) -> np.ndarray:
        """x B (n, n_items) float32."""
        if isinstance(table, Rows):
            return table.product(events)
        return product(events.table(len(self._weights) * len(self.item_ids)), table)

    def _arrays(self) -> dict[str, np.ndarray]:
        if isinstance(self.table, Rows):
            arrays = _row_arrays("table", self.table)
        else:
            *first, left, right = self.table
            arrays = {"left": left, "right": right}
            arrays |= {name: getattr(each, name) for each in first for name in ("data", "indices", "indptr")}
        if self.neighbours is not None:
            arrays |= {PREFIX + name: array for name, array in self.neighbours.arrays.items()}
        if self.twin is not None:
            arrays |= _row_arrays("twin", self.twin)
        others = {"popularity": self.popularity, "reward": self.reward, "lately": self.recent}
        return arrays | {name: array for name, array in others.items() if array is not None}

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        arrays, meta, n = stored.arrays, stored.meta, len(stored.item_ids)
        table: Rows | Coefficients | None = _rows_from("table", arrays)
        if table is None:
            table = np.asarray(arrays["left"]), np.asarray(arrays["right"])
            if "data" in arrays:
                counted = (arrays["data"], arrays["indices"], arrays["indptr"])
                table = sparse.csr_array(counted, shape=(n, n)), *table
        of_neighbours = {name.removeprefix(PREFIX): each for name, each in arrays.items() if name.startswith(PREFIX)}
        neighbours = Neighbours.restored(of_neighbours, n) if of_neighbours else None
        tuned = Settings.from_dict(meta["settings"]), meta["trials"], meta["temperature"]
        others = arrays.get("reward"), arrays.get("lately"), _rows_from("twin", arrays), neighbours
        return cls._of(stored.item_ids, table, arrays["popularity"], *tuned, *others)


def _row_arrays(name: str, rows: Rows) -> dict[str, np.ndarray]:
    return {f"{name}_steps": rows.steps, f"{name}_scale": rows.scale}


def _rows_from(name: str, arrays: Mapping[str, np.ndarray]) -> Rows | None:
    """What `_row_arrays` made, or the floats that models were once kept in; None where there is neither."""
    if f"{name}_steps" in arrays:
        return Rows(np.asarray(arrays[f"{name}_steps"]), np.asarray(arrays[f"{name}_scale"]))
    return Rows.of(np.asarray(arrays[name])) if name in arrays else None


def blas_threads(seqs: Sequences, threads: int) -> threadpool_limits:
    """A context in which BLAS has the threads that a catalogue of this size is worth. Raises ModelError for none."""
    if threads < 1:
        raise ModelError(f"{threads} threads cannot train a model: give 1 or more")
    return threadpool_limits(threads if seqs.n_items >= THREADED_ITEMS else 1, user_api="blas")
