"""Segments: which users will touch an item, or any of a category, in the newest fifth of their events?"""

import numpy as np
import pandas as pd
from scipy import sparse

from benchmarks.protocols.data import BATCH, Data, Fits
from benchmarks.recommenders import LeftOut
from benchmarks.tables import Table, auc, compared
from recsys import metrics
from recsys.columns import CATEGORY
from recsys.models import NextItem, UserAffinity
from recsys.models.protocol import Split, newest_fifth
from recsys.models.segments.evaluation import Segments
from recsys.models.sequences import seen_table
from recsys.models.topk import top_k

NAMES = ("item similarity", "EASE")  # summed over the items that are asked for


def segments(data: Data) -> list[Table]:
    """Queries for single items and, where categories are known, for each of them."""
    split = newest_fifth(data.seqs)
    fits = Fits(split.train, data)
    next_item = NextItem.fit(split.train, data.seed, data.threads)
    try:
        codes, names = pd.factorize(np.array(fits.column(CATEGORY), object))
    except LeftOut:
        return [segment(fits, next_item, split, "item")]
    member = sparse.csr_array(codes[:, None] == np.arange(len(names)), dtype=np.float32)
    queries = [np.flatnonzero(codes == code) for code in range(len(names))]
    return [
        segment(fits, next_item, split, "item", member=member),
        segment(fits, next_item, split, "category", queries),
    ]


def segment(
    fits: Fits,
    next_item: NextItem,
    split: Split,
    kind: str,
    queries: list[np.ndarray] | None = None,
    member: sparse.csr_array | None = None,
) -> Table:
    """The segments for one kind of query; member: (n_items, n_categories), 1 where an item belongs."""
    data, train = fits.data, split.train
    asked = Segments.of(split.targets, train.n_items, queries, data.seed)
    table = seen_table([np.asarray(query) for query in asked.queries], train.n_items)
    seen, activity = seen_table(split.histories, train.n_items), train.lengths / (1 + train.lengths.max())
    found = {"activity": np.tile(activity, (len(asked.queries), 1))}
    found["own events"] = (table @ seen.T).toarray() + activity  # which orders users of as many
    if member is not None:
        found["own events in the category"] = ((table @ member) @ (seen @ member).T).toarray() + activity
    for name, scores in fits.scores(NAMES).items():
        spans = [slice(at, at + BATCH) for at in range(0, train.n_users, BATCH)]
        found[name] = np.hstack([table @ scores(split.histories[span]).T for span in spans])
    affinity = UserAffinity.of(next_item, train, data.seed, data.threads, queries)
    found["user affinity"] = affinity.affinities(asked.queries)
    about = (
        f"{len(asked.queries)} queries, each for one {kind}. Of {asked.n_users:,} users the first {asked.k} (1 %) are "
        "the segment; to be found are those who touch it in the newest fifth of their events. Recall: the part of them "
        f"that is in the segment, of {asked.k} at most. One value a query."
    )
    values = {name: judged(affinities, asked) for name, affinities in found.items()}
    return compared(f"Segments for one {kind}", about, values, "user affinity", data.seed)


def judged(affinities: np.ndarray, asked: Segments) -> dict[str, np.ndarray]:
    """Recall, precision and AUC of each query (n,) by affinities (n, n_users)."""
    hits = metrics.hits(top_k(affinities, asked.k)[0], asked.takers).sum(axis=1)
    wanted = np.zeros(affinities.shape, bool)
    for row, users in zip(wanted, asked.takers, strict=True):
        row[users] = True
    return {
        "recall": hits / np.minimum(asked.k, wanted.sum(axis=1)),
        "precision": hits / asked.k,
        "AUC": np.array([auc(row, yes) for row, yes in zip(affinities, wanted, strict=True)]),
    }
