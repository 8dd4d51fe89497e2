"""Beyond the catalogues that can be solved: the same counts, in bounded memory, and an answer for any input."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

import recsys.models
import recsys.models.next_item.large
import recsys.models.next_item.memory
import recsys.models.transitions
from recsys.errors import ModelError
from recsys.models import NextItem, Sequences
from recsys.models.next_item.features import decayed
from recsys.models.next_item.gram import cross, gram_diagonal, scale_weights
from recsys.models.next_item.large import LargeRegression, regression_of
from recsys.models.next_item.regression import Regression, product
from recsys.models.next_item.settings import Settings
from recsys.models.transitions import PAIR_BYTES, Transitions, needed_bytes

DECAYS = (0.05,)
BY_LAG = scale_weights(DECAYS)[0]  # three distances


@pytest.fixture(autouse=True)
def every_catalogue_is_large(monkeypatch) -> None:
    monkeypatch.setattr(recsys.models.next_item.large, "DENSE_ITEMS", 0)


@pytest.fixture
def seqs() -> Sequences:
    """40 users of 1 to 30 events over 12 items, of which item 3 has half the events and item 11 none."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 31, 40)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    codes = np.where(rng.random(offsets[-1]) < 0.5, 3, rng.integers(0, 11, offsets[-1])).astype(np.int32)
    return Sequences(_names("u", 40), _names("i", 12), offsets, codes, np.arange(offsets[-1]))


def _names(prefix: str, n: int) -> np.ndarray:
    return np.array([f"{prefix}{i}" for i in range(n)], object)


def one_user(codes: np.ndarray, n_items: int) -> Sequences:
    ends = np.array([0, len(codes)])
    return Sequences(_names("u", 1), _names("i", n_items), ends, codes.astype(np.int32), np.arange(len(codes)))


def table(seqs: Sequences, reverse: float = 0.0, kept: int = 100, worth: np.ndarray | None = None) -> np.ndarray:
    worth = np.ones(seqs.n_items, np.float32) if worth is None else worth
    return Transitions(seqs).table(BY_LAG, reverse, worth, kept, np.ones((seqs.n_items, 1), np.float32))[0].toarray()


def dense(seqs: Sequences, settings: Settings) -> np.ndarray:
    return product(sparse.eye_array(seqs.n_items, format="csr"), LargeRegression(seqs).coefficients(settings))


@pytest.mark.parametrize("pairs", [1, 50, 4_000_000])
@pytest.mark.parametrize("reverse", [0.0, 0.5])
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_counted_in_parts_of_any_size_are_the_same_numbers(seqs, monkeypatch, pairs, reverse, weighted):
    monkeypatch.setattr(recsys.models.transitions, "PAIRS", pairs)
    if weighted:
        seqs = replace(seqs, weights=np.random.default_rng(1).random(seqs.n_events).astype(np.float32))
    np.testing.assert_allclose(table(seqs, reverse), cross(seqs, DECAYS, np.ones(1), reverse), rtol=1e-5)


def test_no_more_pairs_are_held_at_once_than_stated(seqs, monkeypatch):
    held, neighbours = [], recsys.models.transitions._neighbours
    monkeypatch.setattr(recsys.models.transitions, "PAIRS", 30)
    monkeypatch.setattr(
        recsys.models.transitions, "_neighbours", lambda *args: held.append(neighbours(*args)) or held[-1]
    )
    table(seqs, reverse=0.5)
    assert max(part.nnz for part in held) <= 30 < sum(part.nnz for part in held)


def test_the_largest_of_each_row_are_kept_by_what_they_are_worth(seqs):
    expected = table(seqs)
    kept = table(seqs, kept=2)
    np.testing.assert_allclose(np.sort(kept)[:, -2:], np.sort(expected)[:, -2:])
    assert ((kept > 0).sum(axis=1) <= 2).all()
    worth = np.where(np.arange(12) == 3, 1e-6, 1).astype(np.float32)
    assert not table(seqs, kept=2, worth=worth)[:3, 3].any()


def test_the_product_is_that_of_all_entries_also_of_those_not_kept(seqs):
    left = np.random.default_rng(2).standard_normal((12, 3)).astype(np.float32)
    _, product = Transitions(seqs).table(BY_LAG, 0.5, np.ones(12, np.float32), 1, left)
    np.testing.assert_allclose(product, left.T @ cross(seqs, DECAYS, np.ones(1), 0.5), rtol=1e-4)


def test_all_directions_make_the_exact_ridge(seqs, monkeypatch):
    """Directions of eigenvalues below zero, few and small, are left out on either side."""
    monkeypatch.setattr(recsys.models.next_item.large, "DIRECTIONS", 12)
    settings = Settings(penalty=30.0, discount=0.0, horizon=2, decays=(0.8,))
    exact = Regression(seqs).coefficients(settings)
    own = gram_diagonal(seqs, scale_weights((0.8,))[0])
    diagonal = cross(seqs, (0.8,), np.full(2, 0.5)) / (own[:, None] + 30)
    assert np.abs(dense(seqs, settings) - exact).max() < 0.1 * np.abs(diagonal - exact).max()


