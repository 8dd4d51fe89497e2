"""The softmax twin of the regression: the same scales and rows, fitted to the likelihood of what came next.

    P(next = j) = softmax_j(log share_j + sum over scales k of s_k)   s_k = sum over age a of decay_k^(a-1) B_k[item a]

Items the user had are left out of the softmax where people do not repeat. Stochastic gradient steps by row-wise Adagrad
(Duchi et al., JMLR 12, 2011) over windows of the users' events, one after another. A state s_k runs on from event to
event, so that a position costs O(scales x items) and not a history of them.
"""

import itertools
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple, Self

import numpy as np
from threadpoolctl import threadpool_limits

from recsys.models.next_item.halves import Total, shared_zeros, side_by_side
from recsys.models.sequences import Sequences

WINDOW, NARROWEST = 64, 8  # positions between two steps; fewer where there are few events, in multiples of the least
FEWEST_STEPS = 400
RATES = 4.0, 0.4  # of the first and the last step
DROPPED = 0.15  # share of the history's events left out at random
DAMPING = 10.0  # squared gradient a row starts with
SECONDS_A_LOGIT = 2e-9  # two ordinary cores of 2026
SHARED_ITEMS = 1_000  # with fewer, two processes wait longer for each other than they save


class SoftmaxTwin:
    """Coefficients of one model; `learn` goes on where it stopped. The same seed and threads give the same ones.

    decays: (scales,); share: (n_items,) of all events, above 0. seen: whether people come back to what they had.
    threads: of two, each has half of the columns, in a process of its own: steps are too short for Python's threads.
    """

    def __init__(
        self, share: np.ndarray, decays: tuple[float, ...], seen: bool, seed: int = 0, threads: int = 2
    ) -> None:
        self.n_items, self.decays, self.seen = len(share), np.asarray(decays, np.float64), seen
        self._rng = np.random.default_rng(seed)
        parts = 2 if threads > 1 and self.n_items >= SHARED_ITEMS else 1
        edges = np.linspace(0, self.n_items, parts + 1).astype(int)
        self._parts = [_Part(share, low, high, len(decays)) for low, high in itertools.pairwise(edges)]

    def learn(self, seqs: Sequences, epochs: float, rates: tuple[float, float] = RATES) -> Self:
        """So many passes over the events, users in random order, the rate falling evenly from the first to the last.

        The likelihood of an event that weighs more counts so much more.
        """
        users = np.concatenate([self._rng.permutation(seqs.n_users) for _ in range(int(np.ceil(epochs)))])
        ends = np.cumsum(seqs.lengths[users])
        users = users[: np.searchsorted(ends, epochs * seqs.n_events) + 1]
        stream = _Stream.of(seqs, users, self.seen, self._rng)
        with threadpool_limits(1, user_api="blas"):
            side_by_side([partial(part.learn, stream, self.decays, self.seen, rates) for part in self._parts])
        return self

    def table(self) -> np.ndarray:
        """B (scales * n_items, n_items) float32: row = item of the history on a scale, column = what comes next."""
        whole = np.empty((len(self.decays), self.n_items, self.n_items), np.float32)
        for part in self._parts:
            whole[:, :, part.low : part.high] = part.rows.transpose(1, 0, 2)
        return whole.reshape(-1, self.n_items)

    def cost(self, events: int) -> float:
        """Seconds that a pass over so many events takes on two ordinary cores, by counted work."""
        return events * len(self.decays) * self.n_items * SECONDS_A_LOGIT


class _Stream(NamedTuple):
    """The events of users one after another, cut into windows.

    codes, first (a user's first event), kept (0 for what is left out of the histories, else 1 / chance) and worth (what
    predicting it counts, 0 where nobody could).
    """

    window: int
    codes: np.ndarray
    first: np.ndarray
    kept: np.ndarray
    worth: np.ndarray

    @classmethod
    def of(cls, seqs: Sequences, users: np.ndarray, seen: bool, rng: np.random.Generator) -> Self:
        ordered = seqs.select(users)
        n = ordered.n_events
        kept = (rng.random(n) >= DROPPED) / np.float32(1 - DROPPED)
        worth = np.ones(n, np.float32) if ordered.weights is None else ordered.weights.astype(np.float32)
        worth[ordered.positions == 0] = 0
        if not seen:
            once = np.zeros(n, bool)
            once[np.unique(ordered.users * seqs.n_items + ordered.codes, return_index=True)[1]] = True
            worth[~once] = 0
        window = int(np.clip(n // FEWEST_STEPS // NARROWEST * NARROWEST, NARROWEST, WINDOW))
        return cls(window, ordered.codes, ordered.positions == 0, kept.astype(np.float32), worth)

    def windows(self) -> Iterator[slice]:
        return (slice(start, start + self.window) for start in range(0, len(self.codes), self.window))


class _Part:
    """The columns from `low` to `high` of the coefficients, one process's work; rows: (n_items, scales, columns)."""

    def __init__(self, share: np.ndarray, low: int, high: int, scales: int) -> None:
        self.low, self.high = low, high
        self.rows = shared_zeros((len(share), scales, high - low))
        self._squares = shared_zeros((len(share), scales))
        self._squares += np.float32(DAMPING)
        self._usual = np.log(share[low:high]).astype(np.float32)

    def learn(self, stream: _Stream, decays: np.ndarray, seen: bool, rates: tuple[float, float], total: Total) -> None:
        """Step through all windows of the stream."""
        from recsys.models.next_item import loops  # slow to import, and whoever only serves never needs it

        decays, prior = decays.astype(np.float32), self._usual.copy()
        state = np.zeros(self.rows.shape[1:], np.float32)
        logits, sums = np.empty((stream.window, len(prior)), np.float32), np.empty(stream.window, np.float32)
        gradient = np.empty((stream.window, *state.shape), np.float32)
        for window in stream.windows():
            codes, first, kept = stream.codes[window], stream.first[window], stream.kept[window]
            ours, out = codes - self.low, logits[: len(codes)]
            loops.run_on(codes, self.low, first, kept, self.rows, decays, seen, self._usual, prior, state, out)
            loops.exponentials(out, sums[: len(codes)])
            whole = total(sums[: len(codes)].astype(np.float64))
            worth = _share(stream.worth[window], whole)
            here = np.flatnonzero((ours >= 0) & (ours < len(prior)))
            out[here, ours[here]] -= whole[here]  # softmax minus what came, times the whole
            distinct, places = np.unique(codes, return_inverse=True)
            moved = gradient[: len(distinct)]
            loops.run_back(out, worth, places, first, kept, decays, moved)
            done = window.start / len(stream.codes)
            loops.step(distinct, moved, rates[0] + (rates[1] - rates[0]) * done, self._squares, self.rows)


def _share(worth: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """worth / whole (window,) float32; 0 where nothing is to be predicted."""
    known = (worth > 0) & (whole > 0) & np.isfinite(whole)
    return np.divide(worth, whole, out=np.zeros(len(whole)), where=known).astype(np.float32)
