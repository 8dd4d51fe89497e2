"""What items are worth, as factors of their probabilities."""

import numpy as np

LEAST = 0.01  # of the largest value: an item worth nothing is still recommended to whom it suits by far the best


def log_rewards(values: np.ndarray, emphasis: float) -> np.ndarray:
    """(n_items,) float32: emphasis * log(value / largest value), for values (n_items,) with NaN where unknown.

    With emphasis 1, the products with the probabilities of items are expected values, up to one factor for all. Where
    some values are below 0, all are counted from the lowest. An unknown value is the median of the known ones.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros(len(values), np.float32)
    worth = np.where(np.isfinite(values), values, np.median(known)) - min(0.0, known.min())
    largest = worth.max()
    share = worth / largest if largest > 0 else np.ones(len(worth))
    return (emphasis * np.log(np.maximum(share, LEAST))).astype(np.float32)
