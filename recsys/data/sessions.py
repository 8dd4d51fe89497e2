"""Visits: runs of a user's events without a long pause."""

import numpy as np
import pandas as pd

from recsys.columns import ITEM_ID, SESSION_ID, TIMESTAMP, USER_ID


def sessionise(interactions: pd.DataFrame, gap_minutes: float = 30.0) -> pd.DataFrame:
    """The interactions with SESSION_ID, `<user>-<number of the visit>`, rows and order unchanged.

    A pause longer than `gap_minutes` starts a new session.
    """
    users = interactions[USER_ID].astype("str").reset_index(drop=True)
    times = interactions[TIMESTAMP].reset_index(drop=True)
    order = np.lexsort((times, users))
    users, times = users.iloc[order], times.iloc[order]
    starts = (users != users.shift()) | (times.diff() > gap_minutes * 60)
    number = starts.groupby(users).cumsum()
    names = users + "-" + number.astype("str")
    return interactions.assign(**{SESSION_ID: names.sort_index().array})


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
