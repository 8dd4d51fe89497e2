"""A campaign in memory: recommend and rank from a user's history as it is at this moment.

History = the bulk interactions and the events since, those the solution learns from (selection.py), oldest first. Seen
items are not dropped: only a filter drops items. A user without history, and in related items an item without
interactions, gets what is popular. Exploration is not simulated: every explorationWeight answers as 0 does.

Scores, as AWS gives them: the softmax over the whole catalogue for the personalization recipes, over the list for a
ranking, none for related items and popularity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recsys.local.personalize.events.log import Live
from recsys.local.personalize.filters import Candidates, Clause, Scene, allowed, by_type, check_use
from recsys.local.personalize.recipes import RANKING, RELATED, Recipe
from recsys.local.personalize.selection import Selection
from recsys.local.personalize.serving.catalogue import LATEST, Group


@dataclass
class Campaign:
    """What answers for one campaign: a fitted model, the histories in its item codes, the group's metadata."""

    version_arn: str
    recipe: Recipe
    model: Any
    selection: Selection
    group: Group
    code_of: dict[str, int]  # item id -> the model's code
    bulk_code: np.ndarray  # (distinct bulk items,) the model's code of each, -1 for none
    offsets: np.ndarray
    codes: np.ndarray
    times: np.ndarray
    popularity: np.ndarray  # (n_items,) share of the popularity, sums to 1
    candidates: Candidates  # for filters, in the model's codes

    @classmethod
    def read(cls, version_arn: str, recipe: Recipe, folder: Path, selection: Selection, group: Group) -> "Campaign":
        """Load a solution version's artefacts and lay the group's histories out in its item codes."""
        from recsys.models import load  # slow to import: the loading thread pays, not the start

        model, popular = load(folder / "model"), load(folder / "popular")
        code_of = {str(item): code for code, item in enumerate(model.item_ids)}
        bulk = group.interactions
        bulk_code = np.array([code_of.get(item, -1) for item in bulk.item_ids], np.int32)
        codes = bulk_code[bulk.items] if len(bulk_code) else np.empty(0, np.int32)
        keep = (codes >= 0) & selection.mask(bulk.type_names, bulk.types, bulk.values)
        counts = np.r_[0, np.cumsum(keep)]
        popularity = popular.probabilities(popular.scores(np.empty(0, np.int32)))
        return cls(
            version_arn,
            recipe,
            model,
            selection,
            group,
            code_of,
            bulk_code,
            offsets=counts[bulk.offsets],
            codes=codes[keep],
            times=bulk.times[keep],
            popularity=np.asarray(popularity, np.float64),
            candidates=Candidates(group.items, code_of),
        )

    def history(self, user: str, live: Live) -> np.ndarray:
        """(n,) the model's item codes of one user, oldest first."""
        number = self.group.interactions.users.get(user)
        span = slice(0, 0) if number is None else slice(self.offsets[number], self.offsets[number + 1])
        events = live.histories.get(user)
        if not events:
            return self.codes[span]
        chosen = [
            (sent, self.code_of[item])
            for sent, item, kind, value in events
            if item in self.code_of and self.selection.one(kind, value)
        ]
        if not chosen:
            return self.codes[span]
        times = np.r_[self.times[span], [sent for sent, _ in chosen]]
        codes = np.r_[self.codes[span], np.array([code for _, code in chosen], np.int32)]
        return codes[np.argsort(times, kind="stable")]

    def recommend(
        self, user: str | None, item: str | None, live: Live, k: int, mask: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Item codes, best first, and their scores where the recipe gives scores."""
        if self.recipe.type == RELATED:
            return _top(self._related(item), k, mask), None
        history = self.history(user or "", live)
        if not self.recipe.scored or len(history) == 0:
            codes = _top(self.popularity, k, mask)
            return codes, self.popularity[codes] if self.recipe.scored else None
        scores = self.model.scores(history)
        codes = _top(scores, k, mask)
        return codes, self.model.probabilities(scores)[codes]

    def _related(self, item: str | None) -> np.ndarray:
        """Similarity to one item, never the item itself; popularity for an item the model does not know."""
        code = self.code_of.get(item or "")
        if code is None:
            return self.popularity
        scores = np.array(self.model.scores(np.array([code])))
        scores[code] = -np.inf
        return scores

    def rank(
        self, user: str, items: Sequence[str], live: Live, mask: np.ndarray | None
    ) -> list[tuple[str, float | None]]:
        """The list, best first; items the model does not know come last and without a score."""
        known = [item for item in items if item in self.code_of]
        unknown = [item for item in items if item not in self.code_of]
        codes = np.array([self.code_of[item] for item in known], np.int32)
        if mask is not None:
            known = [item for item, code in zip(known, codes, strict=True) if mask[code]]
            codes = codes[mask[codes]]
        if not known:
            return [(item, None) for item in unknown]
        history = self.history(user, live)
        shares = self.model.probabilities(self.model.scores(history)) if len(history) else self.popularity
        chosen = np.asarray(shares, np.float64)[codes] + 1e-300
        chosen /= chosen.sum()
        order = np.argsort(-chosen, kind="stable")
        return [(known[place], float(chosen[place])) for place in order] + [(item, None) for item in unknown]

    def mask(
        self, clauses: tuple[Clause, ...], values: dict[str, str], user: str | None, item: str | None, live: Live
    ) -> np.ndarray:
        """(n_items,) what a filter lets through for this request. Raises InvalidInputException."""
        check_use(clauses, "ItemID", current_item=self.recipe.type == RELATED)
        scene = Scene(self.group.users, user, item, lambda: self._interacted(user or "", live))
        return allowed(clauses, values, self.candidates, scene)

    def _interacted(self, user: str, live: Live) -> dict[str, np.ndarray]:
        """Codes of the items among the user's latest 100 interactions of each event type."""
        bulk, events = self.group.interactions, list(live.histories.get(user, ()))  # it may grow meanwhile
        span = bulk.slice(user)
        codes = self.bulk_code[bulk.items[span]]
        if not events:
            return by_type(codes, bulk.types[span], bulk.type_names, LATEST)
        times = np.r_[bulk.times[span], [sent for sent, *_ in events]]
        codes = np.r_[codes, [self.code_of.get(item, -1) for _, item, *_ in events]]
        types = np.r_[bulk.types[span], len(bulk.type_names) + np.arange(len(events))]
        order = np.argsort(times, kind="stable")
        return by_type(codes[order], types[order], [*bulk.type_names, *(kind for _, _, kind, _ in events)], LATEST)

    @property
    def ranks(self) -> bool:
        return self.recipe.type == RANKING


def _top(scores: np.ndarray, k: int, mask: np.ndarray | None) -> np.ndarray:
    """Codes of the k best that the mask lets through, best first; ties by code."""
    candidates = np.flatnonzero(mask) if mask is not None else None
    values = np.asarray(scores) if candidates is None else np.asarray(scores)[candidates]
    if k < len(values):
        threshold = np.partition(values, len(values) - k)[len(values) - k]
        better, equal = np.flatnonzero(values > threshold), np.flatnonzero(values == threshold)
        chosen = np.sort(np.r_[better, equal[: k - len(better)]])
    else:
        chosen = np.arange(len(values))
    chosen = chosen[np.argsort(-values[chosen], kind="stable")]
    codes = chosen if candidates is None else candidates[chosen]
    return codes[np.asarray(scores)[codes] > -np.inf][: max(k, 0)]
