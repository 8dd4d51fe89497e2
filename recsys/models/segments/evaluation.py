"""User segments put to the test: who was asked for, who came, and AWS's hit and recall."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recsys import metrics
from recsys.models.topk import top_k

ASKED = 500  # segments that a test asks for: AWS's limit for the items of one batch segment job

Query = Sequence[int] | np.ndarray  # item codes: any of them


@dataclass(frozen=True)
class Segments:
    """Queries for groups of items, and for each the codes of the users who did touch one in the part held out."""

    queries: list[Query]
    takers: list[np.ndarray]
    n_users: int

    @classmethod
    def of(
        cls, targets: Sequence[np.ndarray], n_items: int, queries: Sequence[Query] | None = None, seed: int = 0
    ) -> "Segments":
        """targets: for each user the item codes held out (protocol.newest_fifth). queries: None asks for single items.

        Queries that no held-out event answers are left out, and of the others ASKED are drawn by `seed`.
        """
        wanted = _table(targets, n_items)
        queries = queries if queries is not None else [[code] for code in range(n_items)]
        takers = [np.flatnonzero(wanted[:, np.asarray(query, np.int64)].sum(axis=1)) for query in queries]
        able = [number for number, users in enumerate(takers) if len(users)]
        drawn = np.sort(np.random.default_rng(seed).permutation(len(able))[:ASKED])
        chosen = [able[place] for place in drawn]
        return cls([queries[n] for n in chosen], [takers[n] for n in chosen], len(targets))

    @property
    def k(self) -> int:
        """The top 1 % of the users, at least one."""
        return max(1, self.n_users // 100)

    def recall(self, affinities: np.ndarray) -> float:
        """Mean over the queries of hit / min(all who did, K), by affinities (n_queries, n_users)."""
        return self.metrics(affinities)["recall_at_k"]

    def metrics(self, affinities: np.ndarray) -> dict[str, float]:
        """AWS's hit and recall, K = the top 1 % of the users, and the coverage of all segments; 0 without any query.

        hit = users of the segment who did touch it, recall = hit / min(all who did, K), as a public notebook for the
        service computes them; coverage = users in any segment / users. The developer guide names "hit (hit at K)",
        "recall (recall at K)" and "coverage"; how GetSolutionMetrics spells the first two is inferred.
        """
        if not self.queries:
            return {"coverage": 0.0, "hit_at_k": 0.0, "recall_at_k": 0.0}
        segments, _ = top_k(affinities, self.k)
        hit = metrics.hits(segments, self.takers).sum(axis=1)
        possible = np.minimum(self.k, [len(users) for users in self.takers])
        coverage = metrics.coverage(segments, self.n_users)
        return {"coverage": coverage, "hit_at_k": float(hit.mean()), "recall_at_k": float((hit / possible).mean())}


def _table(targets: Sequence[np.ndarray], n_items: int) -> sparse.csc_array:
    """(n_users, n_items): how often each user touched each item in the part held out."""
    users = np.repeat(np.arange(len(targets)), [len(codes) for codes in targets])
    items = np.concatenate([np.empty(0, np.int64), *targets])
    return sparse.csc_array((np.ones(len(items), np.int32), (users, items)), shape=(len(targets), n_items))
