"""The shop of these tests: a next item that can be learned."""

import numpy as np
import pandas as pd

USERS, ITEMS, EVENTS = 60, 24, 24  # events per user


def shop() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A shop in which item i leads to item i + 1, and everyone starts somewhere."""
    rng = np.random.default_rng(0)
    starts = rng.integers(0, ITEMS, USERS)
    rows = [
        (f"user-{user}", f"item-{(start + step) % ITEMS}", 1_700_000_000 + user * 1000 + step * 10, "view")
        for user, start in enumerate(starts)
        for step in range(EVENTS)
    ]
    items = [f"item-{number}" for number in range(ITEMS)]
    return pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"]), pd.DataFrame(
        {
            "ITEM_ID": items,
            "CATEGORY": ["even" if number % 2 == 0 else "odd" for number in range(ITEMS)],
            "PRICE": [float(number) + 0.5 for number in range(ITEMS)],
            "CREATION_TIMESTAMP": 1_600_000_000,
            "TITLE": [f"The {item}" for item in items],
            "IN_STOCK": ["false" if number % 3 == 0 else "true" for number in range(ITEMS)],
        }
    )
