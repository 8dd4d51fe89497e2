"""What a trained transformer answers, in numpy alone: whoever serves it needs no torch.

Pre-norm blocks of causal attention and a ReLU layer without offsets, item embeddings that are input and output alike
(SASRec: Kang and McAuley, ICDM 2018). Only the newest position is asked for, so that the last block has one query.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

HEAD = 32  # numbers of an attention head
SMALLEST = np.float32(1e-5)  # added to variances
AT_ONCE = 1_000_000  # attention weights held at once: 4 MB stay in the cache


class Forward:
    """Logits of what comes next from the arrays of one model, all float32; they may be memory-mapped.

    items: (n_items, width); positions: (length, width); offset: (n_items,), what an item has without any history; and
    per block qkv (width, 3 * width), out (width, width), up (width, inner), down (inner, width); norms: (2 * blocks +
    1, 2, width), the scale and shift before attention, before the ReLU layer and at the end.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays = {name: np.asarray(arrays[name]) for name in NAMES}  # a mapped array is slow to take parts of
        self.width = self.arrays["items"].shape[1]
        self.length, self.blocks = len(self.arrays["positions"]), len(self.arrays["qkv"])

    def logits(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        """(n, n_items) float32 for n histories of item codes, oldest first; an empty one has the offsets alone."""
        hidden = np.zeros((len(histories), self.width), np.float32)
        for rows in self._batches([min(len(history), self.length) for history in histories]):
            hidden[rows] = self._newest([histories[row][-self.length :] for row in rows])
        scores = hidden @ self.arrays["items"].T
        scores += self.arrays["offset"]
        return scores

    def _batches(self, lengths: Sequence[int]) -> Iterator[np.ndarray]:
        """The rows that have a history in batches of much the same length, whose attention weights fit into memory."""
        order = np.argsort(lengths, kind="stable")[np.count_nonzero(np.equal(lengths, 0)) :]
        heads = self.width // HEAD
        while len(order):
            longest = lengths[order[-1]]
            size = max(1, AT_ONCE // (heads * longest**2))
            yield order[-size:]
            order = order[:-size]

    def _newest(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        """(n, width): the state after the newest event; what shorter histories are filled up with comes later."""
        lengths = np.array([len(history) for history in histories])
        codes = np.zeros((len(histories), lengths.max()), np.int64)
        codes[np.arange(codes.shape[1]) < lengths[:, None]] = np.concatenate(histories)
        state = self.arrays["items"][codes] * np.float32(self.width**0.5)
        state += self.arrays["positions"][: codes.shape[1]]
        for block in range(self.blocks - 1):
            state = self._block(block, state, None)
        return self._norm(-1, self._block(self.blocks - 1, state, lengths - 1)[:, 0])

    def _block(self, block: int, state: np.ndarray, at: np.ndarray | None) -> np.ndarray:
        """The states (n, positions, width) after a block, or of the positions `at` (n,) alone: (n, 1, width)."""
        queries, keys, values = np.split(self.arrays["qkv"][block], 3, axis=1)
        normed = self._norm(2 * block, state)
        asking, state = (normed, state) if at is None else (_at(normed, at), _at(state, at))
        last = np.arange(normed.shape[1])[None] if at is None else at[:, None]
        read = _attention(asking @ queries, normed @ keys, normed @ values, last)
        state = state + read @ self.arrays["out"][block]
        inner = self._norm(2 * block + 1, state) @ self.arrays["up"][block]
        np.maximum(inner, 0, out=inner)
        state += inner @ self.arrays["down"][block]
        return state

    def _norm(self, which: int, state: np.ndarray) -> np.ndarray:
        """Layer normalization (Ba, Kiros and Hinton, 2016)."""
        scale, shift = self.arrays["norms"][which]
        centred = state - state.mean(axis=-1, keepdims=True)
        variance = np.vecdot(centred, centred)[..., None] / np.float32(self.width)
        centred *= scale / np.sqrt(variance + SMALLEST)
        centred += shift
        return centred


NAMES = ("items", "positions", "offset", "qkv", "out", "up", "down", "norms")


def _at(state: np.ndarray, at: np.ndarray) -> np.ndarray:
    return np.take_along_axis(state, at[:, None, None], axis=1)


def _attention(queries: np.ndarray, keys: np.ndarray, values: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Scaled dot-product attention of queries (n, q, width) that see positions 0 to `last` (n or 1, q)."""
    queries, keys, values = (_heads(each) for each in (queries, keys, values))
    weights = queries @ keys.transpose(0, 1, 3, 2)
    weights *= np.float32(HEAD**-0.5)
    hidden = np.arange(keys.shape[2]) > last[..., None]
    np.copyto(weights, -np.inf, where=hidden[:, None])
    weights -= weights.max(axis=-1, keepdims=True)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=-1, keepdims=True)
    read = (weights @ values).transpose(0, 2, 1, 3)
    return read.reshape(*read.shape[:2], -1)


def _heads(each: np.ndarray) -> np.ndarray:
    """(n, heads, positions, HEAD) of (n, positions, width)."""
    return each.reshape(*each.shape[:2], -1, HEAD).transpose(0, 2, 1, 3)
