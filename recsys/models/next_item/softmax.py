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

CHUNK = 8  # positions whose states are worked out by one small matrix product
WINDOW = 64  # positions between two steps; fewer where there are few events
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
        whole = np.concatenate([part.rows for part in self._parts], axis=2)
        return whole.transpose(1, 0, 2).reshape(-1, self.n_items)

    def cost(self, events: int) -> float:
        """Seconds that a pass over so many events takes on two ordinary cores, by counted work."""
        return events * len(self.decays) * self.n_items * SECONDS_A_LOGIT


class _Stream(NamedTuple):
    """The events of users one after another, cut into windows; padded with events of nobody.

    codes, user, position among the user's events, kept (0 for what is left out of the histories, else 1 / chance) and
    worth (what predicting it counts, 0 where nobody could).
    """

    window: int
    codes: np.ndarray
    users: np.ndarray
    positions: np.ndarray
    kept: np.ndarray
    worth: np.ndarray

    @classmethod
    def of(cls, seqs: Sequences, users: np.ndarray, seen: bool, rng: np.random.Generator) -> Self:
        ordered = seqs.select(users)
        n = ordered.n_events
        window = int(np.clip(n // FEWEST_STEPS // CHUNK * CHUNK, CHUNK, WINDOW))
        padding = -n % window
        kept = (rng.random(n) >= DROPPED) / np.float32(1 - DROPPED)
        worth = np.ones(n, np.float32) if ordered.weights is None else ordered.weights.astype(np.float32)
        worth = np.where(ordered.positions > 0, worth, np.float32(0))
        if not seen:
            first = np.zeros(n, bool)
            first[np.unique(ordered.users * seqs.n_items + ordered.codes, return_index=True)[1]] = True
            worth[~first] = 0
        columns = ordered.codes, ordered.users, ordered.positions, kept.astype(np.float32), worth
        fill = 0, -1, 0, 0, 0
        return cls(
            window, *(np.append(each, np.full(padding, f, each.dtype)) for each, f in zip(columns, fill, strict=True))
        )

    def windows(self) -> Iterator[slice]:
        return (slice(start, start + self.window) for start in range(0, len(self.codes), self.window))


class _Part:
    """The columns from `low` to `high` of the coefficients, one process's work; rows: (n_items, scales, columns)."""

    def __init__(self, share: np.ndarray, low: int, high: int, scales: int) -> None:
        self.low, self.high = low, high
        self.rows = shared_zeros((len(share), scales, high - low))
        self._squares = shared_zeros((len(share), scales))
        self._squares += np.float32(DAMPING)
        self._prior = np.log(share[low:high]).astype(np.float32)

    def learn(self, stream: _Stream, decays: np.ndarray, seen: bool, rates: tuple[float, float], total: Total) -> None:
        """Step through all windows of the stream."""
        state = np.zeros((len(decays), self.high - self.low), np.float32)
        rows = np.empty((stream.window, *state.shape), np.float32)
        logits = np.empty((stream.window, state.shape[1]), np.float32)
        pairs = np.tril_indices(stream.window, -1)
        for window in stream.windows():
            codes, mixing = stream.codes[window], _mixing(stream, window, decays)
            np.take(self.rows, codes, axis=0, out=rows, mode="clip")
            state = _forward(rows, state, mixing, logits)
            self._add_prior(stream, window, logits, None if seen else pairs)
            error = self._error(stream, window, logits, total)
            _backward(error, mixing, rows)
            done = window.start / len(stream.codes)
            self._step(codes, rows, rates[0] + (rates[1] - rates[0]) * done)

    def _add_prior(self, stream: _Stream, window: slice, logits: np.ndarray, pairs: tuple | None) -> None:
        """log share for every position, -inf where the user had the item before and people do not repeat."""
        if pairs is None:
            logits += self._prior
            return
        codes, users = stream.codes[window] - self.low, stream.users[window]
        starts = np.flatnonzero(np.diff(users, prepend=-2))
        for start, end in zip(starts, np.append(starts[1:], len(users)), strict=True):
            here = window.start + start
            earlier = stream.codes[here - stream.positions[here] : here] - self.low
            prior = self._prior.copy()
            prior[earlier[(earlier >= 0) & (earlier < len(prior))]] = -np.inf
            logits[start:end] += prior
        later, before = pairs
        ours = (codes >= 0) & (codes < len(self._prior))
        had = ours[before] & (users[later] == users[before])
        logits[later[had], codes[before[had]]] = -np.inf

    def _error(self, stream: _Stream, window: slice, logits: np.ndarray, total: Total) -> np.ndarray:
        """Softmax minus what came next, by its worth and in place; 0 where nothing is to be predicted."""
        np.exp(logits, out=logits)
        sums, worth = total(logits.sum(axis=1, dtype=np.float64)), stream.worth[window]
        known = (worth > 0) & (sums > 0) & np.isfinite(sums)
        logits *= np.divide(worth, sums, out=np.zeros(len(sums)), where=known).astype(np.float32)[:, None]
        logits[~known] = 0
        codes = stream.codes[window] - self.low
        ours = np.flatnonzero(known & (codes >= 0) & (codes < len(self._prior)))
        logits[ours, codes[ours]] -= worth[ours]
        return logits

    def _step(self, codes: np.ndarray, gradient: np.ndarray, rate: float) -> None:
        """Add the gradients (window, scales, columns) of equal items up, and move their rows against them."""
        distinct, first, of_event = np.unique(codes, return_index=True, return_inverse=True)
        for again in np.flatnonzero(first[of_event] != np.arange(len(codes))):
            gradient[first[of_event[again]]] += gradient[again]
        if len(distinct) == len(codes):
            distinct = codes
        else:
            gradient = gradient[first]
        self._squares[distinct] += np.vecdot(gradient, gradient)
        gradient *= (np.float32(-rate) / np.sqrt(self._squares[distinct]))[:, :, None]
        self.rows[distinct] += gradient


class _Mixing(NamedTuple):
    """How a chunk's events and the state before it make its states and the one after it, for each chunk of a window.

    events: (chunks, CHUNK + scales, CHUNK * scales), state: (chunks, CHUNK + scales, scales); the last rows are the
    state after the chunk, scale by scale.
    """

    events: np.ndarray
    state: np.ndarray


def _mixing(stream: _Stream, window: slice, decays: np.ndarray) -> _Mixing:
    scales = len(decays)
    after = np.append(
        stream.users[window], stream.users[window.stop : window.stop + 1] if window.stop < len(stream.users) else -1
    )
    users = after[:-1].reshape(-1, CHUNK)
    seen_by = np.concatenate([users, after[CHUNK::CHUNK, None]], axis=1)  # users of the chunk's positions and the next
    age = np.arange(CHUNK + 1)[:, None] - 1 - np.arange(CHUNK)
    powers = np.where(age[:, :, None] >= 0, decays ** np.maximum(age, 0)[:, :, None], 0)
    same = (seen_by[:, :, None] == users[:, None, :]) * stream.kept[window].reshape(-1, 1, CHUNK)
    weights = powers * same[..., None]
    carried = decays ** np.arange(CHUNK + 1)[:, None] * (seen_by == users[:, :1])[..., None]
    events = np.zeros((len(users), CHUNK + scales, CHUNK, scales), np.float32)
    state = np.zeros((len(users), CHUNK + scales, scales), np.float32)
    events[:, :CHUNK], state[:, :CHUNK] = weights[:, :CHUNK], carried[:, :CHUNK]
    for k in range(scales):
        events[:, CHUNK + k, :, k], state[:, CHUNK + k, k] = weights[:, CHUNK, :, k], carried[:, CHUNK, k]
    return _Mixing(events.reshape(len(users), CHUNK + scales, CHUNK * scales), state)


def _forward(rows: np.ndarray, state: np.ndarray, mixing: _Mixing, logits: np.ndarray) -> np.ndarray:
    """Fill `logits` (window, columns) with the sum of the states; the state after the window."""
    for chunk, (events, before) in enumerate(zip(*mixing, strict=True)):
        here = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        out = events @ rows[here].reshape(events.shape[1], -1)
        out += before @ state
        logits[here], state = out[:CHUNK], out[CHUNK:]
    return state


def _backward(error: np.ndarray, mixing: _Mixing, gradient: np.ndarray) -> None:
    """Fill `gradient` (window, scales, columns) from the errors of the logits, last chunk first."""
    after = np.zeros(gradient.shape[1:], np.float32)
    for chunk in reversed(range(len(mixing.events))):
        here = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        out = np.concatenate([error[here], after])
        np.matmul(mixing.events[chunk].T, out, out=gradient[here].reshape(mixing.events.shape[2], -1))
        after = mixing.state[chunk].T @ out
