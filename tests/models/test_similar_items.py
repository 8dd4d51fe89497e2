"""Related items from interactions and metadata together."""

import numpy as np
import pytest

from recsys.models import ItemContent, ItemSimilarity, Sequences, SimilarItems, load
from recsys.models.low_rank import low_rank
from recsys.models.related.cointeractions import NEIGHBOURS, cointeractions
from recsys.models.related.following import BEFORE, following
from recsys.models.related.similar_items import SHRINKAGE
from recsys.models.sequences import between, touched_table

AISLES = {"bread": "bakery", "tea": "food", "cup": "china", "pot": "china", "new": "china", "soap": "bath", "odd": None}


@pytest.fixture
def seqs(table):
    """Tea and cup are bought together, bread by all; nobody has bought `new`, and `pot` has two buyers."""
    tea = {f"t{i}": "bread tea cup" for i in range(20)}
    rest = {f"r{i}": "bread soap odd" for i in range(12)} | {"x": "bread pot", "y": "soap pot"}
    return Sequences.from_interactions(table(**tea, **rest), catalogue=list(AISLES))


@pytest.fixture
def content():
    return ItemContent.fit(list(AISLES), {"AISLE": list(AISLES.values())}, {"AISLE": "categorical"})


def names(model, item: str, k: int = 1) -> list[str]:
    codes, _ = model.similar(int(model.encode([item])[0]), k)
    return model.item_ids[codes].tolist()


@pytest.mark.parametrize("cold", ["new", "pot"])
def test_a_cold_item_is_answered_from_its_metadata(seqs, content, cold):
    others = {"cup", "pot", "new"} - {cold}
    assert set(names(SimilarItems.fit(seqs, content), cold, 2)) == others


def test_an_item_with_interactions_is_answered_by_them_first(seqs, content):
    assert names(SimilarItems.fit(seqs, content), "tea") == ["cup"]


def test_its_metadata_still_bring_in_what_nobody_has_bought_with_it(seqs, content):
    assert names(SimilarItems.fit(seqs, content), "cup", 4) == ["tea", "bread", "new", "pot"]


