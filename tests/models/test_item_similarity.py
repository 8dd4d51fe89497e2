"""Related items from who touched both."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from recsys.errors import ModelError
from recsys.models import ItemSimilarity
from recsys.models.related import cointeractions as module
from recsys.models.related.cointeractions import cointeractions


@pytest.fixture
def shop(sequences):
    """Everybody buys bread; ten of the twenty also buy tea and cup together."""
    tea = {f"t{i}": "bread tea cup" for i in range(10)}
    rest = {f"r{i}": "bread soap" for i in range(8)} | {"x": "bread tea pin", "y": "cup"}
    return sequences(**tea, **rest)


def names(model, code_of: str, k: int) -> list[str]:
    codes, _ = model.similar(int(model.encode([code_of])[0]), k)
    return model.item_ids[codes].tolist()


def test_the_nearest_item_is_the_one_bought_with_it_not_the_popular_one(shop):
    assert names(ItemSimilarity.fit(shop), "tea", 1) == ["cup"]


def test_without_the_popularity_discount_the_popular_item_leads(shop):
    assert names(ItemSimilarity.fit(shop, popularity_discount_factor=0.0), "tea", 1) == ["bread"]


def test_the_default_is_the_cosine(shop):
    model = ItemSimilarity.fit(shop)
    tea = int(model.encode(["tea"])[0])
    _, scores = model.similar(tea, 1)
    assert scores[0] == pytest.approx(10 / np.sqrt(11 * 11), abs=1e-6)


def test_a_chance_meeting_does_not_count(shop):
    model = ItemSimilarity.fit(shop, min_cointeraction_count=3)
    tea, pin = (int(model.encode([name])[0]) for name in ("tea", "pin"))
    assert model.table[tea, pin] == 0
    assert ItemSimilarity.fit(shop, min_cointeraction_count=1).table[tea, pin] > 0


def test_an_item_is_never_similar_to_itself_and_gaps_are_filled_by_popularity(shop):
    assert names(ItemSimilarity.fit(shop), "pin", 9) == ["bread", "cup", "tea", "soap"]


def test_repeats_of_one_user_count_once(sequences):
    seqs = sequences(a="x y x y x y", b="x y", c="x y", d="x z", e="x z", f="x z", g="x z")
    assert names(ItemSimilarity.fit(seqs, popularity_discount_factor=0.0), "x", 1) == ["z"]


def test_how_many_pairs_are_looked_at_at_once_makes_no_difference(shop, monkeypatch):
    whole = ItemSimilarity.fit(shop, min_cointeraction_count=1).table
    monkeypatch.setattr(module, "PAIRS", 1)
    by_item = ItemSimilarity.fit(shop, min_cointeraction_count=1).table
    assert whole.nnz > 0 and (by_item != whole).nnz == 0


def test_the_pairs_of_a_large_catalogue_are_never_in_memory_all_at_once(monkeypatch):
    touched = sparse.random_array((2_000, 4_000), density=0.01, format="csr", dtype=np.float32, rng=0)
    touched.data[:] = 1
    pairs = (touched.T @ touched).nnz
    monkeypatch.setattr(module, "PAIRS", pairs // 50)
    tracemalloc.start()
    table = cointeractions(touched, least=1, discount=0.5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    kept = 3 * 12 * table.nnz  # code and value, while the runs are joined
    assert peak - kept < 8 * pairs


def test_an_unknown_code_is_refused(shop):
    with pytest.raises(ModelError, match="this model knows"):
        ItemSimilarity.fit(shop).similar(99, 3)


def test_similar_items_can_be_asked_for_among_some(ring):
    model = ItemSimilarity.fit(ring)
    everything, _ = model.similar(3, 99)
    codes, _ = model.similar(3, 99, among=[1, 3, 7])
    assert codes.tolist() == [code for code in everything if code in (1, 7)]
