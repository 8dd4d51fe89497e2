"""The best of a catalogue's scores."""

import numpy as np

BLOCK = 64


def top(scores: np.ndarray, k: int) -> np.ndarray:
    """Codes of the k highest of (n,) scores, best first, equal ones by the lower code; -inf is no score.

    k blocks of scores have a maximum of at least the k-th largest maximum, so nothing below it is among the k best:
    one pass over the scores finds the few that are worth sorting.
    """
    floor = _floor(scores, k)
    codes = np.flatnonzero(scores >= floor) if floor > -np.inf else np.flatnonzero(scores > -np.inf)
    values = scores[codes]
    if len(codes) > 8 * k + BLOCK:  # many alike at the edge
        edge = np.partition(values, len(values) - k)[len(values) - k] if k else np.inf
        above, level = np.flatnonzero(values > edge), np.flatnonzero(values == edge)
        chosen = np.sort(np.concatenate([above, level[: k - len(above)]]))
        codes, values = codes[chosen], values[chosen]
    return codes[np.argsort(-values, kind="stable")[:k]]


def _floor(scores: np.ndarray, k: int) -> float:
    """A value that at least k scores reach; -inf where there are too few blocks to tell."""
    blocks = len(scores) // BLOCK
    if blocks < k or k == 0:
        return -np.inf
    maxima = scores[: blocks * BLOCK].reshape(BLOCK, blocks).max(axis=0)
    return float(np.partition(maxima, blocks - k)[blocks - k])


class Softmax:
    """The softmax of (n,) scores, worked out only where it is asked for; its normaliser is over all n."""

    def __init__(self, scores: np.ndarray, temperature: float) -> None:
        self._scores, self._temperature = scores, temperature
        self._peak = scores.max()
        self._total = np.exp((scores - self._peak) / np.float32(temperature)).sum(dtype=np.float64)

    def at(self, codes: np.ndarray) -> np.ndarray:
        """(m,) float64 shares of the chosen codes."""
        return np.exp((self._scores[codes].astype(np.float64) - self._peak) / self._temperature) / self._total
