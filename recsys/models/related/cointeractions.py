"""Item-to-item similarity from co-interactions, in the manner of Personalize's SIMS recipe."""

from itertools import pairwise
from typing import Self

import numpy as np
from scipy import sparse

from recsys.models.related.base import RelatedItems
from recsys.models.sequences import Interactions, between, seen_table, sequences_of, touched_table, unique_users
from recsys.models.storage import Stored
from recsys.models.topk import largest_of_each_row

NEIGHBOURS = 200  # kept per item
PAIRS = 4_000_000  # of items, looked at at once: all pairs of a large catalogue would take gigabytes


class ItemSimilarity(RelatedItems):
    """sim(i, j) = users of both / (users of i * users of j)^d; d = popularity discount, 0.5 is the cosine.

    d = 0 counts bare co-interactions, which favours what everybody buys; d = 1 favours the rare. A pair seen with fewer
    than `min_cointeraction_count` users is dropped as chance.
    """

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        popularity_discount_factor: float = 0.5,
        min_cointeraction_count: int = 3,
        min_user_history_length_percentile: float = 0.0,
        max_user_history_length_percentile: float = 1.0,
        min_item_interaction_count_percentile: float = 0.0,
        max_item_interaction_count_percentile: float = 1.0,
    ) -> Self:
        """Similarities of all item pairs.

        The percentiles keep users whose number of events, and items whose number of events, lies between those of the
        data; other users are not counted, and other items have no neighbours and are nobody's. Their defaults count
        everything; aws-sims cuts at 0.005 and 0.995 of the users, 0.01 and 0.9 of the items.
        """
        settings = {
            "popularity_discount_factor": popularity_discount_factor,
            "min_cointeraction_count": min_cointeraction_count,
            "min_user_history_length_percentile": min_user_history_length_percentile,
            "max_user_history_length_percentile": max_user_history_length_percentile,
            "min_item_interaction_count_percentile": min_item_interaction_count_percentile,
            "max_item_interaction_count_percentile": max_item_interaction_count_percentile,
        }
        seqs = sequences_of(interactions)
        users = between(seqs.lengths, min_user_history_length_percentile, max_user_history_length_percentile)
        events = np.bincount(seqs.codes, minlength=seqs.n_items)
        items = between(events, min_item_interaction_count_percentile, max_item_interaction_count_percentile)
        touched = touched_table(seqs.keep_events(users[seqs.users] & items[seqs.codes]))
        table = cointeractions(touched, min_cointeraction_count, popularity_discount_factor)
        return cls._of(seqs.item_ids, settings, table, unique_users(seqs))

    @classmethod
    def _of(cls, item_ids: np.ndarray, settings: dict, table: sparse.csr_array, popularity: np.ndarray) -> Self:
        model = cls(item_ids, settings)
        model.table, model.popularity = table, popularity
        return model

    def _score_batch(self, histories: list[np.ndarray]) -> np.ndarray:
        """Sum of the similarities to the history's items; an item is fully similar to itself."""
        seen = seen_table(histories, len(self.item_ids))
        return (seen @ self.table + seen).toarray() + self.fallback

    def _arrays(self) -> dict[str, np.ndarray]:
        table = self.table
        return {"data": table.data, "indices": table.indices, "indptr": table.indptr, "popularity": self.popularity}

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        arrays, n = stored.arrays, len(stored.item_ids)
        table = sparse.csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), shape=(n, n))
        return cls._of(stored.item_ids, stored.meta["settings"], table, arrays["popularity"])


def cointeractions(touched: sparse.csr_array, least: int, discount: float, shrinkage: float = 0.0) -> sparse.csr_array:
    """(n_items, n_items): users of both / (users of i * users of j) ^ discount, the NEIGHBOURS largest of each row.

    Pairs with fewer than `least` users are left out, and so is the diagonal. Others are shrunk by users / (users +
    shrinkage), as what a single user did says little (Bell, Koren and Volinsky, KDD 2007).
    """
    by_item = sparse.csr_array(touched.T)
    counts = touched.sum(axis=0)

    def of_items(low: int, high: int) -> sparse.csr_array:
        pairs = (by_item[low:high] @ touched).tocoo()
        rows = pairs.row + low
        kept = (pairs.data >= least) & (rows != pairs.col)
        rows, cols, users = rows[kept], pairs.col[kept], pairs.data[kept]
        values = users / (counts[rows] * counts[cols]) ** discount * (users / (users + shrinkage))
        table = sparse.csr_array((values.astype(np.float32), (rows - low, cols)), shape=pairs.shape)
        return largest_of_each_row(table, NEIGHBOURS)

    ends = _runs(by_item, touched)
    tables = [of_items(low, high) for low, high in pairwise(ends)]
    return sparse.csr_array(sparse.vstack(tables, format="csr"))


def _runs(by_item: sparse.csr_array, touched: sparse.csr_array) -> list[int]:
    """Where runs of neighbouring items begin and end, each of PAIRS pairs at most, or of a single item."""
    n_items = touched.shape[1]
    most = np.minimum(by_item @ np.diff(touched.indptr), n_items)  # pairs of each item
    before = np.concatenate([[0], np.cumsum(most)])
    ends = [0]
    while ends[-1] < n_items:
        ends.append(max(ends[-1] + 1, int(np.searchsorted(before, before[ends[-1]] + PAIRS, side="right")) - 1))
    return ends
