"""One moment, 2024-02-29 12:34:56 UTC, however a file writes it."""

import numpy as np
import pandas as pd
import pytest

from recsys.data.timestamps import epoch_seconds
from recsys.errors import DataError

MOMENT = 1_709_210_096
TEXT = "2024-02-29T12:34:56"


@pytest.mark.parametrize(
    ("values", "read_as"),
    [
        ([MOMENT], "epoch seconds"),
        ([MOMENT * 10**3 + 999], "epoch milliseconds"),
        ([MOMENT * 10**6], "epoch microseconds"),
        ([MOMENT * 10**9], "epoch nanoseconds"),
        ([MOMENT + 0.25], "epoch seconds"),
        ([str(MOMENT)], "epoch seconds"),
        ([f" {MOMENT}000 "], "epoch milliseconds"),
        ([TEXT], "ISO 8601 text, taken as UTC"),
        (["2024-02-29 12:34:56"], "ISO 8601 text, taken as UTC"),
        ([f"{TEXT}Z"], "ISO 8601 text"),
        (["2024-02-29T14:34:56+02:00"], "ISO 8601 text"),
        ([f"{TEXT}.123456"], "ISO 8601 text, taken as UTC"),
        (["2024-02-29 14:34:56+02"], "ISO 8601 text"),
        (["2024-02-29T123456Z"], "ISO 8601 text"),
        (["2024-02-29T143456+0200"], "ISO 8601 text"),
        (["2024-02-29 12:34:56 UTC"], "ISO 8601 text"),
        (["2024/02/29 12:34:56"], "ISO 8601 text, taken as UTC"),
        (["29.02.2024 14:34:56 +02:00"], "day.month.year text"),
        (["29.2.2024 12:34:56"], "day.month.year text, taken as UTC"),
        (["2/29/2024 12:34:56"], "month/day/year text, taken as UTC"),
    ],
)
def test_a_known_moment_is_the_same_in_every_form(values: list, read_as: str) -> None:
    seconds, found = epoch_seconds(pd.Series(values), "shop.csv: when")
    assert seconds.tolist() == [MOMENT]
    assert found == read_as


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_a_datetime_is_read_right_whatever_integer_is_behind_it(unit: str, zone: str | None) -> None:
    times = pd.Series(np.array([TEXT], dtype=f"datetime64[{unit}]"))
    if zone:
        times = times.dt.tz_localize("UTC").dt.tz_convert(zone)
    assert epoch_seconds(times, "x")[0].tolist() == [MOMENT]


def test_one_date_of_a_column_decides_where_the_day_is_in_all() -> None:
    seconds, _ = epoch_seconds(pd.Series(["10.05.2024", "13.02.2024"]), "x")
    assert seconds.tolist() == [pd.Timestamp(day).timestamp() for day in ("2024-05-10", "2024-02-13")]


@pytest.mark.parametrize("values", [["2024-02-29 13:34:56"], pd.to_datetime(["2024-02-29 13:34:56"])])
def test_a_time_without_a_zone_is_of_the_given_one(values: list) -> None:
    seconds, found = epoch_seconds(pd.Series(values), "x", "Europe/Berlin")
    assert seconds.tolist() == [MOMENT] and found.endswith("taken as Europe/Berlin")


@pytest.mark.parametrize("hour", ["T12Z", "T14+02", "T1200Z", "T120000Z", "T140000.5+0200", " 10:00 -02:00"])
def test_a_zone_is_seen_after_a_time_however_short(hour: str) -> None:
    seconds, found = epoch_seconds(pd.Series([f"2024-02-29{hour}"]), "x", "Europe/Berlin")
    assert seconds.tolist() == [MOMENT - 34 * 60 - 56] and found == "ISO 8601 text"


def test_a_time_with_a_zone_keeps_it_whatever_is_given_and_beside_others() -> None:
    seconds, _ = epoch_seconds(pd.Series([f"{TEXT}Z", "2024-02-29 13:34:56"]), "x", "Europe/Berlin")
    assert seconds.tolist() == [MOMENT, MOMENT]


