"""The deployed stream processor: nothing lost, nothing twice, whatever comes and however often."""

import base64
import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from function_settings import NOWHERE, settings
from processes import workers
from waiting import eventually

import recsys
from recsys import stream
from recsys.stream.events import Event

MARGIN = 15  # seconds the function keeps of its time
SHARD = "shardId-000000000009"
FIRST_SEQUENCE = 49_600_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000
NOW = time.time()


@pytest.fixture
def deliver(streaming: Any, client: Callable[[str], Any]) -> Callable[..., dict[str, Any]]:
    """`deliver(payloads, at=0)`: the processor's answer to a batch as the event source mapping would send it.

    `at` is the place of the batch's first record in its shard.
    """

    def delivered(payloads: Iterable[bytes | Event], at: int = 0, shard: str = SHARD) -> dict[str, Any]:
        records = [kinesis_record(payload, at + place, shard) for place, payload in enumerate(payloads)]
        request = {"FunctionName": streaming.StreamProcessorFunctionName, "Payload": json.dumps({"Records": records})}
        return json.loads(client("lambda").invoke(**request)["Payload"].read())

    return delivered


@pytest.fixture
def queue(streaming: Any, client: Callable[[str], Any]) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """`queue()`: takes every message out of the failure queue; it is empty before the test and after it."""

    def drained() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while (
            messages := client("sqs")
            .receive_message(QueueUrl=streaming.QueueUrl, MaxNumberOfMessages=10)
            .get("Messages", [])
        ):
            found += [json.loads(message["Body"]) for message in messages]
            for message in messages:
                client("sqs").delete_message(QueueUrl=streaming.QueueUrl, ReceiptHandle=message["ReceiptHandle"])
        return found

    drained()
    yield drained
    drained()


def kinesis_record(payload: bytes | Event, place: int, shard: str) -> dict[str, Any]:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    sequence = str(FIRST_SEQUENCE + place)
    return {
        "eventID": f"{shard}:{sequence}",
        "eventSource": "aws:kinesis",
        "kinesis": {
            "data": base64.b64encode(data).decode(),
            "sequenceNumber": sequence,
            "partitionKey": "any",
            "approximateArrivalTimestamp": NOW,
        },
    }


def clicks(user: str, count: int) -> list[Event]:
    return [stream.event(user, f"item-{number}", "view", timestamp=int(NOW) - 100 + number) for number in range(count)]


def counted(streaming: Any, user: str) -> int:
    return int(stream.profile(streaming.TableName, user).get("eventCount", 0))


def failures(answer: dict[str, Any]) -> list[str]:
    assert "errorMessage" not in answer, answer
    return [entry["itemIdentifier"] for entry in answer["batchItemFailures"]]


def test_a_batch_delivered_again_counts_nothing_twice(streaming: Any, deliver: Callable) -> None:
    batch = clicks("again", 30)
    for _ in range(3):
        assert failures(deliver(batch)) == []
    assert counted(streaming, "again") == 30


def test_overlapping_batches_count_every_event_once(streaming: Any, deliver: Callable) -> None:
    events = clicks("overlap", 30)
    for begin, end in ((0, 20), (10, 30), (0, 30), (25, 30)):
        deliver(events[begin:end], at=begin)
    assert counted(streaming, "overlap") == 30


def test_an_old_event_counts_but_does_not_become_the_last(streaming: Any, deliver: Callable) -> None:
    new, old = clicks("order", 2)[::-1]
    deliver([new])
    deliver([old], at=1)
    profile = stream.profile(streaming.TableName, "order")
    assert profile["eventCount"] == 2
    assert [entry["itemId"] for entry in profile["lastItems"]] == [new["itemId"], old["itemId"]]
    assert profile["lastEventAt"] == new["timestamp"]


def test_events_of_one_user_on_two_shards_at_once_all_count(streaming: Any, deliver: Callable) -> None:
    for shard in ("shardId-000000000001", "shardId-000000000002"):
        deliver(clicks("shards", 10), shard=shard)
    assert counted(streaming, "shards") == 20


def test_seconds_milliseconds_and_iso_text_end_as_one_time(streaming: Any, deliver: Callable) -> None:
    times = (1_700_000_000, 1_700_000_000_000, "2023-11-14T22:13:20Z")
    deliver([{**event, "timestamp": at} for event, at in zip(clicks("times", 3), times, strict=True)])
    entries = stream.profile(streaming.TableName, "times")["lastItems"]
    assert [entry["timestamp"] for entry in entries] == [1_700_000_000] * 3


def test_a_record_that_holds_no_event_goes_to_the_queue_with_its_reason(
    streaming: Any, deliver: Callable, queue: Callable
) -> None:
    good = clicks("beside-poison", 2)
    assert failures(deliver([good[0], b"\xffno json", {"userId": "u"}, good[1]])) == []
    assert counted(streaming, "beside-poison") == 2
    reasons = {message["reason"] for message in queue()}
    assert any(reason.startswith("not JSON") for reason in reasons)
    assert "itemId must be text of 1 to 256 characters, not None" in reasons


