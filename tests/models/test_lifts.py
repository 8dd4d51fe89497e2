"""What a value known of a user or a moment says about items."""

import numpy as np
import pandas as pd
import pytest

from recsys.models.cold.lifts import TRUST, Lifts, summed, user_lifts

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
