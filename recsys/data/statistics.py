"""Numbers that describe a shop's interactions in one look."""

import pandas as pd

from recsys.columns import ITEM_ID, TIMESTAMP, USER_ID
from recsys.data.sessions import session_statistics, sessionise
from recsys.metrics import gini


def activity(interactions: pd.DataFrame, gap_minutes: float = 30.0) -> pd.DataFrame:
    """How events spread over users, items, sessions and days: a row each with mean, median, 90 %, largest and Gini."""
    sessions = session_statistics(sessionise(interactions, gap_minutes))
    days = interactions[TIMESTAMP] // 86_400
    counts = {
        "events per user": interactions[USER_ID].value_counts(),
        "events per item": interactions[ITEM_ID].value_counts(),
        "events per session": sessions["events"],
        "sessions per user": sessions[USER_ID].value_counts(),
        "events per day": days.value_counts().reindex(range(days.min(), days.max() + 1), fill_value=0),
    }
    rows = [
        (name, each.mean(), each.median(), each.quantile(0.9), int(each.max()), gini(each.to_numpy()))
        for name, each in counts.items()
    ]
    return pd.DataFrame(rows, columns=["what", "mean", "median", "90 %", "largest", "gini"])
