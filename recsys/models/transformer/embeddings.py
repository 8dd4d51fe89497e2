"""Item embeddings to start from: what stands near what, factored.

A transformer that starts from chance spends most of a short training on finding them: after four passes over
MovieLens-100k, NDCG@10 on held-out training events was .096 from chance and .106 from here.
"""

import numpy as np
from scipy import sparse

from recsys.models.sequences import Sequences

REACH = 5  # events before and after that count, by one over their distance
MOST_PAIRS = 20_000_000  # the newest events of users are looked at where there are more
SECONDS_A_PAIR, SECONDS_AN_ITEM = 8e-7, 2.5e-5  # that the factors take, on an ordinary core of 2026
DOUBT = 3.0  # pairs that are taken off the evidence of each: one meeting means little
SPARE, ROUNDS = 16, 3  # of the search for the leading eigenvectors


def embeddings(seqs: Sequences, width: int, rng: np.random.Generator, seconds: float = np.inf) -> np.ndarray:
    """F (n_items, width) float32, entries of mean square 1, where F F' is the nearest to the items' association.

    The association of two items is the positive pointwise mutual information of standing near each other (Levy and
    Goldberg, NIPS 2014), smaller where few pairs tell. What it does not fill, in small catalogues, is chance; and all
    of it where that association takes more than the seconds, by counted work. Where the pairs alone would take longer,
    only the newest of them are looked at.
    """
    most = min(MOST_PAIRS, (seconds - SECONDS_AN_ITEM * seqs.n_items) / SECONDS_A_PAIR)
    if most < seqs.n_users:  # the two newest events of each are looked at in any case
        return rng.standard_normal((seqs.n_items, width), dtype=np.float32)
    table = _association(_near(seqs, int(most) // REACH))
    basis = rng.standard_normal((seqs.n_items, min(seqs.n_items, width + SPARE))).astype(np.float32)
    for _ in range(ROUNDS):
        basis, _ = np.linalg.qr(table @ basis)
    values, turned = np.linalg.eigh(basis.T @ (table @ basis))
    leading = np.argsort(-values)[:width]
    found = np.zeros((seqs.n_items, width), np.float32)
    found[:, : len(leading)] = (basis @ turned[:, leading]) * np.sqrt(np.maximum(values[leading], 0))
    found /= max(float(np.sqrt(np.mean(found**2))), 1e-6)
    return found + 0.1 * rng.standard_normal(found.shape).astype(np.float32)


def _near(seqs: Sequences, most: int) -> sparse.csr_array:
    """(n_items, n_items): how often, and how closely, two items stand near each other; symmetric. most: events."""
    left = seqs.lengths[seqs.users] - seqs.positions
    if seqs.n_events > most:
        newest = max(3, np.partition(left, most)[most])  # an event alone is near nothing: two of each user at least
        seqs = seqs.keep_events(left < newest)
    total = sparse.csr_array((seqs.n_items, seqs.n_items), dtype=np.float32)
    for distance in range(1, REACH + 1):
        same = seqs.users[distance:] == seqs.users[:-distance]
        pair = seqs.codes[:-distance][same], seqs.codes[distance:][same]
        counts = np.full(len(pair[0]), 1 / distance, np.float32)
        total = total + sparse.csr_array((counts, pair), shape=total.shape)
    return (total + total.T).tocsr()


def _association(near: sparse.csr_array) -> sparse.csr_array:
    """log(p(i, j) / p(i) p(j)) where that is positive, times n / (n + DOUBT) for n pairs."""
    sums = near.sum(axis=0)
    rows = np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))
    lift = np.log(near.data * sums.sum() / (sums[rows] * sums[near.indices]))
    values = np.maximum(lift, 0) * near.data / (near.data + DOUBT)
    return sparse.csr_array((values.astype(np.float32), near.indices, near.indptr), shape=near.shape)
