"""Items alike in meaning, by what their texts say: Personalize's semantic similarity recipe."""

from collections import Counter
from collections.abc import Sequence
from typing import Self

import numpy as np

from recsys.errors import ModelError
from recsys.models.content.metadata import cells, missing
from recsys.models.content.text import embed
from recsys.models.related.base import RelatedItems
from recsys.models.sequences import Interactions, Sequences, id_text, sequences_of
from recsys.models.storage import Stored

LARGE = 5000  # items from which on the vectors are shortened: ten for each of the encoder's dimensions
SHORT = 192  # dimensions then kept: on 2,399 shop items neighbours as good as with all 512, in a third of the time


class SemanticSimilarity(RelatedItems):
    """sim(i, j) = the cosine of the two items' texts (aws-semantic-similarity); interactions are not needed.

    vectors: (n_items, d) float32 unit rows, zeros where there is no text; axes: (512, d), from the encoder's space to
    theirs; freshness and popularity: (n_items,) float32 in [0, 1], as they were in training.
    """

    @classmethod
    def fit(
        cls,
        item_ids: Sequence[str],
        texts: Sequence[str | None],
        interactions: Interactions | None = None,
        created: np.ndarray | None = None,
    ) -> Self:
        """Embed each item's text, which `document` joins; None or "" is an item without one.

        interactions: for the popularity; their catalogue may be another. created: (n_items,) epoch seconds of each
        item's CREATION_TIMESTAMP, NaN where unknown, for the freshness. Raises ModelError where the encoder is not
        installed, finds no word in any text, or there is not one text per item, each with an id of its own.
        """
        item_ids = np.array([id_text(item) for item in item_ids], dtype=object)
        if again := [item for item, count in Counter(item_ids).items() if count > 1]:
            raise ModelError(f"item {again[0]!r} has several texts: leave one of them")
        if len(item_ids) != len(texts):
            raise ModelError(f"{len(texts)} texts for {len(item_ids)} items: give one per item, None for none")
        meanings = embed(_texts(texts))
        if not meanings.any():
            raise ModelError(
                f"no text of the {len(texts)} items holds a word the encoder knows: are the columns right?"
            )
        axes, seqs = _axes(meanings), None if interactions is None else sequences_of(interactions)
        created = np.full(len(item_ids), np.nan) if created is None else created
        return cls._of(item_ids, _unit(meanings @ axes), axes, _freshness(created), _popularity(item_ids, seqs))

    @classmethod
    def _of(cls, item_ids: np.ndarray, vectors: np.ndarray, axes: np.ndarray, *factors: np.ndarray) -> Self:
        model = cls(item_ids)
        model.vectors, model.axes = vectors, axes
        model.freshness, model.popularity = factors
        return model

    def influenced(self, scores: np.ndarray, freshness: float = 0.0, popularity: float = 0.0) -> np.ndarray:
        """Scores (..., n_items) under a campaign's rankingInfluence, two weights in [0, 1].

        score * (1 + freshness * f + popularity * p) where the score is positive: at weight 1 the newest item counts
        twice its likeness, so that what is alike is reordered and what is unlike stays behind. [AWS says that higher
        weights put newer and more used items first among those alike in meaning; it gives no formula.]
        """
        boost = freshness * self.freshness + popularity * self.popularity
        return scores + np.maximum(scores, 0) * boost

    def vector(self, document: str) -> np.ndarray:
        """(d,) float32 of any text, such as that of an item younger than the model; `vectors @ vector` are cosines."""
        return _unit(embed([document]) @ self.axes)[0]

    def with_items(self, item_ids: Sequence[str], texts: Sequence[str | None]) -> Self:
        """The model that also knows these items, or knows them by these new texts: an incremental update.

        Codes of known items stay. Freshness and popularity wait for the next full training, as on AWS; a new item has
        neither until then [AWS does not say what a missing factor counts as; here as 0].
        """
        news = dict(zip(map(id_text, item_ids), texts, strict=True))
        known = set(self.item_ids)
        added = [item for item in news if item not in known]
        grown = self._of(
            np.concatenate([self.item_ids, np.array(added, dtype=object)]),
            np.pad(self.vectors, ((0, len(added)), (0, 0))),
            self.axes,
            np.pad(self.freshness, (0, len(added))),
            np.pad(self.popularity, (0, len(added))),
        )
        grown.vectors[grown.encode(news)] = _unit(embed(_texts(list(news.values()))) @ self.axes)
        return grown

    def _score_batch(self, histories: list[np.ndarray]) -> np.ndarray:
        """Sum of the cosines with the history's items."""
        empty = np.empty((0, self.vectors.shape[1]), dtype=np.float32)
        wanted = np.concatenate([empty, *(self.vectors[codes].sum(axis=0, keepdims=True) for codes in histories)])
        return wanted @ self.vectors.T + self.fallback

    def _arrays(self) -> dict[str, np.ndarray]:
        names = ("vectors", "axes", "freshness", "popularity")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        arrays = stored.arrays
        return cls._of(stored.item_ids, arrays["vectors"], arrays["axes"], arrays["freshness"], arrays["popularity"])


def document(name: str | None, description: str | None) -> str:
    """What an item's text is made of: its name (the field marked `itemName`), then its description (`textual`).

    >>> document("Oak desk", "A desk for two."), document(None, "A desk for two.")
    ('Oak desk. A desk for two.', 'A desk for two.')
    """
    return ". ".join(_texts([part for part in (name, description) if not missing(part) and part]))


def _texts(column: Sequence[str | None]) -> list[str]:
    return ["" if cell is None else str(cell) for cell in cells("text", column)]


def _axes(meanings: np.ndarray) -> np.ndarray:
    """(512, d) orthonormal: the directions in which a large catalogue differs most; for a small one, every direction.

    Few items say nothing about the directions in which the next one will differ, and cost little anyway.
    """
    if len(meanings) < LARGE:
        return np.eye(meanings.shape[1], dtype=np.float32)
    _, directions = np.linalg.eigh(meanings.T @ meanings)  # ascending
    return np.ascontiguousarray(directions[:, -SHORT:])


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def _freshness(created: np.ndarray) -> np.ndarray:
    """(n_items,) float32: the share of the dated items that are older, from 0 to 1; 0 where the date is unknown.

    [AWS: "normalizing the age"; ranks are one way, and one wrong date does not push the others together.]
    """
    dated = np.sort(created[np.isfinite(created)])
    older = np.searchsorted(dated, created)
    return np.where(np.isfinite(created), older / max(1, len(dated) - 1), 0).astype(np.float32)


def _popularity(item_ids: np.ndarray, seqs: Sequences | None) -> np.ndarray:
    """(n_items,) float32: log(1 + interactions), the most popular item's being 1; all 0 without interactions.

    [AWS: "normalizing the number of interactions"; the logarithm lets more than the few best-sellers count.]
    """
    if seqs is None:
        return np.zeros(len(item_ids), dtype=np.float32)
    counts = dict(zip(seqs.item_ids, np.bincount(seqs.codes, minlength=seqs.n_items), strict=True))
    logs = np.log1p(np.array([counts.get(item, 0) for item in item_ids], dtype=np.float32))
    return logs / (logs.max(initial=0) or 1)
