"""From scores to a list: filter, promotion, exploration, and what fills up a list that is too short.

    promoted items, those the promotion's filter lets through, best first, at random places
    explored items at some of the other places (exploration.py)
    the rest by score, as far as the request's filter lets them through

Scores are the softmax over the whole catalogue, where the recipe gives scores. Every item that has a score is ranked,
so a filter leaves too few only where too few items match it; version 2 then fills up with matching items that have no
score, those with most interactions first, for the reason "Popular item".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys.local.personalize.serving.catalogue import UNSCORED
from recsys.local.personalize.serving.deployment import Deployment
from recsys.local.personalize.serving.engines import Asked
from recsys.local.personalize.serving.exploration import draw
from recsys.local.personalize.serving.top import softmax, top

PROMOTED, EXPLORED, POPULAR = "Promoted item", "Exploration", "Popular item"
RNG = np.random.default_rng()

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
    hidden = deployment.hidden(asked.user)
    if len(hidden):
        mask = np.ones(len(scores), bool) if mask is None else mask.copy()
        mask[hidden] = False
    promoted = _promoted(scores, hidden, promotion, count)
    if len(promoted):
        mask = np.ones(len(scores), bool) if mask is None else mask.copy()
        mask[promoted] = False
    rest, reasons = _rest(deployment, scores, count - len(promoted), mask)
    reasons |= dict.fromkeys(promoted.tolist(), PROMOTED)
    codes = _interleaved(promoted, rest)
    entries: list[Entry] = [{"itemId": deployment.catalogue.ids[code]} for code in codes.tolist()]
    if deployment.recipe.scored:
        _add_scores(entries, codes, scores, deployment.artefacts.model.temperature)
    for entry, code in zip(entries, codes.tolist(), strict=True) if reasons else ():
        if code in reasons and deployment.recipe.second:
            entry["reason"] = [reasons[code]]
        if promotion and promotion.name and reasons.get(code) == PROMOTED:
            entry["promotionName"] = promotion.name
    return entries


def _promoted(scores: np.ndarray, hidden: np.ndarray, promotion: Promotion | None, count: int) -> np.ndarray:
    """Codes of the promoted items, best first; those without a score are not promoted."""
    if promotion is None:
        return np.empty(0, np.int64)
    wanted = np.where(promotion.mask, scores, UNSCORED)
    wanted[hidden] = UNSCORED
    return top(wanted, min(count, promotion.count))


def _rest(
    deployment: Deployment, scores: np.ndarray, count: int, mask: np.ndarray | None
) -> tuple[np.ndarray, dict[int, str]]:
    """Codes of what is not promoted, and why some are there."""
    places, explored = _explored(deployment, scores, count, mask)
    masked = scores if mask is None else np.where(mask, scores, UNSCORED)
    if len(explored):
        masked = masked.copy() if mask is None else masked
        masked[explored] = UNSCORED
    ranked = top(masked, count - len(explored))
    codes = np.insert(ranked, np.minimum(places - np.arange(len(places)), len(ranked)), explored)
    reasons = dict.fromkeys(explored.tolist(), EXPLORED)
    if deployment.recipe.second and len(codes) < count:
        filler = _filler(deployment, scores, mask, codes, count - len(codes))
        codes, reasons = np.concatenate([codes, filler]), reasons | dict.fromkeys(filler.tolist(), POPULAR)
    return codes, reasons


def _explored(
    deployment: Deployment, scores: np.ndarray, count: int, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Places, and the codes that take them."""
    exploration, nothing = deployment.config.exploration, np.empty(0, np.int64)
    places = exploration.places(count, RNG) if exploration.active else nothing
    if len(places) == 0:
        return nothing, nothing
    eligible = deployment.novelty.eligible(exploration)
    codes = np.flatnonzero(eligible if mask is None else eligible & mask)
    if len(codes) == 0:
        return nothing, nothing
    relevance = softmax(scores, codes, deployment.artefacts.model.temperature)
    relevance[scores[codes] == UNSCORED] = 1 / len(scores)
    drawn = codes[draw(relevance * deployment.novelty.uncertainty[codes], len(places), RNG)]
    return places[: len(drawn)], drawn


def _filler(
    deployment: Deployment, scores: np.ndarray, mask: np.ndarray | None, taken: Sequence[int], count: int
) -> np.ndarray:
    """Codes of items without a score, those with most interactions first."""
    free = scores == UNSCORED if mask is None else (scores == UNSCORED) & mask
    free[taken] = False
    return top(np.where(free, deployment.novelty.interactions, UNSCORED), count)


def _interleaved(promoted: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Both in their order, the promoted ones at random places."""
    if len(promoted) == 0:
        return rest
    codes = np.empty(len(promoted) + len(rest), np.int64)
    at = np.zeros(len(codes), bool)
    at[RNG.choice(len(codes), len(promoted), replace=False)] = True
    codes[at], codes[~at] = promoted, rest
    return codes


def _add_scores(entries: list[Entry], codes: np.ndarray, scores: np.ndarray, temperature: float) -> None:
    for entry, share, score in zip(
        entries, softmax(scores, codes, temperature).tolist(), scores[codes].tolist(), strict=True
    ):
        if score > UNSCORED:
            entry["score"] = share