def test_an_hour_that_the_clocks_show_twice_is_the_earlier_and_one_they_skip_the_next() -> None:
    seconds, _ = epoch_seconds(pd.Series(["2024-10-27 02:30:00", "2024-03-31 02:30:00"]), "x", "Europe/Berlin")
    assert seconds.tolist() == [pd.Timestamp(t).timestamp() for t in ("2024-10-27 00:30", "2024-03-31 01:00")]


def test_one_unreadable_time_does_not_make_zoned_ones_be_noted_as_without() -> None:
    assert epoch_seconds(pd.Series([f"{TEXT}+02:00"] * 999 + ["oops"]), "x")[1] == "ISO 8601 text"


@pytest.mark.parametrize("name", ["Europe/Berlim", "Europe", "", "../x"])
def test_a_time_zone_that_is_none_is_named(name: str) -> None:
    with pytest.raises(DataError, match=f'data.timezone: "{name}" is no IANA time zone'):
        epoch_seconds(pd.Series([MOMENT]), "x", name)


def test_a_missing_time_stays_missing() -> None:
    assert epoch_seconds(pd.Series([str(MOMENT), None, ""]), "x")[0].isna().tolist() == [False, True, True]


def test_one_unreadable_time_in_a_thousand_does_not_stop_the_rest() -> None:
    seconds, _ = epoch_seconds(pd.Series([str(MOMENT)] * 999 + ["oops"]), "x")
    assert seconds.isna().sum() == 1


@pytest.mark.parametrize("unit", [1, 10**9])
@pytest.mark.parametrize("placeholder", [0, -1, np.inf, MOMENT * 1000])
def test_one_placeholder_in_a_thousand_does_not_stop_the_rest(placeholder: float, unit: int) -> None:
    seconds, _ = epoch_seconds(pd.Series([MOMENT * unit] * 999 + [placeholder]), "x")
    assert seconds.tolist() == [MOMENT] * 999 + [pd.NA]


def test_nanoseconds_beside_a_placeholder_stay_exact() -> None:
    seconds, _ = epoch_seconds(pd.Series([MOMENT * 10**9 + 999_999_999] * 999 + [0]), "x")
    assert seconds[0] == MOMENT


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("placeholder", ["0001-01-01 00:00:00", "9999-12-31", "9999-12-31 23:59:59", "1900-01-01"])
@pytest.mark.parametrize("typed", [False, True])
def test_a_day_that_stands_for_none_does_not_stop_the_rest(placeholder: str, zone: str, typed: bool) -> None:
    values = pd.Series([TEXT] * 999 + [placeholder])
    values = values.astype("datetime64[s]") if typed else values
    seconds, _ = epoch_seconds(values, "x", zone)
    assert seconds.isna().tolist() == [False] * 999 + [True]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["13/02/2024", "02/13/2024"], r"'13/02/2024' is not readable as a time: day and month could be either way"),
        (["01/02/2024 10:00"] * 3, r"'01/02/2024 10:00' is not readable as a time: day and month could be either way"),
        (["last Tuesday"], r"'last Tuesday' is not readable as a time: it is not ISO 8601; write it like 2026-11-23"),
        (["2024-13-45"], r"'2024-13-45' is not a time of 1901 to 2261"),
        ([20240229, 20240301], r"20240229 looks like a date written as a number; write it as 2024-02-29"),
        ([45351, 45352], r"2 of 2 values, from 45351 to 45352, are no times"),
        ([MOMENT] * 98 + [0, -1], r"2 of 100 values, from -1 to 1.70921e\+09, are no times"),
        ([MOMENT, MOMENT * 1000], r"times in milliseconds and seconds are mixed"),
        ([str(MOMENT), TEXT], r"some times are numbers and some are text"),
        ([None, None], r"every time is missing"),
        ([True, False], r"true and false are no times"),
    ],
)
def test_an_open_question_is_asked_and_not_guessed(values: list, message: str) -> None:
    with pytest.raises(DataError, match="shop.csv: when: " + message):
        epoch_seconds(pd.Series(values), "shop.csv: when")


def test_a_film_may_be_older_than_1970() -> None:
    seconds, _ = epoch_seconds(pd.Series(["1939-12-15", "1971-01-01"]), "x")
    assert seconds.tolist() == [-948_240_000, 31_536_000]
