"""aws-similar-items: who touched both items, which come soon after another, what their metadata have in common."""

from typing import Self

import numpy as np
from scipy import sparse

from recsys.models.content.items import ItemContent, Items, content_of
from recsys.models.low_rank import Block, low_rank
from recsys.models.related.base import RelatedItems
from recsys.models.related.cointeractions import NEIGHBOURS, cointeractions
from recsys.models.related.following import following
from recsys.models.sequences import Interactions, seen_table, sequences_of, touched_table, unique_users
from recsys.models.storage import Stored, table_arrays, table_from
from recsys.models.topk import largest_of_each_row

COLD = 5  # an item with fewer interactions is cold: AWS's definition
TRUST = 5  # interactions at which both parts count alike; 1 to 10 hardly differ on the sample and on Online Retail
SHRINKAGE = 2.0  # so many users of a pair halve its cosine: where items have few users, most pairs have one or two


class SimilarItems(RelatedItems):
    """sim(i, j) = w * co-interaction + (1 - w) * content, with w = n / (n + TRUST) for an item i of n interactions.

    Co-interaction is the mean of two: the cosine of the items' users, less of it where few users touched both, and how
    often j comes soon after i. Content is the cosine of their metadata. Metadata alone answer for a cold item,
    interactions alone for one without metadata. A rank, where given, is that of a part's low-rank form, AWS's "hidden
    variables": fewer smooth over what few users or few values tell, and no order is known to them [AWS does not say
    how they are used].
    """

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        items: Items | None = None,
        popularity_discount_factor: float = 0.0,
        item_id_hidden_dim: int | None = None,
        item_metadata_hidden_dim: int | None = None,
        threads: int = 1,
    ) -> Self:
        """Both parts for the items of `interactions`, and for all of `items` where both are tables.

        The catalogue of Sequences should hold those of `items` too. items: a table with ITEM_ID and metadata, read as
        ItemContent.from_items reads it, or an ItemContent.
        popularity_discount_factor: from 0, the cosine as it is, to 1, where it is divided by the root of the other
        item's interactions (relative to their mean). item_id_hidden_dim, item_metadata_hidden_dim: ranks; None is the
        full rank. threads: of the linear algebra.
        """
        settings = {
            "popularity_discount_factor": popularity_discount_factor,
            "item_id_hidden_dim": item_id_hidden_dim,
            "item_metadata_hidden_dim": item_metadata_hidden_dim,
        }
        content = None if items is None else content_of(items)
        seqs = sequences_of(interactions, content.item_ids if content else ())
        touched = touched_table(seqs)
        if item_id_hidden_dim:
            users = np.maximum(1, touched.sum(axis=0))
            together: Block = low_rank([sparse.csr_array((touched / np.sqrt(users)).T)], item_id_hidden_dim, threads)
        else:
            shared = cointeractions(touched, 1, 0.5, SHRINKAGE)
            together = _mean(shared, following(seqs, NEIGHBOURS, SHRINKAGE, threads))
        described = _rows_of(content, seqs.item_ids)
        if item_metadata_hidden_dim and described:
            described = [low_rank(described, item_metadata_hidden_dim, threads)]
        events = np.bincount(seqs.codes, minlength=seqs.n_items).astype(np.float32)
        return cls._of(seqs.item_ids, settings, together, described, events, unique_users(seqs))

    @classmethod
    def _of(
        cls,
        item_ids: np.ndarray,
        settings: dict,
        together: Block,
        described: list[Block],
        events: np.ndarray,
        popularity: np.ndarray,
    ) -> Self:
        model = cls(item_ids, settings)
        model.together, model.described, model.events, model.popularity = together, described, events, popularity
        known = sum((np.asarray(abs(block).sum(axis=1)).ravel() for block in described), np.zeros(len(item_ids))) > 0
        model._trust = np.where(known, np.where(events < COLD, 0, events / (events + TRUST)), 1).astype(np.float32)
        relative = np.maximum(1, events) / max(1.0, float(events.mean()))
        model._discount = (relative ** (-settings["popularity_discount_factor"] / 2)).astype(np.float32)
        return model

    def _score_batch(self, histories: list[np.ndarray]) -> np.ndarray:
        """Sum of the similarities to the history's items; an item is fully similar to itself."""
        seen = seen_table(histories, len(self.item_ids))
        scores = self._touched_together(sparse.csr_array(seen * self._trust)) * self._discount
        for block in self.described:
            scores += _through(sparse.csr_array(seen * (1 - self._trust)), block)
        return scores + seen.toarray() + self.fallback

    def _touched_together(self, seen: sparse.csr_array) -> np.ndarray:
        if sparse.issparse(self.together):
            return (seen @ self.together).toarray()
        return _through(seen, self.together)

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {"events": self.events, "popularity": self.popularity} | _block_arrays("together", self.together)
        for number, block in enumerate(self.described):
            arrays |= _block_arrays(f"described_{number}", block)
        return arrays

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        arrays, settings = stored.arrays, stored.meta["settings"]
        described = [_block(arrays, f"described_{at}") for at in range(stored.meta["described"])]
        together = _block(arrays, "together")
        return cls._of(stored.item_ids, settings, together, described, arrays["events"], arrays["popularity"])

    def _meta(self) -> dict:
        return {**super()._meta(), "described": len(self.described)}


def _rows_of(content: ItemContent | None, item_ids: np.ndarray) -> list[Block]:
    """The content's vectors in the order of `item_ids`, zeros for items that it does not know; [] without any."""
    if content is None:
        return []
    row_of = {item: row for row, item in enumerate(content.item_ids)}
    at = np.array([row_of.get(item, -1) for item in item_ids])
    known = np.flatnonzero(at >= 0)
    entries = (np.ones(len(known), np.float32), (known, at[known]))
    order = sparse.csr_array(entries, shape=(len(item_ids), len(content.item_ids)))
    return [order @ block for block in content.rows if block.shape[1]]


def _mean(shared: sparse.csr_array, soon: sparse.csr_array) -> sparse.csr_array:
    """Of each row of `shared` and the same row of `soon`, brought to its length."""
    lengths = [np.sqrt(table.multiply(table).sum(axis=1)) for table in (shared, soon)]
    alike = lengths[0] / np.where(lengths[1] > 0, lengths[1], 1)
    mean = (shared + soon.multiply(alike[:, None])) / 2
    return largest_of_each_row(sparse.csr_array(mean, dtype=np.float32), NEIGHBOURS)


def _through(seen: sparse.csr_array, block: Block) -> np.ndarray:
    """seen B B' (n, n_items) without B B'."""
    vectors = seen @ block
    vectors = vectors.toarray() if sparse.issparse(vectors) else vectors
    return np.ascontiguousarray((block @ vectors.T).T)


def _block_arrays(name: str, block: Block) -> dict[str, np.ndarray]:
    return table_arrays(name, block) if sparse.issparse(block) else {name: block}


def _block(arrays: dict[str, np.ndarray], name: str) -> Block:
    return np.asarray(arrays[name]) if name in arrays else table_from(arrays, name)
