"""Which streams of a log group a save must read."""

import pytest

from recsys.local.aws.state import changed_streams


def stream(*messages):
    return {"events": [{"message": text} for text in messages], "lastIngestionTime": len(messages)}


@pytest.fixture
def group():
    changed_streams.forget()
    yield {"arn": "group", "streams": {"kept": stream("a"), "empty": stream()}}
    changed_streams.forget()


def test_all_are_read_at_first_and_none_that_stay_as_they_are(group):
    assert changed_streams.take(group) is None
    assert changed_streams.take(group) == set()


def test_what_is_new_written_to_made_anew_or_gone_is_told_once(group):
    group["streams"] |= {"gone": stream(), "anew": stream()}
    changed_streams.take(group)
    group["streams"]["empty"]["events"].append({"message": "b"})
    group["streams"] |= {"new": stream("c"), "anew": stream("d")}
    del group["streams"]["gone"]
    assert changed_streams.take(group) == {"empty", "new", "anew", "gone"}
    assert changed_streams.take(group) == set()


def test_a_stream_that_loses_its_oldest_line_for_a_new_one_has_changed(group):
    changed_streams.take(group)
    group["streams"]["kept"]["events"][:] = [{"message": "b"}]
    assert changed_streams.take(group) == {"kept"}


def test_after_a_save_that_failed_all_are_read(group):
    changed_streams.take(group)
    changed_streams.forget()
    assert changed_streams.take(group) is None
