"""Scores as shares of a whole."""

import numpy as np


class Softmax:
    """The softmax of (n,) scores, worked out only where it is asked for; its normaliser is over all n."""

    def __init__(self, scores: np.ndarray, temperature: float) -> None:
        self._scores, self._temperature = scores, temperature
        self._peak = scores.max()
        self._total = np.exp((scores - self._peak) / np.float32(temperature)).sum(dtype=np.float64)

    def at(self, codes: np.ndarray) -> np.ndarray:
        """(m,) float64 shares of the chosen codes."""
        return np.exp((self._scores[codes].astype(np.float64) - self._peak) / self._temperature) / self._total
