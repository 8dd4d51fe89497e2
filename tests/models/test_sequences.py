"""Interactions become one array of codes, oldest first."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from recsys.errors import ModelError
from recsys.models import Sequences
from recsys.models.sequences import sequences_of


def words(seqs: Sequences, user: int) -> str:
    return " ".join(seqs.item_ids[seqs.history(user)])


def test_events_are_ordered_by_time_and_within_a_second_by_input():
    rows = [("u", "late", 9), ("u", "first", 5), ("u", "second", 5), ("u", "early", 1)]
    seqs = Sequences.from_interactions(pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"]))
    assert words(seqs, 0) == "early first second late"
    assert seqs.times.tolist() == [1, 5, 5, 9]


def test_a_repeated_item_is_kept_as_often_as_it_came(sequences):
    assert words(sequences(u="a a b a"), 0) == "a a b a"


def test_ids_are_sorted_strings_and_the_frame_is_left_alone(table):
    frame = table(zoe="b a", adam="a")
    before = frame.copy()
    seqs = Sequences.from_interactions(frame)
    assert seqs.user_ids.tolist() == ["adam", "zoe"] and seqs.item_ids.tolist() == ["a", "b"]
    assert seqs.codes.dtype == np.int32 and seqs.offsets.tolist() == [0, 1, 3]
    pd.testing.assert_frame_equal(frame, before)


def test_numbers_as_ids_become_text():
    frame = pd.DataFrame({"USER_ID": [7, 7], "ITEM_ID": [10, 9], "TIMESTAMP": [1, 2]})
    assert Sequences.from_interactions(frame).item_ids.tolist() == ["10", "9"]


def test_whole_numbers_that_a_gap_made_floats_are_whole_ids():
    frame = pd.DataFrame({"USER_ID": [7.0, 7.5], "ITEM_ID": [10.0, 9.0], "TIMESTAMP": [1, 2]})
    seqs = Sequences.from_interactions(frame, catalogue=[8.0])
    assert seqs.user_ids.tolist() == ["7", "7.5"] and seqs.item_ids.tolist() == ["10", "8", "9"]


def test_a_catalogue_adds_items_nobody_touched(table):
    seqs = Sequences.from_interactions(table(u="b"), catalogue=["c", "a", "b"])
    assert seqs.item_ids.tolist() == ["a", "b", "c"] and words(seqs, 0) == "b"


def test_odd_identifiers_survive(table):
    odd = ["it's", 'say "x"', "näïve", "一", "a|b", "\u200b", "-1"]
    frame = pd.DataFrame({"USER_ID": "u\t1", "ITEM_ID": [*odd, "", "two words"], "TIMESTAMP": range(len(odd) + 2)})
    assert set(Sequences.from_interactions(frame).item_ids) == {*odd, "", "two words"}


def test_select_takes_users_in_the_order_asked(sequences):
    seqs = sequences(u0="a b", u1="c", u2="d a d").select(np.array([2, 0]))
    assert [words(seqs, u) for u in range(2)] == ["d a d", "a b"]
    assert seqs.user_ids.tolist() == ["u2", "u0"] and seqs.n_items == 4


def test_keep_events_drops_single_events(sequences):
    seqs = sequences(u0="a b", u1="c").keep_events(np.array([False, True, False]))
    assert [words(seqs, u) for u in range(2)] == ["b", ""]


def test_a_missing_column_is_named(table):
    with pytest.raises(ModelError, match="lack the columns \\['TIMESTAMP'\\]"):
        Sequences.from_interactions(table(u="a").drop(columns="TIMESTAMP"))


def test_no_events_are_refused(table):
    with pytest.raises(ModelError, match="at least one event"):
        Sequences.from_interactions(table(u="a").iloc[:0])


@pytest.mark.parametrize("column", ["USER_ID", "ITEM_ID", "TIMESTAMP"])
def test_gaps_are_counted_and_refused(table, column):
    frame = table(u="a b c")
    frame[column] = frame[column].astype(object)
    frame.loc[1, column] = None
    with pytest.raises(ModelError, match=f"1 of 3 interactions have no {column}"):
        Sequences.from_interactions(frame)


@pytest.mark.parametrize("weight", [np.nan, np.inf, -1.0])
def test_a_weight_that_is_none_is_refused(table, weight):
    with pytest.raises(ModelError, match="weights must be numbers from 0 up"):
        Sequences.from_interactions(table(u="a b"), weights=np.array([1.0, weight]))


@pytest.mark.parametrize("weights", [np.ones(1), np.ones(3), 1.0])
def test_another_number_of_weights_than_events_is_refused(table, weights):
    with pytest.raises(ModelError, match=r"weights of shape .* for 2 interactions"):
        Sequences.from_interactions(table(u="a b"), weights=weights)


@pytest.mark.parametrize(
    "times",
    [
        pd.to_datetime(["2026-01-01"]),
        pd.to_datetime(["2026-01-01 09:00"]).tz_localize("Asia/Tokyo"),
        pd.Series(pd.to_datetime(["2026-01-01"], utc=True)).astype("timestamp[ns, tz=UTC][pyarrow]"),
        pd.to_datetime(["2026-01-01 00:00:00.9"]).astype("datetime64[ms]"),
    ],
    ids=["naive", "zoned", "pyarrow", "milliseconds"],
)
def test_datetimes_are_read_as_the_seconds_they_are(table, times):
    assert Sequences.from_interactions(table(u="a").assign(TIMESTAMP=times)).times.tolist() == [1_767_225_600]


@pytest.mark.parametrize("times", [["2026-01-01"], [date(2026, 1, 1)]])
def test_times_that_are_none_are_refused_with_what_makes_them_some(table, times):
    frame = table(u="a").assign(TIMESTAMP=times)
    with pytest.raises(ModelError, match="epoch seconds or datetimes, not ") as told:
        Sequences.from_interactions(frame)
    way = str(told.value).partition("make them with ")[2]
    frame["TIMESTAMP"] = eval(way, {"pd": pd, "times": frame["TIMESTAMP"]})
    assert Sequences.from_interactions(frame).times.tolist() == [1_767_225_600]


@pytest.mark.parametrize("time", [True, 1j])
def test_numbers_that_are_no_times_are_refused(table, time):
    with pytest.raises(ModelError, match="epoch seconds or datetimes, not "):
        Sequences.from_interactions(table(u="a").assign(TIMESTAMP=[time]))


@pytest.mark.parametrize("kind", ["str", "object", "string[pyarrow]", "int64", "Int64", "int64[pyarrow]", "category"])
def test_ids_of_every_kind_are_the_text_they_make(table, kind):
    frame = table(u="10 9 10", v="9").astype({"ITEM_ID": int}).astype({"ITEM_ID": kind})
    seqs = Sequences.from_interactions(frame, catalogue=[8, "9", 9.0])
    assert seqs.item_ids.tolist() == ["10", "8", "9"] and seqs.codes.tolist() == [0, 2, 0, 2]


@pytest.mark.parametrize("kind", ["float64", "float32", "object", "category"])
def test_whole_floats_are_the_numbers_they_are_wherever_they_stand(table, kind):
    frame = table(u="10 9").astype({"ITEM_ID": float}).astype({"ITEM_ID": kind})
    assert Sequences.from_interactions(frame).item_ids.tolist() == ["10", "9"]


def test_a_column_of_lists_is_refused(table):
    with pytest.raises(ModelError, match="ITEM_ID holds what is no id"):
        Sequences.from_interactions(table(u="a b").assign(ITEM_ID=[["a"], ["b"]]))


def test_a_column_that_is_there_twice_is_refused(table):
    frame = table(u="a b")
    with pytest.raises(ModelError, match="several columns ITEM_ID"):
        Sequences.from_interactions(pd.concat([frame, frame["ITEM_ID"]], axis=1))


def test_a_frame_of_another_library_is_told_from_one_of_pandas():
    DataFrame = type("DataFrame", (), {"__module__": "polars.dataframe.frame"})
    with pytest.raises(ModelError, match=r"a polars\.DataFrame cannot be fitted: give a pandas DataFrame"):
        sequences_of(DataFrame())


def test_sequences_tell_their_sizes_and_are_themselves_only(sequences):
    seqs = sequences(u="a b c", v="a")
    assert repr(seqs) == "Sequences(2 users, 3 items, 4 events)"
    assert seqs == seqs and seqs != sequences(u="a b c", v="a") and hash(seqs)


@pytest.mark.parametrize("time", [1_700_000_000_000, -1e11, 1e300])
def test_milliseconds_are_not_taken_for_seconds(table, time):
    with pytest.raises(ModelError, match="looks like milliseconds: divide by 1000"):
        Sequences.from_interactions(table(u="a b").assign(TIMESTAMP=[1, time]))


@pytest.mark.parametrize(
    ("times", "how"),
    [
        ([1_700_000_000, 1_700_000_060], pd.to_numeric),
        (["1700000000", "1700000060.0"], pd.to_numeric),
        (["2023-11-14T22:13:20", "2023-11-14T22:14:20"], pd.to_datetime),
        (["20231114", "20231115"], pd.to_datetime),
    ],
)
def test_what_is_said_of_times_of_no_type_makes_the_right_ones_of_them(table, times, how):
    frame = table(u="a b").assign(TIMESTAMP=pd.Series(times, dtype=object))
    with pytest.raises(ModelError, match=rf"make them with pd\.{how.__name__}\(times"):
        Sequences.from_interactions(frame)
    made = Sequences.from_interactions(frame.assign(TIMESTAMP=how(frame["TIMESTAMP"])))
    assert pd.to_datetime(made.times, unit="s").strftime("%Y%m").tolist() == ["202311", "202311"]
