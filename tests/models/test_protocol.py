"""Who is held out, what the model is shown and what it must find."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from recsys.errors import ModelError
from recsys.models import Sequences
from recsys.models.protocol import given_split, leave_last_out, newest_fifth, personalize_split, temporal_split


def test_a_tenth_of_the_users_is_unseen_in_training(ring):
    split = personalize_split(ring, seed=1)
    assert split.train.n_users == 72 and len(split.histories) == len(split.targets) == 8


def test_every_event_of_a_test_user_is_either_shown_or_wanted(ring):
    split = personalize_split(ring, seed=1)
    test_users = [u for u in range(ring.n_users) if ring.user_ids[u] not in set(split.train.user_ids)]
    for user, shown, wanted in zip(test_users, split.histories, split.targets, strict=True):
        np.testing.assert_array_equal(np.concatenate([shown, wanted]), ring.history(user))


@pytest.mark.parametrize(("events", "wanted"), [(2, 1), (10, 1), (19, 1), (20, 2), (100, 10)])
def test_the_newest_tenth_is_wanted_and_at_least_one(sequences, events, wanted):
    seqs = sequences(**{f"u{u}": " ".join("ab"[i % 2] for i in range(events)) for u in range(3)})
    split = personalize_split(seqs)
    assert len(split.targets[0]) == wanted and len(split.histories[0]) == events - wanted


def test_a_user_with_one_event_is_never_tested(sequences):
    split = personalize_split(sequences(once="a", twice="a b", only="c", single="b"))
    assert "twice" not in split.train.user_ids and split.train.n_users == 3


def test_the_catalogue_stays_whole(sequences):
    seqs = sequences(tester="rare odd", u1="a", u2="b")
    split = personalize_split(seqs)
    assert split.train.item_ids.tolist() == ["a", "b", "odd", "rare"]
    assert set(split.train.item_ids[split.train.codes]) == {"a", "b"}


def test_a_seed_gives_one_split(ring):
    first, again, other = (personalize_split(ring, seed=s).train.user_ids.tolist() for s in (3, 3, 4))
    assert first == again != other


@pytest.mark.parametrize("histories", [{"u": "a b c"}, {"u": "a", "v": "b"}])
def test_too_few_users_are_refused(sequences, histories):
    with pytest.raises(ModelError, match="cannot hold users out"):
        personalize_split(sequences(**histories))


def test_leave_last_out_wants_each_users_last_event(sequences):
    split = leave_last_out(sequences(u="a b c", v="b a", once="c"))
    words = [" ".join(split.train.item_ids[h]) for h in split.histories]
    assert words == ["b", "a b"] or words == ["a b", "b"]
    assert split.train.n_events == 4


def test_leave_last_out_needs_a_user_with_two_events(sequences):
    with pytest.raises(ModelError, match="no last event"):
        leave_last_out(sequences(u="a", v="b"))


def words(split, lists):
    """What the lists of codes say: one text per query."""
    return [" ".join(split.train.item_ids[codes]) for codes in lists]


def test_a_cut_in_time_is_one_for_everybody(sequences):
    split = temporal_split(sequences(u="a b c d", v="b a", w="c b a"), cut=1002)  # events at 1000, 1001, ...
    assert (words(split, split.histories), words(split, split.targets)) == (["a b", "c b"], ["c d", "a"])
    assert split.train.user_ids.tolist() == ["u", "v", "w"] and (split.train.times < 1002).all()


def test_the_cut_is_where_the_newest_tenth_begins(ring):
    split = temporal_split(ring, share=0.1)  # six events each, one a second: a tenth is within the last second
    assert split.train.n_events == 5 * 80 and all(len(wanted) == 1 for wanted in split.targets)


@pytest.mark.parametrize(("newcomers", "shown"), [(False, ["a b"]), (True, ["", "a b"])])
def test_users_unseen_before_the_cut_are_left_out_or_shown_nothing(table, newcomers, shown):
    events = table(old="a b c", new="c a")
    events.loc[events["USER_ID"] == "new", "TIMESTAMP"] += 100
    split = temporal_split(Sequences.from_interactions(events), cut=1002, newcomers=newcomers)
    assert words(split, split.histories) == shown and split.train.user_ids.tolist() == ["old"]


def test_a_cut_keeps_the_weights_of_its_targets(table):
    weights = np.array([1.0, 2.0, 3.0])
    split = temporal_split(Sequences.from_interactions(table(u="a b c"), weights=weights), cut=1001)
    assert split.weights[0].tolist() == [2, 3] and split.train.weights.tolist() == [1]


def test_the_newest_fifth_keeps_the_weights_of_its_targets(table):
    weights = np.array([1.0, 2.0, 3.0])
    split = newest_fifth(Sequences.from_interactions(table(u="a b c"), weights=weights))
    assert split.weights[0].tolist() == [3] and split.train.weights.tolist() == [1, 2]


@pytest.mark.parametrize("cut", [0, 5000])
def test_a_cut_outside_of_the_events_is_refused(ring, cut):
    with pytest.raises(ModelError, match="cut between"):
        temporal_split(ring, cut=cut)


def test_a_given_split_is_taken_as_it_is(table):
    split = given_split(table(u="a b", v="b", idle="a"), table(v="rare a", stranger="b"))
    assert split.train.item_ids.tolist() == ["a", "b", "rare"] and split.train.n_events == 4
    assert words(split, split.histories) == ["", "b"] and words(split, split.targets) == ["b", "rare a"]


def test_parts_of_the_same_sequences_are_a_split_too(sequences):
    seqs = sequences(u="a b c", v="c b", once="a")
    later = seqs.positions > 0
    split = given_split(seqs.keep_events(~later), seqs.keep_events(later))
    assert words(split, split.histories) == ["a", "c"] and words(split, split.targets) == ["b c", "b"]
    with pytest.raises(ModelError, match="Sequences of two catalogues"):
        given_split(seqs, sequences(u="other"))


@pytest.mark.parametrize("test", [[("u", "a", 1)], pd.DataFrame({"USER_ID": ["u"]})])
def test_what_is_no_table_is_no_split(table, test):
    with pytest.raises(ModelError, match=r"give a pandas DataFrame|interactions lack the columns"):
        given_split(table(u="a"), test)


@pytest.mark.parametrize(
    "protocol", [personalize_split, leave_last_out, newest_fifth, temporal_split], ids=lambda kind: kind.__name__
)
def test_every_protocol_takes_a_table_too(table, protocol):
    frame = table(**{f"u{user}": "a b c d" for user in range(20)})
    of_table, of_sequences = protocol(frame), protocol(Sequences.from_interactions(frame))
    assert repr(of_table) == repr(of_sequences) and "queries)" in repr(of_table)
    np.testing.assert_array_equal(np.concatenate(of_table.targets), np.concatenate(of_sequences.targets))


@pytest.mark.parametrize(
    "cut",
    [
        1002,
        1001.5,
        "1970-01-01 00:16:42",
        pd.Timestamp(1002, unit="s", tz="Asia/Tokyo"),
        datetime.fromtimestamp(1002, UTC),
    ],
)
def test_a_cut_may_be_a_number_or_a_moment(sequences, cut):
    split = temporal_split(sequences(u="a b c d"), cut=cut)
    assert split.train.codes.tolist() == [0, 1] and [each.tolist() for each in split.targets] == [[2, 3]]


def test_a_share_that_is_none_is_refused(ring):
    with pytest.raises(ModelError, match="give one from 0 to 1"):
        temporal_split(ring, share=10)
