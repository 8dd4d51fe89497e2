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


def softmax(scores: np.ndarray, codes: np.ndarray, temperature: float) -> np.ndarray:
    """(m,) float64 softmax of (n,) scores at the chosen codes; its normaliser is over all n."""
    peak = scores.max()
    total = np.exp((scores - peak) / np.float32(temperature)).sum(dtype=np.float64)
    return np.exp((scores[codes].astype(np.float64) - peak) / temperature) / total
