"""The transformer alone: for comparison, and where order says everything. Blended is what serves."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from recsys.errors import ModelError
from recsys.models.base import Model
from recsys.models.cold.model import ColdStart, learned
from recsys.models.content.items import Items
from recsys.models.next_item.blend import Blend, recent_demand
from recsys.models.next_item.held_out import HeldOut
from recsys.models.next_item.lazy import Lazy
from recsys.models.next_item.search import OnTrial, Search
from recsys.models.next_item.settings import HABIT_CLIMBS, Settings
from recsys.models.next_item.tuning import Learner, alone
from recsys.models.sequences import Interactions, Sequences, sequences_of, unique_users
from recsys.models.storage import Stored
from recsys.models.transformer.forward import Forward
from recsys.models.transformer.training import Training

if TYPE_CHECKING:
    import pandas as pd  # slow to import, and whoever only serves never needs it

WEIGHT = 1.0  # of the logits: its probabilities as they are, beside habits and popularity
REPEATS = 0.01  # share of events on an item the user had before, from which repeats are expected
CLIMBS = (("seen", (True, False)), ("own_decay", (0.0, 0.25, 0.5, 1.0)), *HABIT_CLIMBS)
BUDGET = 20.0  # seconds of choosing, by counted work


class Transformer(Model):
    """Scores what comes next after a history by a transformer's logits, and by habits as the next-item model does."""

    logarithmic = empty_logarithmic = True

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        seed: int = 0,
        threads: int = 2,
        report: OnTrial | None = None,
        seconds: float = 60.0,
        settings: Settings | Mapping[str, Any] | None = None,
        reward: np.ndarray | None = None,
        goal: str = "next",
        learner: Learner | None = None,
        items: Items | None = None,
        users: "pd.DataFrame | None" = None,
    ) -> Self | ColdStart:
        """Train, for at most so many seconds in all, then choose how habits count on held-out users.

        The other parameters are those of NextItem.fit; learner: what trains it, torch where none is given. Raises
        ModelError where torch is not installed, and where too little could be learned in the seconds.
        """
        seqs = sequences_of(interactions)
        items = learned(seqs, items, users)
        settings, learner = Settings.given(settings), learner or Training(seed, threads, seconds)
        seen = settings.seen if settings else _repeated(seqs)
        settings = settings and alone(settings).with_(transformer_weight=settings.transformer_weight or WEIGHT)
        held_out = HeldOut.of(seqs, seed, goal, threads, Nothing)
        if held_out is None:
            forward, chosen = _learned(learner, seqs, seen), settings or Settings(transformer_weight=WEIGHT)
            trials, temperature, recent = [], WEIGHT, None
        else:
            forward = _learned(learner, held_out.train, seen)
            held_out.beside["transformer_weight"] = forward.logits(held_out.histories)
            search = Search(held_out, report or (lambda trial: None), BUDGET)
            chosen = settings or search.among([{"transformer_weight": WEIGHT}])
            trials, temperature = search.trials, held_out.temperature(chosen)
            if held_out.unseen:
                forward = learner.learn(held_out.unseen, seen, forward)
            recent = recent_demand(seqs) if chosen.trend else None
        model = cls._of(seqs.item_ids, forward, unique_users(seqs), chosen, trials, temperature, reward, recent)
        return model if items is None and users is None else ColdStart.of(model, items, seqs, users)

    @classmethod
    def _of(
        cls,
        item_ids: np.ndarray,
        forward: Forward,
        popularity: np.ndarray,
        settings: Settings,
        trials: list[dict[str, Any]],
        temperature: float,
        reward: np.ndarray | None,
        recent: np.ndarray | None = None,
    ) -> Self:
        model = cls(item_ids, settings.as_dict(), trials, temperature)
        model.forward, model.popularity, model.chosen = forward, popularity, settings
        model.reward, model.recent = reward, recent
        model._blend = Blend(popularity, temperature, reward, recent)
        return model

    def _score_batch(self, histories: list[np.ndarray]) -> np.ndarray:
        logits = self.forward.logits(histories)
        return self._blend.add(np.zeros_like(logits), histories, self.chosen, {"transformer_weight": logits})

    def _arrays(self) -> dict[str, np.ndarray]:
        of_items = {"popularity": self.popularity, "reward": self.reward, "lately": self.recent}
        return self.forward.arrays | {name: array for name, array in of_items.items() if array is not None}

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        arrays, meta = stored.arrays, stored.meta
        tuned = Settings.from_dict(meta["settings"]), meta["trials"], meta["temperature"]
        known = arrays["popularity"], *tuned, arrays.get("reward"), arrays.get("lately")
        return cls._of(stored.item_ids, Forward(arrays), *known)


class Nothing:
    """In the place of a regression: no scores, whatever the settings."""

    climbs = CLIMBS

    def __init__(self, seqs: Sequences, threads: int) -> None:
        self.n_items = seqs.n_items

    def weights(self, settings: Settings) -> np.ndarray:
        """(1, 1): the newest event, which nothing is made of."""
        return np.ones((1, 1), np.float32)

    def predict(self, events: Any, settings: Settings) -> Lazy[np.ndarray]:
        """(n, n_items) zeros."""
        return Lazy(lambda: np.zeros((len(events.offsets) - 1, self.n_items), np.float32))

    def cost(self, n: int, settings: Settings) -> float:
        """Seconds."""
        return 0.0

    def touch(self, settings: Settings) -> None:
        """Nothing is kept."""


def _learned(learner: Learner, seqs: Sequences, seen: bool) -> Forward:
    forward = learner.learn(seqs, seen)
    if forward is None:
        raise ModelError("too few seconds for a transformer of these events: the log says how much they are enough for")
    return forward


def _repeated(seqs: Sequences) -> bool:
    different = unique_users(replace(seqs, weights=None)).sum(dtype=np.float64)
    return bool(seqs.n_events - different >= REPEATS * seqs.n_events)
