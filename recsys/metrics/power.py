"""How many users an experiment takes, before it begins."""

from statistics import NormalDist

import numpy as np


def users_needed(values: np.ndarray, lift: float, share: float = 0.5, power: float = 0.8, level: float = 0.05) -> float:
    """Users of both variants together, of whom `share` are in one, until a difference is seen with this power.

    `values`, (n_users,), are what users do without it, such as events of each: their mean m and standard deviation s.
    `lift` is the relative difference of the means, .1 for a tenth more. Two-sided test at `level`:

        n = (z_{1 - level / 2} + z_power)^2 * s^2 / (lift * m)^2 * (1 / share + 1 / (1 - share))

    At the usual level and power with equal shares that is the rule of 16 s^2 / (lift m)^2 users a variant: Kohavi, Tang
    and Xu, Trustworthy Online Controlled Experiments (2020), 15.4. Infinite where nobody does anything.
    Raises ValueError for a share, power or level that is not between 0 and 1.

    >>> round(users_needed(np.array([1.0, 0.0, 0.0, 0.0, 0.0]), lift=0.1))
    12558
    """
    for name, value in {"share": share, "power": power, "level": level}.items():
        if not 0 < value < 1:
            raise ValueError(f"a {name} of {value}: give one between 0 and 1")
    normal = NormalDist()
    spread = normal.inv_cdf(1 - level / 2) + normal.inv_cdf(power)
    mean, deviation = float(np.mean(values)), float(np.std(values))
    if mean == 0 or lift == 0:
        return float("inf")
    return (spread * deviation / (lift * mean)) ** 2 * (1 / share + 1 / (1 - share))


def lift_seen(values: np.ndarray, users: float, share: float = 0.5, power: float = 0.8, level: float = 0.05) -> float:
    """The smallest lift that so many users show: `users_needed`, solved for it.

    >>> values = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    >>> round(lift_seen(values, users_needed(values, lift=0.1)), 6)
    0.1
    """
    return float(np.sqrt(users_needed(values, 1.0, share, power, level) / users))
