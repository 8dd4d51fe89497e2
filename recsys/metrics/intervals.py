"""How sure a value of many users is: percentile bootstrap intervals (Efron and Tibshirani, 1993, 13), the jackknife."""

from typing import NamedTuple

import numpy as np

from recsys.metrics.beyond import coverage, exposure_gini

RESAMPLED = 20_000_000  # resampled values held at once by bootstrap


class Interval(NamedTuple):
    """A value, mostly a mean, and the range in which it lies with 95 % confidence."""

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

    >>> print(bootstrap(np.array([0.0, 1.0] * 50)))
    0.5000 [0.4000, 0.6000]
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    low, high = np.percentile(_resampled_means(values[:, None], seed, samples)[:, 0], [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def bootstrap_ratio(values: np.ndarray, baseline: np.ndarray, seed: int = 0) -> Interval:
    """mean(values) / mean(baseline) with its 95 % interval, the users resampled in pairs; inf where baseline is 0.

    >>> values = np.array([0.0, 1.0, 2.0] * 50)
    >>> print(bootstrap_ratio(2 * values, values))
    2.0000 [2.0000, 2.0000]
    """
    pair = np.stack([np.asarray(values, np.float64), np.asarray(baseline, np.float64)], axis=1)
    return _ratio(*pair.mean(axis=0), *_resampled_means(pair, seed).T)


def bootstrap_lift(values: np.ndarray, baseline: np.ndarray, seed: int = 0) -> Interval:
    """mean(values) / mean(baseline) of two groups of different users, each resampled by itself; inf where it is 0.

    >>> values = np.array([0.0, 1.0, 2.0] * 50)
    >>> print(bootstrap_lift(2 * values, values[:90]))
    2.0000 [1.6121, 2.4867]
    """
    first, second = (np.asarray(each, np.float64)[:, None] for each in (values, baseline))
    means = (_resampled_means(each, seed + place)[:, 0] for place, each in enumerate((first, second)))
    return _ratio(first.mean(), second.mean(), *means)


def coverage_interval(recommended: np.ndarray, n_items: int) -> Interval:
    """`coverage` with its 95 % interval over the users, by leaving out each of them once (the jackknife).

    What a user alone is shown is lost without that user. Users drawn again and again would show too few items: only 63
    of 100 are in a resample, so that its coverage lies below even the whole interval of what it stands for. The
    interval is for as many other users, and rather wide (Efron and Stein, Annals of Statistics 9, 1981); near a
    coverage of 1 it is too narrow. 0 to 1 of fewer than two users.

    >>> print(coverage_interval(np.array([[0, 1], [0, 2], [0, 3], [0, 1]]), 6))
    0.6667 [0.3838, 0.9496]
    """
    users, items = _shown(recommended)
    pairs = np.unique(np.stack([users, items]), axis=1)
    alone = np.bincount(pairs[1], minlength=n_items)[pairs[1]] == 1
    lost = np.bincount(pairs[0][alone], minlength=len(recommended)) / n_items
    return _left_out(coverage(recommended, n_items), lost)


def exposure_gini_interval(recommended: np.ndarray, n_items: int) -> Interval:
    """`exposure_gini` with its 95 % interval over the users, as `coverage_interval` has it.

    The index of counts c with c_j one less falls short in its numerator by 2 r_j - n - 1, r_j the first rank of the
    counts as large as c_j: taken of all items of a list at once, which leaves out only how these pass each other.

    >>> print(exposure_gini_interval(np.array([[0, 1], [0, 2], [0, 3], [0, 1]]), 6))
    0.5417 [0.3531, 0.7303]
    """
    users, items = _shown(recommended)
    counts = np.bincount(items, minlength=n_items)
    first = np.searchsorted(np.sort(counts), counts) + 1.0
    places = np.bincount(users, minlength=len(recommended))
    index, total = exposure_gini(recommended, n_items), len(items)
    less = np.bincount(users, (2 * first - n_items - 1)[items], minlength=len(recommended))
    with np.errstate(invalid="ignore", divide="ignore"):
        without = (index * n_items * total - less) / (n_items * (total - places))
    return _left_out(index, index - np.nan_to_num(without))


def _shown(recommended: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The row and the item of each place that is filled."""
    rows, places = np.nonzero(np.asarray(recommended) >= 0)
    return rows, np.asarray(recommended)[rows, places]


def _left_out(value: float, change: np.ndarray) -> Interval:
    """A value with its interval by the change (n,) that leaving out each user makes."""
    n = len(change)
    if n < 2:
        return Interval(value, 0.0, 1.0)
    half = 1.96 * float(np.sqrt((n - 1) * change.var()))
    return Interval(value, max(0.0, value - half), min(1.0, value + half))


def _ratio(mean: float, of: float, means: np.ndarray, of_means: np.ndarray) -> Interval:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, ratios = np.float64(mean) / of, means / of_means
    if np.isnan(ratios).all():  # neither did anything
        return Interval(float("nan"), float("nan"), float("nan"))
    low = np.nanpercentile(ratios, 2.5, method="lower")  # one of the ratios: between two infinite ones is no number
    high = np.nanpercentile(ratios, 97.5, method="higher")
    return Interval(float(ratio), float(low), float(high))


def _resampled_means(columns: np.ndarray, seed: int, samples: int = 1000) -> np.ndarray:
    """(samples, n_columns) means over resampled rows of (n, n_columns), in blocks of bounded memory."""
    rng = np.random.default_rng(seed)
    n = len(columns)
    block = max(1, RESAMPLED // (n * columns.shape[1]))
    sizes = [min(block, samples - start) for start in range(0, samples, block)]
    return np.concatenate([columns[rng.integers(0, n, (size, n))].mean(axis=1) for size in sizes])
