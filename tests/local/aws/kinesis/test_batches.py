"""AWS's rules for a failed batch, as plain functions."""

import pytest

from recsys.local.aws.kinesis.batches import Piece, Verdict, first_failure, fitting, judge, split_aged


def records(count, arrived=0.0):
    return tuple(
        {"SequenceNumber": f"{n:03d}", "ApproximateArrivalTimestamp": arrived + n, "Data": "x" * 10}
        for n in range(count)
    )


def test_a_batch_without_failure_is_done():
    assert judge(Piece(records(4)), None, bisect=True, max_retries=0) == Verdict(done=4)


def test_bisect_halves_and_consumes_no_retry():
    whole = Piece(records(4), attempts=2)
    verdict = judge(whole, 0, bisect=True, max_retries=3)
    assert verdict == Verdict(0, (Piece(whole.records[:2], 2), Piece(whole.records[2:], 2)))


def test_a_partial_response_cuts_at_the_lowest_failure():
    whole = Piece(records(4))
    assert judge(whole, 3, bisect=True, max_retries=0) == Verdict(3, (Piece(whole.records[3:]),))


def test_a_single_record_is_tried_again_then_given_up():
    one = Piece(records(1))
    again = judge(one, 0, bisect=True, max_retries=1)
    assert again == Verdict(0, (Piece(one.records, 1),), pause=True)
    assert judge(again.pieces[0], 0, bisect=True, max_retries=1) == Verdict(0, given_up=Piece(one.records, 2))


def test_endless_retries_never_give_up():
    assert judge(Piece(records(1), attempts=10**6), 0, bisect=False, max_retries=-1).given_up is None


@pytest.mark.parametrize("response", [None, {}, "done", {"batchItemFailures": None}, {"batchItemFailures": []}])
def test_no_reported_failure_is_a_success(response):
    assert first_failure(records(3), response) is None


@pytest.mark.parametrize("name", ["", None, "unknown"])
def test_a_failure_that_names_no_record_fails_the_whole_batch(name):
    assert first_failure(records(3), {"batchItemFailures": [{"itemIdentifier": "002"}, {"itemIdentifier": name}]}) == 0


def test_a_misspelt_failure_fails_the_whole_batch():
    assert first_failure(records(3), {"batchItemFailures": [{"ItemId": "002"}]}) == 0


def test_the_lowest_of_several_failures_counts():
    reported = [{"itemIdentifier": "002"}, {"itemIdentifier": "001"}]
    assert first_failure(records(3), {"batchItemFailures": reported}) == 1


def test_records_before_the_limit_are_split_off():
    aged, kept = split_aged(Piece(records(4), 1), oldest=2.0)
    assert (len(aged.records), len(kept.records)) == (2, 2)
    assert split_aged(Piece(records(2)), oldest=9.0)[1] is None


def test_a_payload_has_a_limit_but_one_record_always_fits():
    assert len(fitting(list(records(5)), limit=25)) == 2
    assert len(fitting(list(records(5)), limit=1)) == 1
