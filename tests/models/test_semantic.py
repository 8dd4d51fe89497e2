"""Related items from what their texts mean."""

import numpy as np
import pandas as pd
import pytest

from recsys.errors import ModelError
from recsys.metrics import personalize_metrics
from recsys.models import SemanticSimilarity, load
from recsys.models.protocol import personalize_split
from recsys.models.related import semantic
from recsys.models.related.semantic import document

SHELF = {
    "couch": "COUCH",
    "sofa": "Sofa. Seats three.",
    "mug": "coffee mug",
    "cup": "tea cup",
    "shoes": "running shoes",
    "sneakers": "sneakers",
    "blank": None,
}


@pytest.fixture(scope="module")
def shop():
    return SemanticSimilarity.fit(list(SHELF), list(SHELF.values()))


def code_of(model, item: str) -> int:
    return int(model.encode([item])[0])


def names(model, item: str, k: int) -> list[str]:
    return model.item_ids[model.similar(code_of(model, item), k)[0]].tolist()


@pytest.mark.parametrize("pair", [("couch", "sofa"), ("mug", "cup"), ("sneakers", "shoes")])
def test_items_of_like_meaning_are_each_others_nearest(shop, pair):
    assert names(shop, pair[0], 1) == [pair[1]] and names(shop, pair[1], 1) == [pair[0]]


def test_a_score_is_the_cosine_of_the_two_texts(shop):
    mug, cup = code_of(shop, "mug"), code_of(shop, "cup")
    scores = shop.scores([mug])
    assert scores.dtype == np.float32 and scores[mug] == pytest.approx(1, abs=1e-5)
    assert scores[cup] == pytest.approx(float(shop.vectors[mug] @ shop.vectors[cup]), abs=1e-6)


def test_a_history_scores_the_sum_of_its_items(shop):
    both = shop.scores([0]) + shop.scores([2])
    np.testing.assert_allclose(shop.scores([0, 2]), both, atol=1e-6)
    codes, scores = shop.recommend([[0, 2], []], 3)
    assert codes.shape == scores.shape == (2, 3)


def test_an_item_is_never_its_own_neighbour(shop):
    codes, scores = shop.similar(0, 99)
    assert sorted(codes) == [1, 2, 3, 4, 5, 6] and np.isfinite(scores).all()


def test_an_unknown_code_is_refused(shop):
    with pytest.raises(ModelError, match="knows 0 to 6"):
        shop.similar(7, 3)


def test_an_item_without_a_text_is_answered_with_popular_items(sequences):
    clicks = sequences(a="mug cup", b="mug cup", c="mug", d="elsewhere elsewhere elsewhere")
    model = SemanticSimilarity.fit(list(SHELF), list(SHELF.values()), clicks)
    assert names(model, "blank", 2) == ["mug", "cup"]


def test_popularity_is_one_for_the_most_used_item_and_logarithmic(sequences):
    clicks = sequences(a="mug mug mug cup", b="elsewhere elsewhere elsewhere elsewhere")
    model = SemanticSimilarity.fit(list(SHELF), list(SHELF.values()), clicks)
    expected = {"mug": 1.0, "cup": np.log(2) / np.log(4), "sofa": 0.0}
    for item, popularity in expected.items():
        assert model.popularity[code_of(model, item)] == pytest.approx(popularity)


def test_freshness_is_the_share_of_older_items_and_zero_without_a_date():
    created = np.array([0, 1_700_000_000, np.nan, 1_700_000_100])
    model = SemanticSimilarity.fit(list("abcd"), ["mug", "cup", "sofa", "shoes"], created=created)
    assert model.freshness.tolist() == [0.0, 0.5, 0.0, 1.0]


def test_freshness_reorders_what_is_alike_and_leaves_behind_what_is_not():
    texts = ["sofa", "leather couch", "large couch", "garden hose"]
    model = SemanticSimilarity.fit(list("abcd"), texts, created=np.array([1.0, 2, 3, 4]))
    scores = model.scores([0])
    fresh = model.influenced(scores, freshness=1.0)
    assert scores[1] > scores[2] > scores[3] and fresh[2] > fresh[1] > fresh[3]


def test_popularity_has_its_own_weight(table):
    clicks = table(a="mug mug mug", b="mug")
    model = SemanticSimilarity.fit(["mug", "cup"], ["coffee mug", "tea cup"], clicks)
    ones = np.ones(2, np.float32)
    assert model.influenced(ones, popularity=0.5).tolist() == [1.5, 1.0]
    assert model.influenced(ones, freshness=1.0).tolist() == [1.0, 1.0]


def test_without_weights_scores_stay_as_they_are(shop):
    np.testing.assert_array_equal(shop.influenced(shop.scores([1])), shop.scores([1]))


def test_a_text_the_model_was_not_trained_on_finds_its_like_at_once(shop):
    likeness = shop.vectors @ shop.vector("settee for the living room")
    assert shop.item_ids[likeness.argmax()] in ("couch", "sofa")


