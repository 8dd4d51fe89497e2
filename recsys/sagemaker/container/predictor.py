"""Requests to answers, many at once: histories are gathered, scored in batches and ranked."""

import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recsys.models import Model
from recsys.models.next_item.returning import VISIT_SECONDS
from recsys.sagemaker.container import artefact
from recsys.sagemaker.container.artefact import Users
from recsys.sagemaker.container.asks import Answer, Ask

DIGITS = 8  # of a score after the point: float32 knows no more


class Predictor:
    """A recommender and what training knew of users; any number of threads may ask."""

    def __init__(self, model: Model, users: Users, returning: Model | None = None) -> None:
        """returning: for users who have not been seen for a while, where that is another model."""
        self.model, self.users, self._returning = model, users, returning or model
        self.answers([Ask("")])  # what is imported and counted at the first answer

    @classmethod
    def of(cls, folder: Path) -> "Predictor":
        """Of a model folder. Raises ModelError where it cannot be used."""
        return cls(*artefact.read(folder))

    def answers(self, asks: Sequence[Ask]) -> list[Answer]:
        """In the order of `asks`; who has no history is given what is popular."""
        places = [self.users.find(ask.user) for ask in asks]
        histories = [self._history(ask, place) for ask, place in zip(asks, places, strict=True)]
        before = time.time() - VISIT_SECONDS
        kinds = [
            (self._returning if self._last_seen(ask, place) < before else self.model, ask.exclude_seen)
            for ask, place in zip(asks, places, strict=True)
        ]
        found: list[Answer | None] = [None] * len(asks)
        for kind in dict.fromkeys(kinds):
            chosen = [at for at, each in enumerate(kinds) if each == kind]
            lists = self._lists(*kind, [histories[at] for at in chosen], [asks[at].results for at in chosen])
            for at, (items, scores) in zip(chosen, lists, strict=True):
                found[at] = Answer(asks[at].user, places[at] is not None, items, scores)
        return found

    def _last_seen(self, ask: Ask, place: int | None) -> float:
        """Epoch seconds of the user's last event; inf where the history is told without times, or there is none."""
        if ask.history is not None:
            return math.inf
        known = [] if place is None else [self.users.last(place)]
        return max([*known, *(seconds for _, seconds in ask.events)], default=math.inf)

    def _history(self, ask: Ask, place: int | None) -> np.ndarray:
        """Item codes, oldest first. Events that training has already are left out; items it has not seen, too."""
        events = ask.events
        if ask.history is not None:
            known = self.model.encode(ask.history)
        elif place is not None:
            known = self.users.history(place)
            last = self.users.last(place)
            events = tuple(event for event in events if event[1] > last)
        else:
            known = np.empty(0, np.int32)
        if not events:
            return known
        newer = self.model.encode(item for item, _ in sorted(events, key=lambda event: event[1]))
        return np.concatenate([known, newer])

    def _lists(
        self, model: Model, exclude: bool, histories: list[np.ndarray], results: list[int]
    ) -> list[tuple[list[str], list[float]]]:
        """Items and scores for each history, as many as asked for or as there are."""
        codes, scores = model.recommend(histories, max(results), exclude_seen=exclude)
        sizes = np.minimum((codes >= 0).sum(axis=1), results).tolist()
        items = self.model.item_ids[codes].tolist()
        rounded = np.round(scores.astype(np.float64), DIGITS).tolist()
        return [(row[:n], values[:n]) for row, values, n in zip(items, rounded, sizes, strict=True)]
