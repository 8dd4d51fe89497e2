"""How events change a profile: each once, in any order of delivery."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import count

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.lambdas.events import Event
from recsys.lambdas.stream_processor.profile import LAST_ITEMS, MAX_TYPES, OTHER, Record, fold

DAYS = 30


def record(
    sequence: int, *, at: float | None = None, kind: str = "view", shard: str = "s", event: str | None = None
) -> Record:
    at = float(sequence) if at is None else at
    return Record(
        Event("u", f"item-{sequence}", kind, at, "s", event or f"{shard}:{sequence}"), shard, str(sequence), 1e9
    )


def after(profile: dict, records: Iterable[Record]) -> dict | None:
    """`fold`, from and to Python's values."""
    encode, decode = TypeSerializer().serialize, TypeDeserializer().deserialize
    stored = fold({name: encode(value) for name, value in profile.items()}, records, DAYS)
    return stored and {name: decode(value) for name, value in stored.items()}


def folded(*records: Record, profile: dict | None = None) -> dict:
    profile = after(profile or {}, records)
    assert profile is not None
    return profile


def test_events_are_counted_by_type() -> None:
    profile = folded(record(1), record(2, kind="purchase"), record(3))
    assert (profile["eventCount"], profile["counts"]) == (3, {"view": 2, "purchase": 1})


def test_a_batch_delivered_again_changes_nothing() -> None:
    batch = [record(1), record(2)]
    assert after(folded(*batch), batch) is None


def test_only_the_new_end_of_a_batch_delivered_again_counts() -> None:
    profile = folded(record(1), record(2))
    assert folded(record(1), record(2), record(3), profile=profile)["eventCount"] == 3


def test_sequence_numbers_are_compared_as_numbers_whatever_their_length() -> None:
    assert folded(record(10), profile=folded(record(9)))["eventCount"] == 2


def test_each_shard_is_remembered_apart() -> None:
    profile = folded(record(5, shard="a"))
    assert folded(record(1, shard="b"), profile=profile)["eventCount"] == 2


def test_an_event_a_producer_sent_twice_counts_once() -> None:
    profile = folded(record(1, event="click"))
    again = folded(record(2, event="click"), profile=profile)
    assert (again["eventCount"], len(again["lastItems"])) == (1, 1)


def test_an_old_event_counts_but_never_becomes_the_last() -> None:
    profile = folded(record(1, at=500.0))
    profile = folded(record(2, at=100.0), profile=profile)
    assert (profile["eventCount"], profile["lastEventAt"]) == (2, Decimal("500.0"))
    assert [entry["itemId"] for entry in profile["lastItems"]] == ["item-1", "item-2"]


def test_of_two_events_at_one_moment_the_later_delivered_comes_first() -> None:
    profile = folded(record(1, at=5.0), record(2, at=5.0))
    assert [entry["itemId"] for entry in profile["lastItems"]] == ["item-2", "item-1"]


def test_only_the_last_items_are_kept() -> None:
    profile = folded(*(record(number) for number in range(1, LAST_ITEMS + 10)))
    assert len(profile["lastItems"]) == LAST_ITEMS
    assert profile["lastItems"][0]["itemId"] == f"item-{LAST_ITEMS + 9}"


def test_invented_event_types_cannot_fill_the_profile() -> None:
    profile = folded(*(record(number, kind=f"type-{number}") for number in range(1, MAX_TYPES + 6)))
    assert len(profile["counts"]) == MAX_TYPES + 1
    assert profile["counts"][OTHER] == 5


def test_a_replay_of_old_events_does_not_expire_at_once() -> None:
    assert folded(record(1, at=5.0))["expiresAt"] == 1e9 + DAYS * 86400


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_however_batches_are_cut_and_repeated_every_event_counts_once(data: st.DataObject) -> None:
    records = [record(number) for number in range(1, data.draw(st.integers(1, 30)) + 1)]
    profile: dict = {}
    checkpoint = 0
    for _ in count():
        if checkpoint == len(records):
            break
        end = data.draw(st.integers(checkpoint + 1, len(records)))
        profile = after(profile, records[checkpoint:end]) or profile
        checkpoint = data.draw(st.integers(checkpoint, end)) if data.draw(st.booleans()) else end
    assert profile["eventCount"] == len(records)
