"""The stream processor's parts, before an AWS that is in a bad way."""

from typing import Any

import pytest

from recsys.lambdas.events import parse
from recsys.lambdas.stream_processor import table
from recsys.lambdas.stream_processor.profile import Record
from recsys.lambdas.stream_processor.tracker import put_events


def record(**more: Any) -> Record:
    raw = {"userId": "u", "itemId": "i", "eventType": "view", "timestamp": 1.7e9, "sessionId": "s", **more}
    return Record(parse(raw, 1.7e9, "e"), "shard", "1", 1.7e9)


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
    assert table.Profiles(busy, "t", 30).take({"u": [record()]}) == {}
    assert (busy.reads, busy.written, waits) == (4, 1, [0.1, 0.2, 0.4])


def test_and_not_for_ever(waits: list[float]) -> None:
    busy = Busy(1000)
    failed = table.Profiles(busy, "t", 30).take({"u": [record()]})
    assert "1 profiles were not read in 5 attempts" in str(failed["u"])
    assert (busy.reads, busy.written) == (table.ATTEMPTS, 0)


@pytest.mark.parametrize("more", [{}, {"recommendationId": "RID-42", "eventValue": 2.0}])
def test_what_an_event_followed_is_told_to_personalize(more: dict[str, Any]) -> None:
    class Personalize:
        def put_events(self, **request: Any) -> None:
            (self.event,) = request["eventList"]

    personalize = Personalize()
    assert put_events(personalize, "tracker", [record(**more)]) == {}
    assert {name: personalize.event.get(name) for name in ("recommendationId", "eventValue")} == {
        "recommendationId": more.get("recommendationId"),
        "eventValue": more.get("eventValue"),
    }
