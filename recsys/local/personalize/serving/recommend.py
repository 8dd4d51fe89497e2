"""From scores to a list: filter, promotion, exploration, and what fills up a list that is too short.

    promoted items, those the promotion's filter lets through, best first, at random places
    explored items at some of the other places (exploration.py)
    the rest by score, as far as the request's filter lets them through

Scores are the softmax over the whole catalogue, where the recipe gives scores. Every item that has a score is ranked,
so a filter leaves too few only where too few items match it; version 2 then fills up with matching items that have no
score, those with most interactions first, for the reason "Popular item".
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from recsys.local.personalize.serving.deployment import Deployment
from recsys.local.personalize.serving.engines import Asked
from recsys.local.personalize.serving.exploration import draw
from recsys.local.personalize.serving.softmax import Softmax

PROMOTED, EXPLORED, POPULAR = "Promoted item", "Exploration", "Popular item"
RNG = np.random.default_rng()
NONE = np.empty(0, np.int64)

Entry = dict[str, Any]


@dataclass(frozen=True)
class Promotion:
    """`count` places at most for items that `mask` (n,) lets through."""

    mask: np.ndarray
    count: int
    name: str | None = None


def recommend(
    deployment: Deployment, asked: Asked, count: int, mask: np.ndarray | None, promotion: Promotion | None = None
) -> list[Entry]:
    """The itemList of an answer. mask (n,): what the request's filter lets through, None for everything."""
    scores = deployment.engine.scores(asked)
    return _List(deployment, scores, deployment.hidden(asked.user), mask, promotion).entries(count)


class _List:
    """One answer in the making: the scores (n,), the codes that are hidden from the user, filter and promotion."""

    def __init__(
        self,
        deployment: Deployment,
        scores: np.ndarray,
        hidden: np.ndarray,
        mask: np.ndarray | None,
        promotion: Promotion | None,
    ) -> None:
        self._deployment, self._scores, self._hidden, self._promotion = deployment, scores, hidden, promotion
        self._mask = self._without(mask, hidden)
        self._reasons: dict[int, str] = {}

    def entries(self, count: int) -> list[Entry]:
        promoted = self._promoted(count)
        self._mask = self._without(self._mask, promoted)
        codes = _interleaved(promoted, self._rest(count - len(promoted)))
        entries: list[Entry] = [{"itemId": self._deployment.catalogue.ids[code]} for code in codes.tolist()]
        if self._deployment.recipe.scored:
            shares, scored = self._shares.at(codes).tolist(), (self._scores[codes] > -np.inf).tolist()
            for entry, share, has in zip(entries, shares, scored, strict=True):
                if has:
                    entry["score"] = share
        if self._reasons:
            self._explain(entries, codes)
        return entries

    def _explain(self, entries: list[Entry], codes: np.ndarray) -> None:
        for entry, code in zip(entries, codes.tolist(), strict=True):
            reason = self._reasons.get(code)
            if reason and self._deployment.recipe.version_2:
                entry["reason"] = [reason]
            if reason == PROMOTED and self._promotion and self._promotion.name:
                entry["promotionName"] = self._promotion.name

    @cached_property
    def _shares(self) -> Softmax:
        return Softmax(self._scores, self._deployment.artefacts.model.temperature)

    def _without(self, mask: np.ndarray | None, codes: np.ndarray) -> np.ndarray | None:
        if len(codes) == 0:
            return mask
        mask = np.ones(len(self._scores), bool) if mask is None else mask.copy()
        mask[codes] = False
        return mask

    def _promoted(self, count: int) -> np.ndarray:
        """Codes of the promoted items, best first; one without a score is not promoted."""
        if self._promotion is None:
            return NONE
        wanted = self._without(self._promotion.mask, self._hidden)
        codes = _top(self._scores, min(count, self._promotion.count), wanted)
        self._reasons |= dict.fromkeys(codes.tolist(), PROMOTED)
        return codes

    def _rest(self, count: int) -> np.ndarray:
        """Codes of what is not promoted."""
        places, explored = self._explored(count)
        ranked = _top(self._scores, count - len(explored), self._without(self._mask, explored))
        if len(explored):
            ranked = np.insert(ranked, np.minimum(places - np.arange(len(places)), len(ranked)), explored)
        if self._deployment.recipe.version_2 and len(ranked) < count:
            ranked = np.concatenate([ranked, self._filler(ranked, count - len(ranked))])
        return ranked

    def _explored(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Places, and the codes of the explored items that take them."""
        exploration, novelty = self._deployment.config.exploration, self._deployment.novelty
        places = exploration.places(count, RNG) if exploration.active else NONE
        if len(places) == 0:
            return NONE, NONE
        eligible = novelty.eligible(exploration)
        codes = np.flatnonzero(eligible if self._mask is None else eligible & self._mask)
        if len(codes) == 0:
            return NONE, NONE
        relevance = self._shares.at(codes)
        relevance[np.isneginf(self._scores[codes])] = 1 / len(self._scores)
        drawn = codes[draw(relevance * novelty.uncertainty(codes), len(places), RNG)]
        self._reasons |= dict.fromkeys(drawn.tolist(), EXPLORED)
        return places[: len(drawn)], drawn

    def _filler(self, taken: np.ndarray, count: int) -> np.ndarray:
        """Codes of items without a score, those with most interactions first."""
        free = np.isneginf(self._scores)
        free = free if self._mask is None else free & self._mask
        free[taken] = False
        codes = _top(self._deployment.novelty.interactions, count, free)
        self._reasons |= dict.fromkeys(codes.tolist(), POPULAR)
        return codes


def _top(scores: np.ndarray, count: int, mask: np.ndarray | None) -> np.ndarray:
    from recsys.models.topk import top  # slow to import: loaded with the model

    return top(scores, count, mask)


def _interleaved(promoted: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Both in their order, the promoted ones at random places."""
    if len(promoted) == 0:
        return rest
    codes = np.empty(len(promoted) + len(rest), np.int64)
    at = np.zeros(len(codes), bool)
    at[RNG.choice(len(codes), len(promoted), replace=False)] = True
    codes[at], codes[~at] = promoted, rest
    return codes
