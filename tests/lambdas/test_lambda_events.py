"""What counts as an event, and how its time is read."""

from typing import Any

import pytest

from recsys.lambdas.events import MAX_AHEAD, Event, Invalid, decode, parse, seconds

NOW = 1_700_000_000.0
GOOD = {"userId": "u", "itemId": "i", "eventType": "view", "timestamp": NOW, "sessionId": "s"}


def reading(**changes: Any) -> Event:
    return parse({**GOOD, **changes}, NOW, "shard:1")


def test_an_event_is_read() -> None:
    assert reading(eventId="e", eventValue=3) == Event("u", "i", "view", NOW, "s", "e", 3.0)


def test_what_is_written_is_read_back_equal() -> None:
    event = reading(eventId="e", eventValue=3, recommendationId="RID-42")
    assert event.wire()["recommendationId"] == "RID-42"
    assert parse(event.wire(), NOW, "other") == event


@pytest.mark.parametrize("value", ["", 7, "x" * 41])
def test_what_is_no_recommendation_id_is_refused_and_null_is_none(value: Any) -> None:
    with pytest.raises(Invalid, match="recommendationId must be text of 1 to 40 characters"):
        reading(recommendationId=value)
    assert "recommendationId" not in reading(recommendationId=None).wire()


def test_an_event_without_an_id_is_named_by_its_place_in_the_stream() -> None:
    assert reading().event_id == "shard:1"


@pytest.mark.parametrize(
    "value",
    [
        *(1_700_000_000, 1_700_000_000_000, 1.7e9, "1700000000"),
        *("2023-11-14T22:13:20Z", "2023-11-14T23:13:20+01:00", "2023-11-14T22:13:20", "2023-11-14 22:13:20.000"),
    ],
)
def test_seconds_milliseconds_and_iso_text_are_the_same_moment(value: Any) -> None:
    assert seconds(value) == NOW


@pytest.mark.parametrize("value", [None, True, "yesterday", -5, 0, float("nan"), float("inf"), [], "nan", 10**400])
def test_what_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(Invalid, match="timestamp must be seconds, milliseconds or ISO 8601 text"):
        seconds(value)


@pytest.mark.parametrize("field", ["userId", "itemId", "eventType", "sessionId"])
@pytest.mark.parametrize("value", [None, "", 7, "x" * 257, "\ud800", {}])
def test_a_bad_text_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(Invalid, match=f"{field} must be text of 1 to 256 characters"):
        reading(**{field: value})


@pytest.mark.parametrize("value", ["12", True, float("nan"), float("-inf"), 10**400])
def test_a_bad_event_value_is_refused(value: Any) -> None:
    with pytest.raises(Invalid, match="eventValue must be a number"):
        reading(eventValue=value)


def test_an_event_from_the_future_is_refused_but_a_fast_clock_is_not() -> None:
    assert reading(timestamp=NOW + MAX_AHEAD).timestamp == NOW + MAX_AHEAD
    with pytest.raises(Invalid, match="a day ahead"):
        reading(timestamp=NOW + MAX_AHEAD + 1)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000], ids=["empty", "cut", "bytes", "deep"])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid, match="not JSON"):
        decode(data)


@pytest.mark.parametrize("raw", [[], "text", 3, None])
def test_json_that_is_no_object_is_refused(raw: Any) -> None:
    with pytest.raises(Invalid, match="must be a JSON object"):
        parse(raw, NOW, "id")