def test_an_incremental_update_adds_items_and_renews_texts(shop):
    grown = shop.with_items(["settee", "blank"], ["settee", "a big cup of coffee"])
    assert grown.item_ids.tolist() == [*SHELF, "settee"]
    assert set(names(grown, "settee", 2)) == {"sofa", "couch"}
    assert set(names(grown, "blank", 2)) == {"mug", "cup"}
    assert len(shop.item_ids) == len(SHELF) and not shop.vectors[code_of(shop, "blank")].any()


def test_an_incremental_update_leaves_freshness_and_popularity(sequences):
    created = np.array([1.0, 2.0])
    model = SemanticSimilarity.fit(["mug", "cup"], ["coffee mug", "tea cup"], sequences(a="mug cup cup"), created)
    grown = model.with_items(["cup", "glass"], ["glass cup", "wine glass"])
    assert grown.freshness.tolist() == [*model.freshness, 0] and grown.popularity.tolist() == [*model.popularity, 0]


def test_saved_and_loaded_it_answers_the_same_from_disk(sequences, tmp_path):
    created = np.arange(len(SHELF), dtype=float)
    model = SemanticSimilarity.fit(list(SHELF), list(SHELF.values()), sequences(a="mug cup"), created)
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert isinstance(loaded.vectors, np.memmap)
    scores = [each.influenced(each.scores([1]), 0.3, 0.7) for each in (model, loaded)]
    np.testing.assert_array_equal(*scores)
    np.testing.assert_array_equal(model.vector("settee"), loaded.vector("settee"))
    assert names(loaded.with_items(["settee"], ["settee"]), "settee", 1) == ["couch"]


def test_fitting_twice_gives_the_same_model(shop):
    np.testing.assert_array_equal(SemanticSimilarity.fit(list(SHELF), list(SHELF.values())).vectors, shop.vectors)


def test_a_large_catalogue_keeps_fewer_dimensions_and_the_same_neighbours(monkeypatch):
    monkeypatch.setattr(semantic, "LARGE", 300)
    colours = ["red", "blue", "green", "white", "black", "pink", "grey", "brown", "orange", "striped"]
    things = ["mug", "sofa", "lamp", "shoe", "hat", "scarf", "tent", "rug", "clock", "spoon", "bag", "ring", "desk"]
    texts = [f"{colour} {thing}{size}" for colour in colours for thing in things for size in ("", " for kids", " xl")]
    short = SemanticSimilarity.fit([str(at) for at in range(len(texts))], texts)
    assert short.vectors.shape == (len(texts), semantic.SHORT) and short.vector("a hat").shape == (semantic.SHORT,)
    assert "sofa" in texts[int((short.vectors @ short.vector("Kanapee in rot")).argmax())]


def test_related_items_are_scored_by_personalizes_protocol(sequences):
    clicks = sequences(**{f"u{i}": "sofa couch" if i % 2 else "mug cup" for i in range(40)})
    split = personalize_split(clicks)
    texts = [SHELF[item] for item in split.train.item_ids]
    model = SemanticSimilarity.fit(split.train.item_ids, texts, split.train)
    codes = np.stack([model.similar(int(history[-1]), 25)[0] for history in split.histories])
    assert personalize_metrics(codes, split.targets, clicks.n_items)["mean_reciprocal_rank_at_25"] == 1.0


def test_a_catalogue_without_any_text_is_refused():
    with pytest.raises(ModelError, match="no text of the 2 items holds a word"):
        SemanticSimilarity.fit(["a", "b"], [None, "?!"])


def test_texts_must_match_the_items():
    with pytest.raises(ModelError, match="1 texts for 2 items"):
        SemanticSimilarity.fit(["a", "b"], ["mug"])


@pytest.mark.parametrize("nothing", [np.nan, pd.NA, ""])
def test_every_way_to_say_nothing_is_an_item_without_a_text(nothing):
    model = SemanticSimilarity.fit(["a", "b"], ["a sofa", nothing]).with_items(["c"], [nothing])
    assert model.vectors.any(axis=1).tolist() == [True, False, False]
    assert document(nothing, "A desk.") == "A desk."


def test_a_text_of_several_is_refused():
    with pytest.raises(ModelError, match=r"column 'text' holds \['a sofa'\]: give each row one value"):
        SemanticSimilarity.fit(["a"], [["a sofa"]])


def test_items_may_be_numbered():
    model = SemanticSimilarity.fit([1, 2], ["a sofa", "a couch"]).with_items([2, 3], ["a chair", "a stool"])
    assert model.item_ids.tolist() == ["1", "2", "3"] and model.encode([3, "1"]).tolist() == [2, 0]


def test_a_document_is_the_name_and_then_the_description():
    assert document("Oak desk", "For two.") == "Oak desk. For two."
    assert document("Oak desk", None) == "Oak desk" and document(None, "") == ""


def test_an_item_with_two_texts_is_refused():
    with pytest.raises(ModelError, match="item '1' has several texts"):
        SemanticSimilarity.fit([1, "1"], ["a sofa", "a couch"])
