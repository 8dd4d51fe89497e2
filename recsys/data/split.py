"""Hold out by time; the protocols that models are judged by are in `recsys.models.protocol`."""

import numpy as np
import pandas as pd

from recsys.columns import TIMESTAMP
from recsys.errors import DataError


def split_by_time(
    interactions: pd.DataFrame, validation_share: float = 0.1, test_share: float = 0.1
) -> dict[str, pd.DataFrame]:
    """train, validation and test, oldest to newest, cut at two moments; events of one moment stay together.

    Raises DataError when the shares leave no training part, or a part would be empty.
    """
    if validation_share + test_share >= 1:
        raise DataError(
            f"validation {validation_share:g} and test {test_share:g} leave nothing to train on; choose smaller shares"
        )
    times = interactions[TIMESTAMP]
    ordered = np.sort(times.to_numpy())
    place = np.minimum(np.array([1 - validation_share - test_share, 1 - test_share]) * len(ordered), len(ordered) - 1)
    first, second = ordered[place.astype(int)]
    parts = {
        "train": interactions[times < first],
        "validation": interactions[(times >= first) & (times < second)],
        "test": interactions[times >= second],
    }
    empty = [name for name, part in parts.items() if part.empty]
    if empty:
        raise DataError(
            f"the {empty[0]} part of {len(interactions):,} interactions is empty; give it a larger share, or more data"
        )
    return parts


def days_after(before: pd.DataFrame, later: pd.DataFrame) -> str:
    """When the later interactions were, counted from the last of those before: `7 to 16 days later`."""
    days = (later[TIMESTAMP] - before[TIMESTAMP].max()) / 86_400
    return f"{days.min():.0f} to {days.max():.0f} days later"
