"""Scores of cold items by the trained ones that they resemble.

A cold item, which had no event in training, has no score of its own. It gets the weighted mean of the scores of the
trained items its metadata resemble most (ItemContent.neighbours); where they resemble none, no score at all.
"""

from collections.abc import Mapping

import numpy as np

from recsys.models.content.items import ItemContent
from recsys.models.content.metadata import Vectors

NEIGHBOURS = 10  # trained items that a cold one's score is the mean of
AT_ONCE = 256  # cold items looked at together: their vectors are dense
UNSCORED = np.float32(-np.inf)


def places_of(content: ItemContent, code_of: Mapping[str, int]) -> np.ndarray:
    """(n,) int32: the code of each item of `content`, -1 for one without."""
    return np.array([code_of.get(item, -1) for item in content.item_ids], np.int32)


def alike(content: ItemContent, places: np.ndarray, vectors: Vectors) -> tuple[np.ndarray, np.ndarray]:
    """Codes (m, NEIGHBOURS) int32 of the trained items most like each of m vectors, and their weights float32.

    places: the codes of the items of `content`, -1 for one that was not trained. The weights of a row sum to 1, or are
    all 0 where nothing is alike.
    """
    codes, weights = nothing_alike(len(vectors.dense))
    for at in range(0, len(codes), AT_ONCE):
        some = slice(at, at + AT_ONCE)
        found, shares = content.neighbours(vectors.take(some).toarray(), NEIGHBOURS, among=places >= 0)
        codes[some, : found.shape[1]] = np.maximum(places[found], 0)
        weights[some, : found.shape[1]] = shares
    return codes, weights


def nothing_alike(m: int) -> tuple[np.ndarray, np.ndarray]:
    """What `alike` says of m items that resemble nothing."""
    return np.zeros((m, NEIGHBOURS), np.int32), np.zeros((m, NEIGHBOURS), np.float32)


def cold_scores(
    scores: np.ndarray, neighbours: np.ndarray, weights: np.ndarray, temperature: float | None = None
) -> np.ndarray:
    """(m,) float32 mean of the scores (known,) of each cold item's neighbours, as `alike` has them; -inf without any.

    temperature: of scores that are logarithms of chances.
    """
    return np.where(weights[:, 0] > 0, mean(scores[neighbours], weights, temperature), UNSCORED)


def mean(scores: np.ndarray, weights: np.ndarray, temperature: float | None = None) -> np.ndarray:
    """(m,) float32 weighted mean of scores (m, k) by weights (m, k), which sum to 1 in each row or are all 0.

    temperature: of scores that are logarithms of chances, whose mean is taken as chances: by that of logarithms an item
    that resembles nine likely ones and an unlikely one would not be found.
    """
    if temperature is None:
        return np.einsum("ij,ij->i", scores, weights)
    logits = np.where(weights > 0, scores / np.float32(temperature), UNSCORED)
    peaks = logits.max(axis=1, initial=np.finfo(np.float32).min)  # taken off, so that none is too small for a float
    chances = np.einsum("ij,ij->i", np.exp(logits - peaks[:, None]), weights)
    return np.float32(temperature) * (peaks + np.log(chances, out=np.full_like(peaks, UNSCORED), where=chances > 0))
