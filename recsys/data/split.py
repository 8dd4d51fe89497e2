"""Three ways to hold out what a model is judged on. Each takes and gives interactions; no event is in two parts."""

import numpy as np
import pandas as pd

from recsys.columns import TIMESTAMP, USER_ID
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


def leave_last_out(interactions: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """train and test: the newest event of every user with at least two events is held out."""
    from_newest, events = _from_newest(interactions)
    last = (from_newest == 0) & (events >= 2)
    return interactions[~last], interactions[last]


def split_by_user(
    interactions: pd.DataFrame, seed: int, user_share: float = 0.1, newest_share: float = 0.1
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """train, histories and targets on Personalize's protocol.

    A `user_share` of the users, drawn from those with at least two events, is not trained on; of each, the newest
    `newest_share` of events, rounded down but at least one, are the targets and the older ones the history. Raises
    DataError if there is no such user.
    """
    from_newest, events = _from_newest(interactions)
    able = np.sort(interactions[USER_ID][events >= 2].unique().astype(object))
    if not len(able):
        raise DataError("no user has two interactions; there is nothing to hold out")
    count = min(len(able), max(1, round(user_share * interactions[USER_ID].nunique())))
    chosen = np.random.default_rng(seed).choice(able, size=count, replace=False)
    held_out = interactions[USER_ID].isin(chosen)
    target = held_out & (from_newest < np.maximum(1, (newest_share * events) // 1))
    return interactions[~held_out], interactions[held_out & ~target], interactions[target]


def _from_newest(interactions: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Each event's place from its user's newest (0), and its user's events; of equal times the later row is newer."""
    order = np.argsort(interactions[TIMESTAMP].to_numpy(), kind="stable")
    grouped = interactions[USER_ID].iloc[order].groupby(interactions[USER_ID].iloc[order])
    from_newest = grouped.cumcount(ascending=False).reindex(interactions.index)
    return from_newest, interactions[USER_ID].map(interactions[USER_ID].value_counts())
