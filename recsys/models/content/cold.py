"""Cold items: what nobody had touched when a model was trained, recommended by what its metadata say.

A cold item has no score of its own. It gets the weighted mean of the scores of the trained items its metadata resemble
most (ItemContent.neighbours); where they resemble none, no score at all.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from recsys.errors import ModelError
from recsys.models.base import Model
from recsys.models.content.items import ItemContent, Items, content_of, ids_of
from recsys.models.content.metadata import Vectors
from recsys.models.sequences import Sequences
from recsys.models.storage import Stored, as_bytes, from_bytes

if TYPE_CHECKING:
    import pandas as pd  # slow to import, and whoever only serves never needs it

NEIGHBOURS = 10  # trained items that a cold one's score is the mean of
AT_ONCE = 256  # cold items looked at together: their vectors are dense
UNSCORED = np.float32(-np.inf)
PREFIX, CONTENT = "cold_", "cold_content_"  # of the arrays on disk that are not the model's


class ColdStart(Model):
    """Any model, and beside its items cold ones, which their metadata place among those it was trained on.

    A history may hold cold items; they say nothing until the next training. model: the one inside; content: what
    metadata say; trained: (known,) bool, which of the model's items had events; cold: (m,) int32 codes of the others,
    neighbours and weights (m, NEIGHBOURS) what their scores are made of.

    >>> from recsys.models import Popularity
    >>> import pandas as pd
    >>> sold = pd.DataFrame({"USER_ID": ["u", "v", "u"], "ITEM_ID": ["mug", "mug", "saw"], "TIMESTAMP": [1, 2, 3]})
    >>> items = pd.DataFrame({"ITEM_ID": ["mug", "saw", "cup"], "AISLE": ["kitchen", "tools", "kitchen"]})
    >>> model = ColdStart.of(Popularity.fit(sold), items)
    >>> model = model.with_items(pd.DataFrame({"ITEM_ID": ["file"], "AISLE": ["tools"]}))
    >>> dict(zip(model.item_ids, model.scores([]).tolist()))
    {'mug': 2.0, 'saw': 1.0, 'cup': 2.0, 'file': 1.0}
    """

    @classmethod
    def of(cls, model: Model, items: Items, seqs: Sequences | None = None) -> Self:
        """`model`, with those of `items` that it does not know, and those it knows of which `seqs` has no event.

        items: a table with ITEM_ID and metadata, read as ItemContent.from_items reads it, or an ItemContent. seqs: what
        the model was fitted on. Codes of the model's items stay. Raises ModelError for items that cannot be used.
        """
        content = content_of(items)
        trained = np.ones(len(model.item_ids), bool)
        if seqs is not None:
            trained = np.bincount(seqs.codes, minlength=len(trained)) > 0
        bare = cls._of(model, content, model.item_ids, trained, np.empty(0, np.int32), *nothing_alike(0))
        return bare._with(content.item_ids, content.rows)

    @classmethod
    def _of(
        cls,
        model: Model,
        content: ItemContent,
        item_ids: np.ndarray,
        trained: np.ndarray,
        cold: np.ndarray,
        neighbours: np.ndarray,
        weights: np.ndarray,
    ) -> Self:
        found = cls(item_ids, model.settings, model.trials, model.temperature)
        found.model, found.content, found.logarithmic = model, content, model.logarithmic
        found.trained, found.cold, found.neighbours, found.weights = trained, cold, neighbours, weights
        return found

    def with_items(self, items: "pd.DataFrame") -> Self:
        """The same model with the cold items of this table too, or with other metadata of those it has.

        items: ITEM_ID and the columns that the model's own items came with; a column left out is missing. What was
        trained stays as it is. Raises ModelError for a table that cannot be used, or has none of the columns.
        """
        ids, names = ids_of(items), self.content.metadata.names
        if not set(names) & set(items.columns):
            raise ModelError(f"items have none of the columns {names}, by which cold items are placed")
        columns = {name: items[name].tolist() for name in names if name in items.columns}
        return self._with(ids, self.content.metadata.encode(columns, len(ids)))

    def _with(self, ids: np.ndarray, vectors: Vectors) -> Self:
        trained = set(self.item_ids[: len(self.trained)][self.trained])
        rows = np.array([row for row, item in enumerate(ids) if item not in trained], np.int64)
        code_of = {item: code for code, item in enumerate(self.item_ids)}
        cold = np.array([code_of.setdefault(item, len(code_of)) for item in ids[rows]], np.int32)
        places = places_of(self.content, {item: code for item, code in code_of.items() if item in trained})
        stays = ~np.isin(self.cold, cold)
        old, new = (self.cold, self.neighbours, self.weights), (cold, *alike(self.content, places, vectors.take(rows)))
        joined = (np.concatenate([before[stays], added]) for before, added in zip(old, new, strict=True))
        return self._of(self.model, self.content, np.array(list(code_of), object), self.trained, *joined)

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """As the model inside has them; 0 for an item without a score."""
        scored = np.asarray(scores) > UNSCORED
        found = np.zeros(len(scored))
        found[scored] = self.model.probabilities(np.asarray(scores)[scored])
        return found

    def _score_batch(self, histories: list[np.ndarray]) -> np.ndarray:
        known = len(self.trained)
        scores = np.empty((len(histories), len(self.item_ids)), np.float32)
        scores[:, :known] = self.model._score_batch([codes[codes < known] for codes in histories])
        temperature = self.temperature if self.logarithmic else None
        for row in scores if len(self.cold) else ():
            row[self.cold] = cold_scores(row, self.neighbours, self.weights, temperature)
        return scores

    def _arrays(self) -> dict[str, np.ndarray]:
        content = {CONTENT + name: array for name, array in self.content._arrays().items()}
        content[CONTENT + "ids"] = as_bytes(list(self.content.item_ids))
        ours = {PREFIX + name: getattr(self, name) for name in ("trained", "cold", "neighbours", "weights")}
        return self.model._arrays() | content | ours

    def _meta(self) -> dict[str, Any]:
        return {"kind": type(self.model).__name__, "model": self.model._meta(), "content": self.content._meta()}

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        from recsys.models import restored  # knows every class

        arrays, meta = stored.arrays, stored.meta
        trained, *placed = (arrays[PREFIX + name] for name in ("trained", "cold", "neighbours", "weights"))
        inside = {name: array for name, array in arrays.items() if not name.startswith(PREFIX)}
        model = restored(Stored(meta["kind"], inside, stored.item_ids[: len(trained)], meta["model"]))
        of_content = {name.removeprefix(CONTENT): array for name, array in arrays.items() if name.startswith(CONTENT)}
        ids = np.array(from_bytes(of_content["ids"]), object)
        content = ItemContent._restore(Stored(ItemContent.__name__, of_content, ids, meta["content"]))
        return cls._of(model, content, stored.item_ids, np.asarray(trained), *map(np.asarray, placed))


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
