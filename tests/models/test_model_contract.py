"""What every model promises."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from untrained import Untrained

from recsys.errors import ModelError
from recsys.models import (
    ItemSimilarity,
    NextItem,
    Popularity,
    Sequences,
    SimilarItems,
    Transformer,
    Trending,
    UserAffinity,
    load,
)
from recsys.models.sequences import sequences_of
from recsys.models.transformer.training import Training


def with_metadata(kind, interactions):
    """A model that knows something about every item that was touched, and about two more."""
    seqs = sequences_of(interactions)
    touched = seqs.item_ids[np.unique(seqs.codes)]
    aisles = [*(f"a{at % 3}|all" for at in range(len(touched))), "a0", "all"]
    items = pd.DataFrame({"ITEM_ID": [*touched, "cold", "colder"], "AISLE": aisles})
    return kind.fit(interactions, items=items)


class NextItemWithMetadata:
    """A NextItem beside cold items."""

    fit = staticmethod(partial(with_metadata, NextItem))


class TransformerWithMetadata:
    """The same of a Transformer."""

    fit = staticmethod(partial(with_metadata, Transformer))


TIMELESS = [
    Popularity,
    ItemSimilarity,
    SimilarItems,
    NextItem,
    NextItemWithMetadata,
    Transformer,
    TransformerWithMetadata,
    UserAffinity,
]
every_model = pytest.mark.parametrize("kind", [*TIMELESS, Trending], ids=lambda kind: kind.__name__)
every_timeless_model = pytest.mark.parametrize("kind", TIMELESS, ids=lambda kind: kind.__name__)


@pytest.fixture(autouse=True)
def no_steps(monkeypatch):
    """A transformer as it is before its first step, which needs no torch and keeps every promise."""
    monkeypatch.setattr(Training, "learn", lambda self, *args: Untrained().learn(*args))


@every_model
def test_recommendations_are_the_best_scores_in_order(kind, ring):
    model = kind.fit(ring)
    histories = [np.array([0, 1]), np.array([5])]
    codes, scores = model.recommend(histories, 3)
    assert codes.shape == scores.shape == (2, 3)
    assert codes.dtype == np.int32 and scores.dtype == np.float32
    for row, history in enumerate(histories):
        alone = model.scores(history)
        assert alone.shape == model.item_ids.shape and alone.dtype == np.float32
        np.testing.assert_allclose(scores[row], np.sort(alone)[::-1][:3], rtol=1e-5)


@every_model
def test_seen_items_are_left_out_when_asked_and_the_rest_keeps_its_order(kind, ring):
    model = kind.fit(ring)
    n = len(model.item_ids)
    histories = [np.array([0, 1, 1]), np.array([], int), np.arange(n)]
    everything, _ = model.recommend(histories, n)
    codes, scores = model.recommend(histories, n, exclude_seen=True)
    assert codes.dtype == np.int32 and (codes[2] == -1).all()
    assert codes[0].tolist() == [*(code for code in everything[0] if code not in (0, 1)), -1, -1]
    assert codes[1].tolist() == everything[1].tolist() and np.isneginf(scores[0, -2:]).all()


@every_model
def test_only_what_is_allowed_is_recommended_in_the_same_order(kind, ring):
    model = kind.fit(ring)
    histories = [[0, 1], [], [5, 2]]
    everything, _ = model.recommend(histories, len(model.item_ids), exclude_seen=True)
    mask = np.isin(np.arange(len(model.item_ids)), [2, 3, 5])
    for among in ([2, 3, 5], model.encode(["2", "3", "5"]), mask):
        codes, scores = model.recommend(histories, 4, exclude_seen=True, among=among)
        expected = [[code for code in row if code in (2, 3, 5)] for row in everything]
        assert [row[row >= 0].tolist() for row in codes] == expected and np.isneginf(scores[codes < 0]).all()
    assert (model.recommend(histories, 4, among=[])[0] == -1).all()


@pytest.mark.parametrize("among", [["1"], [99], 3], ids=["ids", "unknown", "a code"])
def test_what_is_neither_codes_nor_a_mask_is_not_allowed(ring, among):
    with pytest.raises(ModelError, match=r"take codes from|takes? codes|item codes"):
        Popularity.fit(ring).recommend([[1]], 3, among=among)


@pytest.mark.parametrize("more", [-1, 1])
def test_a_mask_of_another_length_is_told_from_codes(ring, more):
    model = Popularity.fit(ring)
    n = len(model.item_ids)
    with pytest.raises(ModelError, match=f"a mask of {n + more} is given for {n} items"):
        model.recommend([[1]], 3, among=np.ones(n + more, bool))


@every_timeless_model
def test_an_empty_history_gives_popularity(kind, sequences):
    seqs = sequences(u1="hit mid", u2="hit mid low", u3="hit mid", u4="hit rare rare rare rare")
    codes, _ = kind.fit(seqs).recommend([[]], 2)
    assert seqs.item_ids[codes[0]].tolist() == ["hit", "mid"]


@every_model
def test_no_histories_give_no_recommendations(kind, ring):
    codes, scores = kind.fit(ring).recommend([], 5)
    assert codes.shape == scores.shape == (0, 5)


@every_model
def test_probabilities_sum_to_one_in_the_order_of_the_scores(kind, ring):
    model = kind.fit(ring)
    for history in ([], [3], [3, 4, 3]):
        scores = model.scores(history)
        chances = model.probabilities(scores)
        assert chances.sum() == pytest.approx(1) and (chances >= 0).all()
        assert (np.diff(chances[np.argsort(scores, kind="stable")]) >= 0).all()


@every_model
def test_a_table_of_interactions_is_fitted_as_its_sequences_are(kind, table):
    frame = table(**{f"u{i}": "a b c a b d" for i in range(60)}).assign(EVENT_TYPE="view", EVENT_VALUE=np.nan)
    before = frame.copy()
    of_table, of_sequences = kind.fit(frame), kind.fit(Sequences.from_interactions(frame))
    assert of_table.item_ids[:4].tolist() == ["a", "b", "c", "d"] and of_table.settings == of_sequences.settings
    np.testing.assert_array_equal(of_table.scores([1]), of_sequences.scores([1]))
    pd.testing.assert_frame_equal(frame, before)


@every_model
def test_what_is_neither_a_table_nor_sequences_is_refused_with_what_is_wanted(kind):
    with pytest.raises(ModelError, match="a list cannot be fitted: give a pandas DataFrame with USER_ID, ITEM_ID and"):
        kind.fit([("u", "a", 1)])


@every_model
def test_fitting_twice_gives_the_same_model(kind, regulars):
    first, again = kind.fit(regulars), kind.fit(regulars)
    np.testing.assert_array_equal(first.scores([1, 2]), again.scores([1, 2]))
    assert first.settings == again.settings


@every_model
def test_saved_and_loaded_it_answers_the_same(kind, regulars, tmp_path):
    model = kind.fit(regulars)
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert type(loaded) is type(model) and loaded.settings == model.settings and loaded.trials == model.trials
    assert loaded.item_ids.tolist() == model.item_ids.tolist()
    histories = [[], [1], [2, 2, 7]]
    for ours, theirs in zip(model.recommend(histories, 9), loaded.recommend(histories, 9), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    scores = model.scores([4])
    np.testing.assert_array_equal(model.probabilities(scores), loaded.probabilities(scores))


@every_model
def test_encode_leaves_out_what_it_does_not_know(kind, ring):
    assert kind.fit(ring).encode(["3", "unheard of", "0", "3"]).tolist() == [3, 0, 3]


@every_model
def test_numbers_are_encoded_as_the_text_they_make(kind, ring):
    assert kind.fit(ring).encode([3, 0.0, np.int64(5), np.nan, None]).tolist() == [3, 0, 5]


@pytest.mark.parametrize(
    "ids",
    ["3", 3, None, [["3"]], pd.DataFrame({"3": ["3"]})],
    ids=["text", "number", "none", "list in a list", "table"],
)
def test_what_is_no_list_of_ids_is_not_encoded(ring, ids):
    with pytest.raises(ModelError, match=r"takes (one|a) list of ids"):
        Popularity.fit(ring).encode(ids)


def test_decoded_recommendations_are_ids_without_the_empty_places(ring):
    model = Popularity.fit(ring)
    codes, _ = model.recommend([[0, 1, 2], range(8)], 6, exclude_seen=True)
    assert model.decode(codes) == [["3", "4", "5", "6", "7"], []]
    assert model.decode(model.encode(["5", "2"])) == [["5", "2"]]


def test_codes_beside_their_scores_are_not_decoded(ring):
    model = ItemSimilarity.fit(ring)
    for both in (model.recommend([[1], [2]], 3), model.similar(1, 3)):
        with pytest.raises(ModelError, match="the first of the two"):
            model.decode(both)


def test_a_single_history_is_told_to_be_put_in_a_list(ring):
    with pytest.raises(ModelError, match="a list of histories even of one"):
        Popularity.fit(ring).recommend(np.array([1, 2]), 3)


@every_model
@pytest.mark.parametrize(
    "history", [["1", "2"], [1.7, 2.2], [True, False], [[1]], 3], ids=["ids", "floats", "bools", "nested", "flat"]
)
def test_what_is_no_list_of_codes_is_refused(kind, ring, history):
    with pytest.raises(ModelError, match=r"take codes from encode\(\)"):
        kind.fit(ring).recommend([history], 3)


@pytest.mark.parametrize("k", [-1, 2.0, "2", None])
def test_what_is_no_number_of_items_cannot_be_recommended(ring, k):
    with pytest.raises(ModelError, match=f"the {k!r} best cannot be had"):
        Popularity.fit(ring).recommend([[1]], k)


@every_model
def test_a_code_outside_the_catalogue_is_refused(kind, ring):
    model = kind.fit(ring)
    n = len(model.item_ids)
    for code in (-1, n):
        with pytest.raises(ModelError, match=f"knows 0 to {n - 1}"):
            model.recommend([[0], [code]], 3)


@every_model
@pytest.mark.parametrize(
    "histories",
    [{"u": "a b a c"}, {"u": "a"}, {"u": "a a a", "v": "a"}, {f"u{i}": "a a a" for i in range(60)}],
    ids=["one user", "one event", "one item", "all the same item"],
)
def test_the_smallest_data_sets_work(kind, sequences, histories):
    model = kind.fit(sequences(**histories))
    codes, scores = model.recommend([[], [0], [0, 0]], 5)
    assert codes.shape == (3, min(5, len(model.item_ids))) and np.isfinite(scores).all()


@every_timeless_model
def test_equal_timestamps_keep_the_order_of_the_table(kind, ring):
    order = ring.users * 1000 + ring.positions
    frame = pd.DataFrame({"USER_ID": ring.users, "ITEM_ID": ring.codes, "TIMESTAMP": order})
    still = kind.fit(Sequences.from_interactions(frame.assign(TIMESTAMP=5)))
    np.testing.assert_array_equal(still.scores([2]), kind.fit(Sequences.from_interactions(frame)).scores([2]))


@every_model
def test_an_item_nobody_touched_comes_after_what_is_likely_and_is_harmless_in_a_history(kind, table):
    frame = table(**{f"u{i}": "a b c a b" for i in range(60)})
    model = kind.fit(Sequences.from_interactions(frame, catalogue=["new"]))
    new = int(model.encode(["new"])[0])
    codes, _ = model.recommend([[], [0], [new]], len(model.item_ids))
    assert codes[0, -1] == new and new not in codes[1, :2]
    assert np.isfinite(model.scores([new])).all()


@every_model
def test_odd_identifiers_come_back_as_they_were(kind, tmp_path):
    odd = ['say "x"', "näïve", "a|b\n", "", " ", "x" * 256]
    frame = pd.DataFrame({"USER_ID": ["u", "v"] * 3, "ITEM_ID": odd, "TIMESTAMP": range(6)})
    kind.fit(Sequences.from_interactions(frame)).save(tmp_path / "model")
    assert sorted(load(tmp_path / "model").item_ids[:6]) == sorted(odd)


@every_model
def test_a_class_makes_no_model_of_a_table(kind, ring, table):
    kind = type(kind.fit(ring))
    with pytest.raises(
        ModelError, match=rf"{kind.__name__}\(\) makes no model of a DataFrame: call {kind.__name__}\.fit"
    ):
        kind(table(u="a b"))
