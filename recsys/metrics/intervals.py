"""How sure a mean over users is: percentile bootstrap intervals. Efron and Tibshirani, 1993, chapter 13."""

from typing import NamedTuple

import numpy as np

RESAMPLED = 20_000_000  # resampled values held at once by bootstrap


class Interval(NamedTuple):
    """A mean and the range in which it lies with 95 % confidence."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"

    def signed(self) -> str:
        """A difference in words.

        >>> Interval(0.004, -0.003, 0.01).signed()
        '+0.004 (-0.003 to +0.010)'
        """
        return f"{self.mean:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


def bootstrap(values: np.ndarray, seed: int = 0, samples: int = 1000) -> Interval:
    """Mean of per-user values with its 95 % percentile interval over `samples` resamples of the users.

    The same seed and number of users draw the same resamples, so that two models' intervals are comparable. For a
    difference of two models pass the difference of their values: it is far sharper than two intervals side by side.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    low, high = np.percentile(_resampled_means(values[:, None], seed, samples)[:, 0], [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def bootstrap_ratio(values: np.ndarray, baseline: np.ndarray, seed: int = 0, samples: int = 1000) -> Interval:
    """mean(values) / mean(baseline) with its 95 % interval, the users resampled in pairs; inf where baseline is 0."""
    pair = np.stack([np.asarray(values, np.float64), np.asarray(baseline, np.float64)], axis=1)
    return _ratio(*pair.mean(axis=0), *_resampled_means(pair, seed, samples).T)


def bootstrap_lift(values: np.ndarray, baseline: np.ndarray, seed: int = 0, samples: int = 1000) -> Interval:
    """mean(values) / mean(baseline) of two groups of different users, each resampled by itself; inf where it is 0."""
    first, second = (np.asarray(each, np.float64)[:, None] for each in (values, baseline))
    means = (_resampled_means(each, seed + place, samples)[:, 0] for place, each in enumerate((first, second)))
    return _ratio(first.mean(), second.mean(), *means)


def _ratio(mean: float, of: float, means: np.ndarray, of_means: np.ndarray) -> Interval:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, ratios = np.float64(mean) / of, means / of_means
    if np.isnan(ratios).all():  # neither did anything
        return Interval(float("nan"), float("nan"), float("nan"))
    low = np.nanpercentile(ratios, 2.5, method="lower")  # one of the ratios: between two infinite ones is no number
    high = np.nanpercentile(ratios, 97.5, method="higher")
    return Interval(float(ratio), float(low), float(high))


def _resampled_means(columns: np.ndarray, seed: int, samples: int) -> np.ndarray:
    """(samples, n_columns) means over resampled rows of (n, n_columns), in blocks of bounded memory."""
    rng = np.random.default_rng(seed)
    n = len(columns)
    block = max(1, RESAMPLED // (n * columns.shape[1]))
    sizes = [min(block, samples - start) for start in range(0, samples, block)]
    return np.concatenate([columns[rng.integers(0, n, (size, n))].mean(axis=1) for size in sizes])
