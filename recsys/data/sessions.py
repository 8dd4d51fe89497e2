"""Visits: runs of a user's events without a long pause."""

import numpy as np
import pandas as pd

from recsys.columns import ITEM_ID, SESSION_ID, TIMESTAMP, USER_ID


def sessionise(interactions: pd.DataFrame, gap_minutes: float = 30.0) -> pd.DataFrame:
    """The interactions with SESSION_ID, `<user>-<number of the visit>`, rows and order unchanged.

    A pause longer than `gap_minutes` starts a new session.
    """
    users, times = pd.factorize(interactions[USER_ID])[0], interactions[TIMESTAMP].to_numpy()
    order = np.lexsort((times, users))
    pauses = np.diff(times[order], prepend=0) > gap_minutes * 60
    new_user = np.diff(users[order], prepend=-1) > 0
    visits = np.cumsum(new_user | pauses)
    number = np.empty_like(visits)
    number[order] = visits - np.maximum.accumulate(np.where(new_user, visits - 1, 0))
    names = interactions[USER_ID].astype("str") + "-" + pd.Series(number, interactions.index).astype("str")
    return interactions.assign(**{SESSION_ID: names})


def session_statistics(interactions: pd.DataFrame) -> pd.DataFrame:
    """One row per session of a sessionised table: SESSION_ID, USER_ID, events, items, start (seconds), minutes."""
    grouped = interactions.groupby(SESSION_ID, sort=False)
    found = grouped.agg(
        **{
            USER_ID: (USER_ID, "first"),
            "events": (ITEM_ID, "size"),
            "items": (ITEM_ID, "nunique"),
            "start": (TIMESTAMP, "min"),
            "end": (TIMESTAMP, "max"),
        }
    )
    minutes = (found["end"] - found["start"]) / 60
    return found.assign(minutes=minutes).drop(columns="end").reset_index()