def told(client: Callable[[str], Any]) -> Counter[str]:
    """How many events the processor said it took, rejected and failed, in all."""
    names = {"service": "stream-processor", "environment": "lambdas"}
    found: Counter[str] = Counter()
    for metric in ("EventsTaken", "EventsRejected", "EventsFailed"):
        points = client("cloudwatch").get_metric_statistics(
            Namespace="Recsys",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in names.items()],
            StartTime=NOW - 3600,
            EndTime=time.time() + 60,
            Period=86_400,
            Statistics=["Sum"],
        )["Datapoints"]
        found[metric] = int(sum(point["Sum"] for point in points))
    return found


def test_a_batch_tells_how_many_events_it_took_and_rejected(
    deliver: Callable, queue: Callable, client: Callable[[str], Any]
) -> None:
    before = told(client)
    deliver([*clicks("told", 3), b"no json"])
    assert eventually(lambda: told(client) - before) == {"EventsTaken": 3, "EventsRejected": 1}


def test_a_rejected_record_can_be_read_from_its_message(deliver: Callable, queue: Callable) -> None:
    deliver([b'{"userId": "u"}'])
    (message,) = queue()
    assert (message["data"], message["eventId"]) == ('{"userId": "u"}', f"{SHARD}:{FIRST_SEQUENCE}")


def test_a_batch_of_nothing_but_the_largest_poison_reaches_the_queue(deliver: Callable, queue: Callable) -> None:
    assert failures(deliver([b"\x01" * 50_000] * 12)) == []
    messages = queue()
    assert [message["characters"] for message in messages] == [50_000] * 12


def test_what_the_tracker_refuses_for_good_lies_in_the_queue_with_its_reason(
    streaming: Any, deliver: Callable, queue: Callable, client: Callable[[str], Any]
) -> None:
    event = clicks("refused", 1)[0]
    with settings(client, streaming.StreamProcessorFunctionName, TRACKING_ID="00000000-0000-4000-8000-000000000000"):
        assert failures(deliver([event, b"no json"])) == []
    refused, poison = sorted(queue(), key=lambda message: message["eventId"])
    assert "There is no event tracker with the tracking ID 00000000-" in refused["reason"]
    assert (json.loads(refused["data"])["eventId"], poison["data"]) == (event["eventId"], "no json")
    assert counted(streaming, "refused") == 1


class TestWhenTheTrackerCannotBeReached:
    @pytest.fixture(autouse=True)
    def unreachable(self, streaming: Any, client: Callable[[str], Any]) -> Iterator[Callable[[], None]]:
        """The function finds no tracker, and has a second to try; `unreachable()` puts it right."""
        name, functions = streaming.StreamProcessorFunctionName, client("lambda")
        before = functions.get_function_configuration(FunctionName=name)
        nowhere = {**before["Environment"]["Variables"], "AWS_ENDPOINT_URL_PERSONALIZE_EVENTS": NOWHERE}
        changed = {"Timeout": int(MARGIN) + 1, "Environment": {"Variables": nowhere}}
        functions.update_function_configuration(FunctionName=name, **changed)

        def right() -> None:
            kept = {field: before[field] for field in changed}
            functions.update_function_configuration(FunctionName=name, **kept)

        yield right
        right()

    def test_the_batch_is_asked_for_again_and_counts_once_in_the_end(
        self, streaming: Any, deliver: Callable, unreachable: Callable[[], None]
    ) -> None:
        batch = clicks("tracker", 5)
        assert "failed" in deliver(batch)["errorMessage"]
        unreachable()
        assert failures(deliver(batch)) == []
        assert counted(streaming, "tracker") == 5

    def test_a_poison_behind_the_first_failure_waits_for_the_next_delivery(
        self, deliver: Callable, queue: Callable, unreachable: Callable[[], None], client: Callable[[str], Any]
    ) -> None:
        good, earlier = clicks("tracker-poison", 2), told(client)
        batch = [b"before", good[0], b"behind", good[1]]
        assert failures(deliver(batch))[0] == str(FIRST_SEQUENCE + 1)
        unreachable()
        assert failures(deliver(batch[1:], at=1)) == []
        assert sorted(message["data"] for message in queue()) == ["before", "behind"]
        each_once = {"EventsTaken": 2, "EventsRejected": 2, "EventsFailed": 2}
        eventually(lambda: told(client) - earlier == each_once)


