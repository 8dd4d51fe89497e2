"""Item-to-item similarity from co-interactions, in the manner of Personalize's SIMS recipe."""

from typing import Self

import numpy as np
from scipy import sparse

from recsys.models.base import Model
from recsys.models.gram import largest_of_each_row
from recsys.models.popularity import unique_users
from recsys.models.sequences import Sequences
from recsys.models.storage import Stored
from recsys.models.topk import top_k

NEWEST = 500  # distinct items of a user that count: a co-occurrence table grows with the square of a history
NEIGHBOURS = 200  # kept per item


class ItemSimilarity(Model):
    """sim(i, j) = users of both / (users of i * users of j)^d; d = popularity discount, 0.5 is the cosine.

    d = 0 counts bare co-interactions, which favours what everybody buys; d = 1 favours the rare. A pair seen with fewer
    than `min_cointeraction_count` users is dropped as chance.
    """

    @classmethod
    def fit(cls, seqs: Sequences, popularity_discount_factor: float = 0.5, min_cointeraction_count: int = 3) -> Self:
        """Similarities of all item pairs; the defaults are those of aws-sims."""
        together = _users_of_both(seqs)
        counts = together.diagonal()
        pairs = together.tocoo()
        kept = (pairs.data >= min_cointeraction_count) & (pairs.row != pairs.col)
        rows, cols, users = pairs.row[kept], pairs.col[kept], pairs.data[kept]
        values = users / (counts[rows] * counts[cols]) ** popularity_discount_factor
        table = sparse.csr_array((values.astype(np.float32), (rows, cols)), shape=together.shape)
        settings = {
            "popularity_discount_factor": popularity_discount_factor,
            "min_cointeraction_count": min_cointeraction_count,
        }
        return cls._of(seqs.item_ids, settings, largest_of_each_row(table, NEIGHBOURS), unique_users(seqs))

    @classmethod
    def _of(cls, item_ids: np.ndarray, settings: dict, table: sparse.csr_array, popularity: np.ndarray) -> Self:
        model = cls(item_ids, settings)
        model.table, model.popularity = table, popularity
        # So small that it only orders items without any similarity.
        model._fallback = (1e-7 * popularity / max(1.0, float(popularity.max(initial=0)))).astype(np.float32)
        return model

    def similar(self, code: int, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Codes (k,) and scores (k,) of the items nearest to item `code`, best first, never the item itself.

        An item with fewer than k neighbours is filled up with popular items.
        """
        self._checked([code])
        scores = self.table[[code]].toarray()[0] + self._fallback
        scores[code] = -1.0
        codes, values = top_k(scores[None], min(k, len(scores) - 1))
        return codes[0], values[0]

    def _score_batch(self, histories: list[np.ndarray]) -> np.ndarray:
        """Sum of the similarities to the history's items; an item is fully similar to itself."""
        lengths = [len(h) for h in histories]
        codes = np.concatenate([np.empty(0, np.int64), *histories])
        seen = sparse.csr_array(
            (np.ones(len(codes), np.float32), codes, np.concatenate([[0], np.cumsum(lengths)])),
            shape=(len(histories), len(self.item_ids)),
        )
        return (seen @ self.table + seen).toarray() + self._fallback

    def _arrays(self) -> dict[str, np.ndarray]:
        table = self.table
        return {"data": table.data, "indices": table.indices, "indptr": table.indptr, "popularity": self.popularity}

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        arrays, n = stored.arrays, len(stored.item_ids)
        table = sparse.csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), shape=(n, n))
        return cls._of(stored.item_ids, stored.meta["settings"], table, arrays["popularity"])


def _users_of_both(seqs: Sequences) -> sparse.csr_array:
    """(n_items, n_items): how many users touched both items; the diagonal counts each item's users."""
    newest = seqs.lengths[seqs.users] - seqs.positions <= NEWEST
    shape = (seqs.n_users, seqs.n_items)
    touched = sparse.csr_array((np.ones(newest.sum(), np.float32), (seqs.users[newest], seqs.codes[newest])), shape)
    touched.sum_duplicates()
    touched.data[:] = 1
    return (touched.T @ touched).tocsr()
