"""What metadata says about items: their likeness, also for items that nobody has touched yet."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, Union

import numpy as np

from recsys.errors import ModelError
from recsys.models.base import BATCH_SCORES, Trained
from recsys.models.content import text
from recsys.models.content.metadata import TEXT, Embed, Metadata, Vectors
from recsys.models.content.tables import ids_of, kinds_of
from recsys.models.sequences import id_text
from recsys.models.storage import Stored, as_bytes, from_bytes, table_arrays, table_from
from recsys.models.topk import top_k

if TYPE_CHECKING:
    import pandas as pd  # slow to import, and whoever only serves never needs it


class ItemContent(Trained):
    """One unit vector per item from its metadata, so that a new item finds those it resembles.

    Vectors of text need the embedding that the model was fitted with. After `load` it is there where it was
    `recsys.models.content.text`; another has to be set as `content.metadata.embed` again, and until then the text of
    new items is ignored.

    >>> content = ItemContent.fit(
    ...     ["tea", "cup", "nail"], {"AISLE": ["kitchen|hot", "kitchen", "tools"]}, {"AISLE": "categorical"}
    ... )
    >>> codes, weights = content.neighbours(content.vectors([{"AISLE": "kitchen"}]), 2)
    >>> content.item_ids[codes[0]].tolist(), weights[0].round(2)
    (['cup', 'tea'], array([0.74, 0.26], dtype=float32))
    """

    @classmethod
    def fit(
        cls,
        item_ids: Sequence[str],
        columns: Mapping[str, Sequence[Any]],
        kinds: Mapping[str, str],
        embed: Embed | None = None,
    ) -> Self:
        """Learn from `columns` (name -> n_items values), read as `kinds` says: "categorical" (values separated by `|`),
        "number" or "text" (needs `embed`, which turns n texts into (n, width) float32 rows of length 1).

        Each column counts alike among those an item has a value in; None is a missing value. Raises ModelError for an
        unknown column or kind, a cell that is no value of its kind, and a column of another length than `item_ids`.
        """
        if unknown := sorted(set(kinds) - set(columns)):
            raise ModelError(f"no column {', '.join(unknown)}; there are {', '.join(columns)}")
        odd = {name: len(columns[name]) for name in kinds if len(columns[name]) != len(item_ids)}
        if odd:
            raise ModelError(f"{len(item_ids)} items, but columns of the lengths {odd}: give each item one value")
        metadata = Metadata.fit(columns, kinds, embed)
        ids = np.array([id_text(item) for item in item_ids], dtype=object)
        return cls._of(ids, metadata, metadata.encode(columns, len(ids)))

    @classmethod
    def from_items(cls, items: "pd.DataFrame", kinds: Mapping[str, str] | None = None) -> Self:
        """Learn from a table with ITEM_ID, one row an item, and columns of metadata.

        kinds: the columns to learn from and how each is read, as `fit` has it; None takes those that `kinds_of` finds.
        Text is embedded by `recsys.models.content.text`. Raises ModelError for what is no such table, for one without a
        column to learn from, and as `fit` does.
        """
        ids, kinds = ids_of(items), kinds_of(items) if kinds is None else kinds
        if not kinds:
            raise ModelError(f"none of the columns {list(items.columns)} says what items are like: say so with `kinds`")
        columns = {name: items[name].tolist() for name in items.columns}
        return cls.fit(ids, columns, kinds, text.embed if TEXT in kinds.values() else None)

    @classmethod
    def _of(cls, item_ids: np.ndarray, metadata: Metadata, rows: Vectors) -> Self:
        content = cls(item_ids)
        content.metadata, content.rows = metadata, rows
        return content

    def vectors(self, documents: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """(n, width) float32 vectors of items given as column -> value, known or not.

        Meant for a few at a time: the width is the number of all categories.
        """
        return self.encoded(documents).toarray()

    def encoded(self, documents: Sequence[Mapping[str, Any]]) -> Vectors:
        """The same, of any number of items. Raises ModelError for a single item that is in no list."""
        if isinstance(documents, Mapping):
            raise ModelError("vectors are made of a list of items: put a single one in a list")
        columns = {name: [document.get(name) for document in documents] for name in self.metadata.names}
        return self.metadata.encode(columns, len(documents))

    def cosines(self, vectors: np.ndarray) -> np.ndarray:
        """(n, n_items) float32 cosines of n vectors with every item; 0 where either has no metadata."""
        split = self.rows.sparse.shape[1]
        alike = self.rows.sparse @ np.ascontiguousarray(vectors[:, :split].T)
        alike += self.rows.dense @ vectors[:, split:].T
        return np.ascontiguousarray(alike.T)

    def neighbours(
        self, vectors: np.ndarray, k: int, among: Sequence[int] | np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Codes (n, k) int32 and weights (n, k) float32 of the k items most like each of n vectors, best first.

        among: only these items count, given as a mask (n_items,) bool or as codes. The weights of a row are the
        positive cosines, scaled to sum 1; all 0 where nothing is alike. k is cut to n_items.
        """
        left_out = np.zeros(len(self.item_ids), bool) if among is None else ~self._mask(among)
        rows = max(1, BATCH_SCORES // max(1, len(self.item_ids)))
        parts = [self._nearest(vectors[at : at + rows], k, left_out) for at in range(0, max(1, len(vectors)), rows)]
        return np.concatenate([codes for codes, _ in parts]), np.concatenate([weights for _, weights in parts])

    def _nearest(self, vectors: np.ndarray, k: int, left_out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        alike = np.maximum(self.cosines(vectors), 0)
        alike[:, left_out] = 0
        codes, weights = top_k(alike, k)
        totals = weights.sum(axis=1, keepdims=True)
        return codes, np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)

    def _meta(self) -> dict[str, Any]:
        own = bool(self.metadata.texts) and self.metadata.embed is not text.embed
        return {**super()._meta(), "own_embedding": own}

    def _arrays(self) -> dict[str, np.ndarray]:
        metadata = as_bytes(self.metadata.as_dict())
        return {"metadata": metadata, "text": self.rows.dense, **table_arrays("rows", self.rows.sparse)}

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        arrays = stored.arrays
        rows = Vectors(table_from(arrays, "rows"), np.asarray(arrays["text"]))
        metadata = Metadata.from_dict(from_bytes(arrays["metadata"]))
        if not stored.meta.get("own_embedding"):
            metadata.embed = text.embed
        return cls._of(stored.item_ids, metadata, rows)


Items = Union[ItemContent, "pd.DataFrame"]  # what models take as metadata


def content_of(items: Items, among: Iterable[str] | None = None) -> ItemContent:
    """What is said of items, as it is or learned from a table. Raises ModelError where none of them is `among` ids."""
    content = items if isinstance(items, ItemContent) else ItemContent.from_items(items)
    if among is not None and set(content.item_ids).isdisjoint(among):
        raise ModelError("none of the items with metadata is among the interactions: are these the same ids?")
    return content
