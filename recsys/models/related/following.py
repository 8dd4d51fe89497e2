"""What is touched soon after an item and soon before it: what people look for together, not over the years."""

from dataclasses import replace

import numpy as np
from scipy import sparse

from recsys.models.sequences import Sequences
from recsys.models.topk import largest_of_each_row
from recsys.models.transitions import Transitions

# An event counts so much where it is the next, the one after, ..., and BEFORE times that where it came before.
BY_LAG = np.power(np.float32(0.7), np.arange(5), dtype=np.float32)
BEFORE = 0.3
DISCOUNT = 0.4  # power of both items' events that their count is divided by


def following(seqs: Sequences, kept: int, shrinkage: float, threads: int = 1) -> sparse.csr_array:
    """(n_items, n_items) float32: how often j comes soon after i / (events of i * events of j) ^ DISCOUNT.

    The `kept` largest of each row, without the diagonal. A count is shrunk by count / (count + shrinkage). Memory is
    bounded by the kept entries and a few hundred megabytes.
    """
    transitions = Transitions(replace(seqs, weights=None), threads)
    events = np.maximum(1, transitions.counts).astype(np.float32) ** -DISCOUNT

    def of_items(items: np.ndarray) -> sparse.csr_array:
        rows = transitions.rows(items, BY_LAG, BEFORE).tocoo()
        i, counts = items[rows.row], rows.data
        values = events[i] * events[rows.col] * counts * counts / (counts + np.float32(shrinkage))
        values[i == rows.col] = 0
        return largest_of_each_row(sparse.csr_array((values, (rows.row, rows.col)), shape=rows.shape), kept)

    return sparse.csr_array(sparse.vstack([*transitions.in_runs(of_items, len(BY_LAG))], format="csr"))
