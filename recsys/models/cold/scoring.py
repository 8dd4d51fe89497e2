"""Scores of cold items by the trained ones that they resemble.

A cold item, which had no event in training, has no score of its own. It gets the weighted mean of the scores of the
trained items its metadata resemble most (ItemContent.neighbours), each moved by its affinity to the user's taste;
where they resemble none, no score at all.
"""

from collections.abc import Mapping

import numpy as np
from scipy import sparse

from recsys.models.content.items import ItemContent
from recsys.models.content.metadata import Vectors

NEIGHBOURS = 10  # trained items that a cold one's score is the mean of
AT_ONCE = 256  # cold items looked at together: their vectors are dense
UNSCORED = np.float32(-np.inf)
AFFINITY_EXPONENT = 0.25  # of new items of MovieLens-1M .25 is best, of the sample's .25 and .5 are


class Taste:
    """What the categories and numbers of a history's items say about trained items.

    A model of what comes next knows where a user is; who wants what nobody has touched is told by the whole history
    too. With a_j the mean likeness of item j to the items of the history, and a its mean over all items, the chance of
    j is multiplied by its affinity, ((a_j + a) / 2a) ^ AFFINITY_EXPONENT. Texts are left out: they would take longer
    than all else.
    """

    def __init__(self, content: ItemContent, places: np.ndarray, known: int) -> None:
        """places: as `places_of` has them, codes below `known`."""
        (rows,) = np.nonzero(places >= 0)
        ordered = sparse.csr_array((np.ones(len(rows), np.float32), (places[rows], rows)), (known, len(places)))
        self._vectors = ordered @ content.rows.sparse

    def log_affinity(self, history: np.ndarray) -> np.ndarray | None:
        """(known,) float32 logarithms; None where the history says nothing. history: (n,) codes of trained items."""
        counts = np.bincount(history, minlength=self._vectors.shape[0]).astype(np.float32)
        likeness = self._vectors @ (self._vectors.T @ counts)
        usual = likeness.mean(dtype=np.float32)
        if not usual > 0:
            return None
        return np.float32(AFFINITY_EXPONENT) * np.log((likeness / usual + np.float32(1)) / np.float32(2))


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
    scores: np.ndarray,
    neighbours: np.ndarray,
    weights: np.ndarray,
    temperature: float,
    logarithmic: bool,
    log_affinity: np.ndarray | None = None,
) -> np.ndarray:
    """(m,) float32 mean of the scores (known,) of each cold item's neighbours, as `alike` has them; -inf without any.

    temperature, logarithmic: of the model; one without a temperature of its own (1) has scores on no scale that an
    affinity could move. log_affinity: (known,) as Taste has it.
    """
    if log_affinity is not None and temperature != 1:
        scores = scores + np.float32(temperature) * log_affinity
    found = mean(scores[neighbours], weights, temperature if logarithmic else None)
    return np.where(weights[:, 0] > 0, found, UNSCORED)


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
