"""What a save writes: the difference, and nothing else."""

from recsys.local.aws.state.hashes import Block, SavedHashes

A, B = ("dynamodb", "tables", "a"), ("dynamodb", "tables", "b")


def saved():
    return SavedHashes({(*A, ""): "table", (*A, "1"): "one", (*A, "2"): "two", (*B, ""): "other"})


def test_what_is_equal_is_not_written():
    blocks = [Block(A, {"": "table", "1": "one", "2": "two"}), Block(B, {"": "other"})]
    found = saved().difference({"dynamodb": blocks})
    assert (found.changed, found.removed) == ({}, [])


def test_what_changed_is_written_and_what_went_is_removed():
    found = saved().difference({"dynamodb": [Block(A, {"": "table", "1": "ONE"})]})
    assert found.changed == {(*A, "1"): "ONE"}
    assert sorted(found.removed) == [(*A, "2"), (*B, "")]


def test_a_block_of_changes_says_nothing_about_the_other_parts():
    marks = saved()
    blocks = [Block(A, {"": "table", "3": "three"}, frozenset({"2"})), Block(B, {"": "other"})]
    found = marks.difference({"dynamodb": blocks})
    assert (found.changed, found.removed) == ({(*A, "3"): "three"}, [(*A, "2")])
    marks.accept(found)
    assert marks.difference({"dynamodb": blocks}).changed == {}


def test_a_difference_that_was_not_saved_is_found_again():
    marks, blocks = saved(), [Block(A, {"": "table", "1": "ONE"}, frozenset()), Block(B, {"": "other"})]
    assert marks.difference({"dynamodb": blocks}).changed == marks.difference({"dynamodb": blocks}).changed


def test_a_service_that_could_not_be_read_keeps_what_it_has():
    found = saved().difference({"sqs": []})
    assert (found.changed, found.removed) == ({}, [])
