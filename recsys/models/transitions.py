"""The moment C of a large catalogue, some rows at a time: what follows each item, in bounded memory.

Row i of C is the sum of what stands around every event of item i, each neighbour by the weight of its distance. With
W (items, events) telling whose an event is and N (events, items) its neighbours, a run of rows is the sparse product
W N: scipy adds the pairs up row by row in compiled code, without sorting them and on as many threads as it is given.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import reduce
from operator import add
from typing import TypeVar

import numpy as np
from scipy import sparse

from recsys.models.sequences import Sequences
from recsys.models.topk import largest_of_each_row

PAIRS = 4_000_000  # pairs a thread counts at once
PAIR_BYTES = 64  # a pair's distance, place, code and value while it is counted, and its share of the sum
EVENT_BYTES = 48  # an event's place and neighbours here, and what making those takes for a while
ENTRY_BYTES = 16  # of a kept entry: code and value, twice while the runs of rows are joined

Part = TypeVar("Part")


class Transitions:
    """Counts, for any items of `seqs`, what came after them and before them."""

    def __init__(self, seqs: Sequences, threads: int = 2) -> None:
        self.seqs, self.threads = seqs, threads
        self.events = events_by_item(seqs.codes)
        self.counts = np.bincount(seqs.codes, minlength=seqs.n_items)
        self.starts = np.cumsum(self.counts) - self.counts
        self.before = seqs.positions.astype(np.int32)
        self.after = np.repeat(seqs.lengths, seqs.lengths).astype(np.int32) - 1 - self.before
        self._depths = np.bincount(self.before)

    def pairs(self, lags: int) -> int:
        """Pairs of an event and one of the `lags` before it."""
        return int(self._depths @ np.minimum(np.arange(len(self._depths)), lags))

    def table(
        self, by_lag: np.ndarray, reverse: float, worth: np.ndarray, kept: int, left: np.ndarray
    ) -> tuple[sparse.csr_array, np.ndarray]:
        """C times worth (n_items,) float32 by column: the `kept` largest of each row, and left' C (r, n_items) of all.

        by_lag: (lags,) float32 weight of what comes 1, 2, ... events later; `reverse` times that for what came before.
        left: (n_items, r) float32.
        """

        def run(items: np.ndarray) -> tuple[sparse.csr_array, np.ndarray]:
            rows = self.rows(items, by_lag, reverse)
            rows.data *= worth[rows.indices]
            return largest_of_each_row(rows, kept), rows.T @ left[items]

        parts, product = [], np.zeros_like(left)
        for rows, share in self.in_runs(run, len(by_lag)):
            parts.append(rows)
            product += share
        return sparse.csr_array(sparse.vstack(parts, format="csr")), product.T

    def in_runs(self, work: Callable[[np.ndarray], Part], lags: int) -> Iterator[Part]:
        """What `work` makes of the codes (n,) of all items in their order, as many at a time as memory allows."""
        with ThreadPoolExecutor(self.threads) as pool:
            yield from pool.map(work, self._runs(lags))

    def histories(self, events: np.ndarray, weights: np.ndarray) -> sparse.csr_array:
        """(len(events), n_items) float32: what came before each event, what is `age` back by weights[age - 1]."""
        past = _neighbours(replace(self.seqs, weights=None), events, weights, self.before, -1)
        past.sum_duplicates()
        return past

    def targets(self, events: np.ndarray, weights: np.ndarray) -> sparse.csr_array:
        """(len(events), n_items) float32: each event by weights[0], and what follows it by the next of `weights`.

        The first event of a user, which nobody could have predicted, has none.
        """
        return _neighbours(self.seqs, events - 1, weights, self.after, 1)

    def rows(
        self, items: np.ndarray, by_lag: np.ndarray, reverse: float = 0.0, most: int | None = None
    ) -> sparse.csr_array:
        """The rows of C of these items, (len(items), n_items) float32.

        most: events of an item that are counted, evenly spaced; the row is scaled up to stand for all of them.
        """
        sizes = self.counts[items] if most is None else np.minimum(self.counts[items], most)
        ends = np.concatenate([[0], np.cumsum(sizes)])
        rank = np.arange(ends[-1]) - np.repeat(ends[:-1], sizes)
        each = np.repeat(self.counts[items] / np.maximum(sizes, 1), sizes)  # events that one of the counted stands for
        events = self.events[np.repeat(self.starts[items], sizes) + (rank * each).astype(np.int64)]
        step = max(1, PAIRS // len(by_lag))
        return reduce(add, self._parts(events, each.astype(np.float32), ends, step, by_lag, reverse))

    def _parts(
        self, events: np.ndarray, each: np.ndarray, ends: np.ndarray, step: int, by_lag: np.ndarray, reverse: float
    ) -> Iterator[sparse.csr_array]:
        """Tables whose sum is the rows: one, unless a single item has more pairs than are counted at once."""
        for low in range(0, max(1, len(events)), step):
            part = slice(low, low + step)
            some = events[part]
            own = np.clip(ends - low, 0, len(some))
            whose = sparse.csr_array((each[part], np.arange(len(some)), own), shape=(len(ends) - 1, len(some)))
            yield whose @ _neighbours(self.seqs, some, by_lag, self.after, 1)
            if reverse:
                yield np.float32(reverse) * (whose @ _neighbours(self.seqs, some, by_lag, self.before, -1))

    def _runs(self, lags: int) -> Iterator[np.ndarray]:
        """All items in runs of neighbouring codes with no more than PAIRS pairs, or a single item."""
        ends = np.cumsum(self.counts)
        low = 0
        while low < len(ends):
            most = ends[low] - self.counts[low] + max(1, PAIRS // lags)
            high = max(low + 1, int(np.searchsorted(ends, most, side="right")))
            yield np.arange(low, high)
            low = high


def needed_bytes(n_events: int, n_items: int, kept: int, threads: int) -> int:
    """Memory that counting a table takes at most, beside the sequences themselves."""
    return n_events * EVENT_BYTES + n_items * kept * ENTRY_BYTES + threads * PAIRS * PAIR_BYTES


def _neighbours(
    seqs: Sequences, events: np.ndarray, by_lag: np.ndarray, room: np.ndarray, way: int
) -> sparse.csr_array:
    """(len(events), n_items) the neighbours of each event on one side; `room` (n_events,) is how many it has."""
    n = np.minimum(room[events], len(by_lag))
    ends = np.concatenate([[0], np.cumsum(n)])
    lag = np.arange(ends[-1]) - np.repeat(ends[:-1], n)
    at = np.repeat(events, n) + way * (lag + 1)
    values = by_lag[lag] if seqs.weights is None else by_lag[lag] * seqs.weights[at]
    return sparse.csr_array((values, seqs.codes[at], ends), shape=(len(events), seqs.n_items))


def events_by_item(codes: np.ndarray) -> np.ndarray:
    """(n_events,) places of the events, by item and then by place: one sort of packed keys, no argsort."""
    keys = codes.astype(np.int64) << 32 | np.arange(len(codes))
    keys.sort()
    keys &= 0xFFFFFFFF
    return keys