def test_what_was_given_up_is_still_in_the_stream_and_is_put_there_again_as_the_page_says(
    streaming: Any, queue: Callable, client: Callable[[str], Any]
) -> None:
    page = Path(recsys.__file__).parents[1] / "docs/operations.md"
    (again,) = re.findall(r"```python\n(import json\n.*?)```", page.read_text(), re.DOTALL)
    with settings(client, streaming.StreamProcessorFunctionName, PROFILE_DAYS="none"):  # it cannot start
        stream.send(streaming.StreamName, clicks("given-up", 1))
        (message,) = eventually(queue)
    assert counted(streaming, "given-up") == 0
    exec(again, {"message": {"Body": json.dumps(message)}})
    stream.await_events(streaming.TableName, {"given-up": 1})


POISON = [b"no json", b"{}", b'{"userId": "u", "itemId": "i", "timestamp": "never"}', b"[]"] * 5


@pytest.fixture
def crowd(streaming: Any, client: Callable[[str], Any]) -> Callable[..., dict[str, int]]:
    """`crowd(name, 1980)`: so many events of 40 users put into the stream, 20 poison ones among them; events by user.

    A user's events lie on one shard, as the shop sends them, unless `scattered`.
    """

    def put(name: str, count: int, scattered: bool = False) -> dict[str, int]:
        users, begin = [f"{name}-{number % 40}" for number in range(count)], int(NOW) - count
        records = [
            {
                "Data": json.dumps(stream.event(user, f"item-{number % 24}", "view", timestamp=begin + number)),
                "PartitionKey": str(number) if scattered else user,
            }
            for number, user in enumerate(users)
        ]
        for place, payload in enumerate(POISON):
            records.insert(place * count // 20 + 7, {"Data": payload, "PartitionKey": f"{name}-{place}"})
        for first in range(0, len(records), 500):
            batch = records[first : first + 500]
            answer = client("kinesis").put_records(StreamName=streaming.StreamName, Records=batch)
            assert answer["FailedRecordCount"] == 0
        return dict(Counter(users))

    return put


def rejections(queue: Callable[[], list[dict[str, Any]]], count: int) -> list[str]:
    """Places in the stream of the rejected records, once there are `count`."""
    found: list[str] = []
    deadline = time.monotonic() + 60
    while len(found) < count and time.monotonic() < deadline:
        found += [message["eventId"] for message in queue()]
        time.sleep(0.05)
    return found


def test_of_2000_events_with_20_poison_1980_are_counted_and_20_are_in_the_queue(
    streaming: Any, crowd: Callable[..., dict[str, int]], queue: Callable
) -> None:
    sent = crowd("crowd", 1980)
    stream.await_events(streaming.TableName, sent, timeout=120)
    assert {user: counted(streaming, user) for user in sent} == sent
    found = rejections(queue, 20)
    assert len(found) == len(set(found)) == 20


def test_events_of_one_user_scattered_over_the_shards_all_count(
    streaming: Any, crowd: Callable[..., dict[str, int]], queue: Callable
) -> None:
    sent = crowd("scattered", 400, scattered=True)
    stream.await_events(streaming.TableName, sent, timeout=120)
    assert {user: counted(streaming, user) for user in sent} == sent
    assert len(rejections(queue, 20)) == 20


def test_a_worker_killed_half_way_loses_nothing_and_counts_nothing_twice(
    embedded: Any, streaming: Any, crowd: Callable[..., dict[str, int]], queue: Callable
) -> None:
    sent = crowd("killed", 1000)
    for share in (0.2, 0.6):
        eventually(lambda share=share: sum(counted(streaming, user) for user in sent) > share * 1000)
        for pid in workers(embedded.pid, streaming.StreamProcessorFunctionName):
            os.kill(pid, signal.SIGKILL)
    stream.await_events(streaming.TableName, sent, timeout=120)
    assert {user: counted(streaming, user) for user in sent} == sent
    # A worker killed between sending to the queue and answering sends again: the place in the stream tells them apart.
    assert len(set(rejections(queue, 20))) == 20


def test_a_profile_that_something_else_began_is_gone_on_with(
    streaming: Any, deliver: Callable, client: Callable[[str], Any]
) -> None:
    item = {"userId": {"S": "begun"}, "segment": {"S": "vip"}}
    client("dynamodb").put_item(TableName=streaming.TableName, Item=item)
    assert failures(deliver(clicks("begun", 2))) == []
    assert failures(deliver(clicks("begun", 3))) == []
    profile = stream.profile(streaming.TableName, "begun")
    assert (profile["eventCount"], profile["segment"], profile["version"]) == (3, "vip", 2)


def test_a_batch_of_more_users_than_one_request_takes_is_written_whole(streaming: Any, deliver: Callable) -> None:
    users = [f"many-{number}" for number in range(130)]
    assert failures(deliver([clicks(user, 1)[0] for user in users])) == []
    assert [counted(streaming, user) for user in users] == [1] * 130


def test_a_batch_of_nothing_asks_whether_the_function_works(deliver: Callable) -> None:
    assert failures(deliver([])) == []
