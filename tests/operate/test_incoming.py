"""What a table says of events that came in since a training."""

import pandas as pd

from recsys import operate

DAY = 86_400


def events(*rows: tuple[str, str, int]) -> pd.DataFrame:
    """User, item and day of 1970 of each event."""
    return pd.DataFrame(
        [(user, item, day * DAY) for user, item, day in rows], columns=["USER_ID", "ITEM_ID", "TIMESTAMP"]
    )


def test_news_are_counted_against_what_was_trained_on() -> None:
    trained = events(("a", "tea", 0), ("b", "cup", 1))
    export = events(("a", "jam", 2), ("c", "jam", 2), ("c", "tea", 4))
    told = operate.news({"trained on": trained, "export": export}).set_index("part")
    assert told.loc["trained on"].to_list() == [2, 2, 0, 2, 0, "1970-01-01", "1970-01-02"]
    assert told.loc["export"].to_dict() == {
        "events": 3,
        "users": 2,
        "new users": 1,
        "items": 2,
        "new items": 1,
        "from": "1970-01-03",
        "to": "1970-01-05",
    }