def test_an_item_without_metadata_is_answered_by_interactions_alone(seqs, content):
    with_content, without = (SimilarItems.fit(seqs, given).similar(3, 3) for given in (content, None))
    assert seqs.item_ids[3] == "odd"
    for ours, theirs in zip(with_content, without, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_of_items_that_the_same_users_touched_the_one_that_follows_at_once_is_nearest(sequences):
    """Tent, map and boots have the same twelve users; the boots come a whole shopping list after the tent."""
    goods = [f"p{i}" for i in range(40)]
    lists = {f"u{i}": ["tent", "map", *goods[i * 3 : i * 3 + 8], "boots"] for i in range(12)}
    model = SimilarItems.fit(sequences(**{user: " ".join(items) for user, items in lists.items()}))
    assert names(model, "tent") == ["map"]
    tent, there, back = *model.encode(["tent", "map"]), model.scores(model.encode(["map"]))
    assert model.scores([tent])[there] > back[tent], "what came before is less near than what comes after"


def test_what_comes_soon_is_counted_by_its_distance_and_less_where_it_is_rare(sequences):
    seqs = sequences(u="a b c", v="a c", w="d a")
    a, b, c, d = range(4)
    table = following(seqs, 10, 2.0).toarray()
    counts = {(a, b): 1.0, (b, a): BEFORE, (a, c): 0.7 + 1.0, (c, a): BEFORE * 1.7, (b, c): 1.0, (d, a): 1.0}
    events = {a: 3, b: 1, c: 2, d: 1}
    for (one, other), count in counts.items():
        expected = count / (events[one] * events[other]) ** 0.4 * count / (count + 2)
        assert table[one, other] == pytest.approx(expected, rel=1e-5)
    assert not table.diagonal().any() and table[d, c] == 0


def test_without_metadata_it_is_the_mean_of_shared_users_and_of_what_comes_soon(seqs):
    """Both with rows of the same length."""
    ours, row = SimilarItems.fit(seqs), 0
    touched = touched_table(seqs)
    shared, soon = cointeractions(touched, 1, 0.5, SHRINKAGE), following(seqs, NEIGHBOURS, SHRINKAGE)
    shared, soon = shared.toarray()[row], soon.toarray()[row]
    expected = (shared + soon * np.linalg.norm(shared) / np.linalg.norm(soon)) / 2
    others = np.arange(seqs.n_items) != row
    assert ours.scores([row])[others] == pytest.approx(expected[others], abs=1e-6)


def test_an_item_whose_pairs_had_one_user_each_is_still_answered_by_them(seqs):
    assert set(names(SimilarItems.fit(seqs), "pot", 2)) == {"bread", "soap"}


def test_the_popularity_discount_favours_the_less_popular(seqs):
    soap = int(np.flatnonzero(seqs.item_ids == "soap")[0])
    bread = int(np.flatnonzero(seqs.item_ids == "bread")[0])
    plain, discounted = (SimilarItems.fit(seqs, popularity_discount_factor=f).scores([soap]) for f in (0.0, 1.0))
    assert discounted[bread] < plain[bread]


def test_the_higher_the_rank_the_nearer_to_the_full_similarity(regulars):
    others = np.arange(regulars.n_items) != 2
    full = SimilarItems.fit(regulars).scores([2])[others]
    ranked = [SimilarItems.fit(regulars, item_id_hidden_dim=rank).scores([2])[others] for rank in (2, 15, 59)]
    errors = [np.abs(scores - full).mean() for scores in ranked]
    assert errors[0] > errors[1] > errors[2]


def test_low_rank_keeps_the_largest_part_of_a_sum_of_products():
    a, b = np.random.default_rng(0).normal(size=(2, 30, 12))
    whole = a @ a.T + b @ b.T
    factors = low_rank([a, b], 5)
    least = np.sqrt((np.linalg.eigvalsh(whole)[:-5] ** 2).sum())
    assert np.linalg.norm(whole - factors @ factors.T) < 1.01 * least


@pytest.mark.parametrize("options", [{}, {"item_id_hidden_dim": 3, "item_metadata_hidden_dim": 2}], ids=["full", "low"])
def test_saved_and_loaded_it_answers_the_same(seqs, content, options, tmp_path):
    model = SimilarItems.fit(seqs, content, **options)
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.settings == model.settings
    for code in range(seqs.n_items):
        np.testing.assert_array_equal(loaded.scores([code]), model.scores([code]))


def test_metadata_of_unknown_items_and_items_without_metadata_do_no_harm(seqs):
    content = ItemContent.fit(["elsewhere", "tea", "new"], {"A": ["x", "y", "y"]}, {"A": "categorical"})
    assert names(SimilarItems.fit(seqs, content), "new") == ["tea"]


def test_a_percentile_cut_drops_the_extremes_and_nothing_of_a_small_set():
    counts = np.arange(1, 101)
    assert counts[between(counts, 0.05, 0.9)].tolist() == list(range(5, 92))
    assert between(np.array([1, 5, 9]), 0.005, 0.995).all()


def test_users_beyond_the_percentiles_are_not_counted(sequences):
    people = {f"u{i}": "a b" for i in range(40)} | {"robot": " ".join(["a", "c", "b"] * 50), "once": "a"}
    seqs, cut = sequences(**people), {"max_user_history_length_percentile": 0.9}
    a, c = 0, 2
    assert ItemSimilarity.fit(seqs, min_cointeraction_count=0).table[a, c] > 0
    assert ItemSimilarity.fit(seqs, min_cointeraction_count=0, **cut).table[a, c] == 0


def test_items_beyond_the_percentiles_have_no_neighbours_and_are_nobodys(sequences):
    seqs = sequences(**{f"u{i}": f"hit i{i % 20} i{(i + 1) % 20}" for i in range(100)})
    hit = int(np.flatnonzero(seqs.item_ids == "hit")[0])
    table = ItemSimilarity.fit(seqs, max_item_interaction_count_percentile=0.9).table
    assert table[[hit]].nnz == 0 and table[:, [hit]].nnz == 0 and table.nnz > 0
