"""What a value known of a user or a moment says about items."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from recsys.errors import ModelError
from recsys.models.cold.lifts import TRUST, Lifts, plain, summed, user_lifts

NAMES = ["tea", "tools", None]
CODES = np.array([0, 0, 0, 1, 1, 2])  # values of six interactions
ITEMS = np.array([0, 0, 1, 1, 1, 0])


def test_the_odds_are_multiplied_by_what_bayes_says():
    lifts = Lifts.fit(CODES, NAMES, ITEMS, 3, numeric=False)
    share = 3 / 5  # of tea among the interactions whose value is known
    together, events = np.array([2, 1, 0]), np.array([2, 3, 0])
    expected = np.log((together + TRUST * share) / (events + TRUST) / share)
    np.testing.assert_allclose(lifts.log_lift("tea"), expected, rtol=1e-6)


@pytest.mark.parametrize("value", ["spade", None])
def test_a_value_that_no_interaction_has_says_nothing(value):
    assert Lifts.fit(CODES, NAMES, ITEMS, 3, numeric=False).log_lift(value) is None


def test_many_numbers_are_compared_by_decile_and_few_as_they_are():
    many = Lifts.fit(np.arange(100), [float(n) for n in range(100)], np.arange(100) // 50, 2, numeric=True)
    np.testing.assert_array_equal(many.log_lift(3), many.log_lift("4.5"))
    assert many.log_lift(3)[0] > 0 > many.log_lift(3)[1] and many.log_lift("noon") is None
    few = Lifts.fit(np.array([0, 1]), [8, 20], np.array([0, 1]), 2, numeric=True)
    assert few.log_lift("8.0") is not None and few.log_lift(9) is None


def test_a_number_above_all_where_a_tenth_have_the_highest_says_nothing():
    numbers = [*map(float, range(50)), *[50.0] * 50]
    lifts = Lifts.fit(np.arange(100), numbers, np.arange(100) // 50, 2, numeric=True)
    assert lifts.log_lift(50)[1] > 0 and lifts.log_lift(51) is None


def test_several_columns_say_the_same_in_part():
    one, two = np.array([1.0, -1.0]), np.array([3.0, 1.0])
    np.testing.assert_allclose(summed([one, None, two]), (one + two) / np.sqrt(2))
    assert summed([None]) is None and summed([]) is None


def test_text_and_what_nobody_in_the_table_has_are_left_out(sequences):
    users = pd.DataFrame({"USER_ID": ["u", "stranger"], "KIND": ["new", "old"], "FLAG": [True, False]})
    lifts = user_lifts(users.assign(ABOUT=["likes a cup", "likes the sea"]), sequences(u="a b", v="b"))
    assert list(lifts) == ["KIND", "FLAG"]
    assert lifts["FLAG"].log_lift("True").tolist() == [0, 0] and lifts["KIND"].log_lift("old") is None


def hours(sequences, count: int) -> Lifts:
    """Of as many users, each of whom comes at another hour and touches another item."""
    users = pd.DataFrame({"USER_ID": [f"u{n}" for n in range(count)], "HOUR": range(count)})
    return user_lifts(users, sequences(**{f"u{n}": f"i{n}" for n in range(count)}))["HOUR"]


def test_the_hours_of_a_day_stay_categories_also_where_some_are_unknown(sequences):
    assert hours(sequences, 24).log_lift(3.5) is None and hours(sequences, 25).log_lift(3.5) is not None
    with_gaps = Lifts.fit(np.arange(25), [*range(24), None], np.zeros(25, int), 1, numeric=True)
    assert with_gaps.log_lift(3.5) is None and with_gaps.log_lift(3) is not None


def test_decimals_are_numbers(sequences):
    users = pd.DataFrame({"USER_ID": ["u", "v"], "SPENT": [Decimal("1.5"), Decimal("20")]})
    spent = user_lifts(users, sequences(u="a", v="b"))["SPENT"]
    assert spent.log_lift(1.5)[0] > 0 > spent.log_lift(1.5)[1]
    np.testing.assert_array_equal(spent.log_lift(plain(Decimal("1.5"))), spent.log_lift(1.5))


@pytest.mark.filterwarnings("error")
def test_numbers_that_only_strangers_have_say_nothing(sequences):
    users = pd.DataFrame({"USER_ID": ["u", *map(str, range(30))], "KIND": "new", "AGE": [None, *range(30)]})
    assert user_lifts(users, sequences(u="a b"))["AGE"].log_lift(3) is None


@pytest.mark.parametrize(
    ("users", "told"),
    [
        ({"USER_ID": ["u"]}, r"none of the columns \['USER_ID'\] says what users are like"),
        ({"USER_ID": ["u", "v"], "ABOUT": ["likes a cup", "likes the sea"]}, "says what users are like"),
        ({"USER_ID": ["u", "v"], "AGE": [30, "unknown"]}, "says what users are like"),
        ({"USER_ID": ["U-1"], "KIND": ["new"]}, "none of the users of the table is among the interactions"),
    ],
)
def test_a_table_that_says_nothing_of_these_users_is_refused(users, told, sequences):
    with pytest.raises(ModelError, match=told):
        user_lifts(pd.DataFrame(users), sequences(u="a", v="b"))
