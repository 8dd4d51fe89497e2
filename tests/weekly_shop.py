"""A shop people visit once a week: what they come for is not what the visit goes on with."""

import numpy as np
import pandas as pd

WEEK = 7 * 86_400
USERS, VISITS, TRAILS, LONG = 200, 8, 40, 5


def visits(staples: int = 10) -> pd.DataFrame:
    """Interactions: users take their staple, where there are any, and then follow a trail of five items to its end.

    User u's staple is item u % staples; the items of a trail follow one another.
    """
    rng, rows = np.random.default_rng(0), []
    for user in range(USERS):
        for visit in range(VISITS):
            trail = staples + LONG * rng.integers(TRAILS) + np.arange(LONG)
            start = WEEK * visit + WEEK // USERS * user  # each at a time of the week of their own
            for step, item in enumerate([*([user % staples] if staples else []), *trail]):
                rows.append((f"u{user:03}", f"i{item:03}", 1_700_000_000 + start + 60 * step, "view"))
    return pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"])