def test_a_row_of_sampled_events_stands_for_all_of_them(seqs):
    transitions, items = Transitions(seqs), np.array([1, 3, 11])
    exact, sampled = (transitions.rows(items, BY_LAG, most=most).toarray() for most in (None, 40))
    np.testing.assert_allclose(sampled[[0, 2]], exact[[0, 2]])  # they have fewer events
    assert sampled[1].sum() == pytest.approx(exact[1].sum(), rel=0.1)
    assert not np.array_equal(sampled[1], exact[1])


@pytest.mark.parametrize("discount", [0.0, 0.3])
def test_a_prediction_is_the_history_times_the_coefficients(seqs, discount):
    settings = Settings(discount=discount, horizon=2, reverse=0.5)
    regression = LargeRegression(seqs)
    events = decayed(seqs.histories(), regression.weights(settings), 12)
    expected = product(events.table(12), regression.coefficients(settings))
    np.testing.assert_allclose(regression.predict(events, settings)(), expected, rtol=1e-4, atol=1e-6)


def test_a_discount_favours_what_few_have(seqs):
    counts = np.maximum(np.bincount(seqs.codes, minlength=12), 1)
    plain, discounted = (dense(seqs, Settings(discount=d)) for d in (0.0, 0.4))
    np.testing.assert_allclose(discounted, plain / counts**0.4, rtol=1e-4, atol=1e-6)


def test_more_events_are_counted_at_fewer_lags(seqs, monkeypatch):
    monkeypatch.setattr(recsys.models.next_item.large, "MOST_PAIRS", 20 * seqs.n_events)
    assert len(LargeRegression(seqs)._by_lag(Settings())) == 20
    monkeypatch.setattr(recsys.models.next_item.large, "MOST_PAIRS", 1)
    assert len(LargeRegression(seqs)._by_lag(Settings())) == recsys.models.next_item.large.FEWEST_LAGS


def test_only_pairs_that_histories_hold_are_counted(seqs, monkeypatch):
    pairs = sum(min(at, 3) for length in seqs.lengths for at in range(length))
    assert Transitions(seqs).pairs(3) == pairs
    monkeypatch.setattr(recsys.models.next_item.large, "SPECTRUM_PAIRS", pairs)
    assert len(LargeRegression(seqs)._positions(Settings(decays=DECAYS))) == seqs.n_events


def test_the_size_of_the_catalogue_decides_how_it_is_solved(seqs, monkeypatch):
    assert isinstance(regression_of(seqs), LargeRegression)
    monkeypatch.setattr(recsys.models.next_item.large, "DENSE_ITEMS", seqs.n_items)
    assert isinstance(regression_of(seqs), Regression)


def test_what_would_not_fit_into_memory_is_refused_before_the_work_starts(seqs, monkeypatch):
    large = recsys.models.next_item.large
    needed = needed_bytes(seqs.n_events, seqs.n_items, large.KEPT, threads=2) + large.SPECTRUM_PAIRS * PAIR_BYTES
    monkeypatch.setattr(recsys.models.next_item.memory, "available_bytes", lambda: needed)
    NextItem.fit(seqs, budget=0)
    monkeypatch.setattr(recsys.models.next_item.memory, "available_bytes", lambda: needed - 1)
    with pytest.raises(ModelError, match=r"12 items needs 0\.\d GB of memory and 0\.\d GB are available: train on"):
        NextItem.fit(seqs)


def test_more_threads_do_not_need_more_memory_than_there_is(seqs, monkeypatch):
    large = recsys.models.next_item.large
    needed = needed_bytes(seqs.n_events, seqs.n_items, large.KEPT, large.COUNTING) + large.SPECTRUM_PAIRS * PAIR_BYTES
    monkeypatch.setattr(recsys.models.next_item.memory, "available_bytes", lambda: needed)
    NextItem.fit(seqs, threads=64, budget=0)


def test_a_seed_gives_one_model(seqs):
    first, second = (NextItem.fit(seqs, seed=3) for _ in range(2))
    assert first.settings == second.settings and len(first.trials) == len(second.trials)
    np.testing.assert_array_equal(first.scores([1, 2]), second.scores([1, 2]))


def test_a_saved_model_answers_the_same(seqs, tmp_path):
    model = NextItem.fit(seqs)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(recsys.models.load(tmp_path / "model").scores([1, 2]), model.scores([1, 2]))


@pytest.mark.parametrize(
    "degenerate",
    [
        one_user(np.array([2]), 4),
        one_user(np.array([0, 1, 2, 3]), 4),
        one_user(np.zeros(3), 1),
        one_user(np.zeros(200_000), 3),
        one_user(np.arange(200_000) % 5, 5),
        Sequences(_names("u", 30), _names("i", 2), np.arange(0, 91, 3), np.zeros(90, np.int32), np.arange(90)),
        Sequences(_names("u", 30), _names("i", 30), np.arange(31), np.arange(30, dtype=np.int32), np.arange(30)),
    ],
    ids=["one event", "one user", "one item", "long and alike", "long", "all alike", "no user with two events"],
)
def test_degenerate_data_gives_finite_scores(degenerate):
    model = NextItem.fit(degenerate)
    for history in ([], [0], [0, 0, 0]):
        assert np.isfinite(model.scores(history)).all()
    assert np.isfinite(model.temperature)


def test_a_long_history_of_one_user_is_learned_from():
    model = NextItem.fit(one_user(np.arange(200_000) % 5, 5))
    assert model.recommend([[0, 1, 2]], 1)[0][0, 0] == 3
