"""The stream processor's parts, before an AWS that is in a bad way."""

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from recsys.lambdas import clock as clocks
from recsys.lambdas.clock import Clock, OutOfTime
from recsys.lambdas.events import parse
from recsys.lambdas.stream_processor import table
from recsys.lambdas.stream_processor.profile import Record
from recsys.lambdas.stream_processor.tracker import Refused, put_events


def record(**more: Any) -> Record:
    raw = {"userId": "u", "itemId": "i", "eventType": "view", "timestamp": 1.7e9, "sessionId": "s", **more}
    return Record(parse(raw, 1.7e9, "e"), "shard", "1", 1.7e9)


class Context:
    """Lambda's context, with so many seconds left."""

    def __init__(self, left: float = 900) -> None:
        self.left = left

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * self.left)


CLOCK = Clock(Context())


class Busy:
    """A DynamoDB that leaves the keys of its first answers unprocessed, and notes what is written."""

    def __init__(self, answers: int) -> None:
        self.answers, self.reads, self.written = answers, 0, 0

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        self.reads += 1
        return {"Responses": {}, "UnprocessedKeys": RequestItems if self.reads <= self.answers else {}}

    def batch_execute_statement(self, Statements: list[Any]) -> dict[str, Any]:
        self.written += len(Statements)
        return {"Responses": [{} for _ in Statements]}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds asked to be slept."""
    slept: list[float] = []
    monkeypatch.setattr(table.random, "uniform", lambda low, high: high)
    monkeypatch.setattr(table.time, "sleep", slept.append)
    return slept


def test_profiles_left_unread_are_asked_for_again_ever_later(waits: list[float]) -> None:
    busy = Busy(3)
    assert table.Profiles(busy, "t", 30).take({"u": [record()]}, CLOCK) == {}
    assert (busy.reads, busy.written, waits) == (4, 1, [0.1, 0.2, 0.4])


def test_a_profile_read_fails_after_five_attempts(waits: list[float]) -> None:
    busy = Busy(1000)
    failed = table.Profiles(busy, "t", 30).take({"u": [record()]}, CLOCK)
    assert "1 profiles were not read in 5 attempts" in str(failed["u"])
    assert (busy.reads, busy.written) == (clocks.ATTEMPTS * table.ATTEMPTS, 0)


class Failing:
    """A Personalize that fails its first calls for a reason."""

    def __init__(self, times: int, reason: Exception) -> None:
        self.times, self.reason, self.calls = times, reason, 0

    def put_events(self, **_: Any) -> None:
        self.calls += 1
        if self.calls <= self.times:
            raise self.reason


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "Op")


@pytest.mark.parametrize("reason", [error("ThrottlingException"), EndpointConnectionError(endpoint_url="x")])
def test_a_tracker_that_fails_in_passing_is_asked_again_ever_later(waits: list[float], reason: Exception) -> None:
    failing = Failing(4, reason)
    assert put_events(failing, "tracker", [record()], CLOCK) == {}
    assert (failing.calls, waits) == (5, [0.4, 0.8, 1.6, 3.2])


def test_what_it_refuses_for_good_is_asked_once(waits: list[float]) -> None:
    failing = Failing(1, error("InvalidInputException"))
    (refused,) = put_events(failing, "tracker", [record()], CLOCK).values()
    assert isinstance(refused, Refused) and "InvalidInputException" in str(refused)
    assert (failing.calls, waits) == (1, [])


def test_what_is_refused_of_the_function_is_no_fault_of_the_events(waits: list[float]) -> None:
    failing = Failing(1, error("AccessDeniedException"))
    (failed,) = put_events(failing, "tracker", [record()], CLOCK).values()
    assert not isinstance(failed, Refused) and (failing.calls, waits) == (1, [])


def test_who_stood_beside_a_refused_event_is_taken(waits: list[float]) -> None:
    class Strict(Failing):
        def put_events(self, eventList: list[dict[str, Any]], **_: Any) -> None:
            self.calls += 1
            if any(event["eventType"] == "bad" for event in eventList):
                raise self.reason

    strict = Strict(0, error("InvalidInputException"))
    records = [replace(record(eventType=kind), sequence=kind) for kind in ("a", "bad", "b")]
    failed = put_events(strict, "tracker", records, CLOCK)
    assert (list(failed), strict.calls) == (["bad"], 4)


def test_only_what_failed_is_asked_again(waits: list[float]) -> None:
    failing = Failing(1, error("ThrottlingException"))
    records = [record(sessionId=session) for session in "abc"]
    assert put_events(failing, "tracker", records, CLOCK) == {}
    assert failing.calls == len(records) + 1


def test_nothing_is_begun_where_too_little_time_is_left(waits: list[float]) -> None:
    short, failing = Clock(Context(14), margin=15), Failing(0, RuntimeError())
    (failed,) = put_events(failing, "tracker", [record()], short).values()
    assert isinstance(failed, OutOfTime)
    assert table.Profiles(Busy(0), "t", 30).take({"u": [record()]}, short).keys() == {"u"}
    assert failing.calls == 0


def test_a_wait_that_would_take_too_long_ends_it_with_the_last_reason(waits: list[float]) -> None:
    failing = Failing(1000, error("ThrottlingException"))
    (failed,) = put_events(failing, "tracker", [record()], Clock(Context(16), margin=15)).values()
    assert "ThrottlingException" in str(failed)
    assert (failing.calls, waits) == (3, [0.4, 0.8])


@pytest.mark.parametrize("code", ["ThrottlingError", "ConditionalCheckFailed"])
def test_a_profile_that_was_not_written_is_read_and_written_again(waits: list[float], code: str) -> None:
    class Overtaken(Busy):
        def batch_execute_statement(self, Statements: list[Any]) -> dict[str, Any]:
            super().batch_execute_statement(Statements)
            return {"Responses": [{"Error": {"Code": code}} if self.written < 8 else {} for _ in Statements]}

    overtaken = Overtaken(0)
    assert table.Profiles(overtaken, "t", 30).take({"u": [record()]}, CLOCK) == {}
    assert (overtaken.reads, overtaken.written) == (8, 8)


@pytest.mark.parametrize("more", [{}, {"recommendationId": "RID-42", "eventValue": 2.0}])
def test_what_an_event_followed_is_told_to_personalize(more: dict[str, Any]) -> None:
    class Personalize:
        def put_events(self, **request: Any) -> None:
            (self.event,) = request["eventList"]

    personalize = Personalize()
    assert put_events(personalize, "tracker", [record(**more)], CLOCK) == {}
    assert {name: personalize.event.get(name) for name in ("recommendationId", "eventValue")} == {
        "recommendationId": more.get("recommendationId"),
        "eventValue": more.get("eventValue"),
    }
