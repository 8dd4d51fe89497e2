"""Sessions, and the split in time."""

import pandas as pd
import pytest

from recsys.columns import ITEM_ID, SESSION_ID, TIMESTAMP, USER_ID
from recsys.data import days_after, prepare, session_statistics, sessionise, split_by_time
from recsys.errors import DataError

MINUTE = 60


def events(*rows: tuple[str, int]) -> pd.DataFrame:
    """(user, minute) pairs as interactions with different items."""
    return pd.DataFrame(
        {
            USER_ID: [user for user, _ in rows],
            ITEM_ID: [f"i{place}" for place in range(len(rows))],
            TIMESTAMP: [minute * MINUTE for _, minute in rows],
        }
    )


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    return prepare("sample").interactions


def test_a_pause_longer_than_the_gap_starts_a_session_and_one_just_as_long_does_not() -> None:
    sessions = sessionise(events(("a", 0), ("a", 30), ("a", 61)), gap_minutes=30)[SESSION_ID]
    assert sessions.tolist() == ["a-1", "a-1", "a-2"]


def test_sessions_follow_users_and_time_whatever_the_order_of_the_rows() -> None:
    sessions = sessionise(events(("b", 100), ("a", 5), ("b", 0), ("a", 0)))[SESSION_ID]
    assert sessions.tolist() == ["b-2", "a-1", "b-1", "a-1"]


@pytest.mark.parametrize("users", [[7, 7, 8], pd.Categorical(["7", "7", "8"])], ids=["numbers", "categories"])
def test_sessions_need_no_texts_as_users_and_no_index_of_their_own(users) -> None:
    visits = events(("a", 0), ("a", 61), ("b", 0)).assign(USER_ID=users).set_axis([5, 5, 1])
    found = sessionise(visits)
    assert found[SESSION_ID].tolist() == ["7-1", "7-2", "8-1"] and found.index.tolist() == [5, 5, 1]


def test_session_statistics_count_and_measure() -> None:
    found = session_statistics(sessionise(events(("a", 0), ("a", 20), ("b", 7)))).set_index(SESSION_ID)
    assert found.loc["a-1", ["events", "items", "start", "minutes"]].tolist() == [2, 2, 0, 20]
    assert found.loc["b-1", "minutes"] == 0


def test_sessions_of_the_sample_are_short_visits(sample: pd.DataFrame) -> None:
    found = session_statistics(sessionise(sample))
    assert 3 < found["events"].mean() < 9
    assert found["minutes"].max() < 6 * 60


def test_a_split_in_time_is_in_time_and_loses_nothing(sample: pd.DataFrame) -> None:
    parts = split_by_time(sample, 0.1, 0.2)
    train, validation, test = (parts[name] for name in ("train", "validation", "test"))
    assert train[TIMESTAMP].max() < validation[TIMESTAMP].min() <= validation[TIMESTAMP].max() < test[TIMESTAMP].min()
    assert sum(map(len, parts.values())) == len(sample)
    assert len(test) == pytest.approx(0.2 * len(sample), abs=3)


def test_a_split_that_leaves_a_part_empty_is_refused() -> None:
    with pytest.raises(DataError, match=r"validation 0\.5 and test 0\.5 leave nothing to train on"):
        split_by_time(events(("a", 1), ("a", 2)), 0.5, 0.5)
    with pytest.raises(DataError, match="the train part of 3 interactions is empty"):
        split_by_time(events(("a", 1), ("a", 1), ("a", 1)))


def test_later_events_are_told_by_the_days_since_the_last_of_those_before() -> None:
    before, later = (pd.DataFrame({TIMESTAMP: [day * 86_400 for day in days]}) for days in ([1, 10], [17, 26]))
    assert days_after(before, later) == "7 to 16 days later"
