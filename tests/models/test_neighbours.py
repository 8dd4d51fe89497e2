"""The nearest neighbours among all histories are those of the definition, and count where they help."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from recsys.models import NextItem, Sequences, load
from recsys.models.next_item import loops, neighbours, tuning
from recsys.models.next_item.blend import Blend
from recsys.models.next_item.held_out import HeldOut
from recsys.models.next_item.neighbours import AGES, FADING, NEVER, SLACK, Neighbours
from recsys.models.next_item.regression import Regression
from recsys.models.next_item.search import Search
from recsys.models.next_item.settings import ALIKE, Settings
from recsys.models.next_item.tuning import tune
from recsys.models.protocol import leave_last_out

RING = 7


@pytest.fixture(autouse=True)
def few_users_tell_enough(monkeypatch) -> None:
    monkeypatch.setattr(tuning, "FEWEST_USERS", 100)


@pytest.fixture
def sums() -> Sequences:
    """200 users whose next item is the sum of their last two, round a ring of 7: no linear model knows it."""
    codes = np.random.default_rng(0).integers(0, RING, (200, 8)).astype(np.int32)
    for at in range(2, 8):
        codes[:, at] = (codes[:, at - 1] + codes[:, at - 2]) % RING
    ids = (np.array([f"{prefix}{n:03d}" for n in range(count)], object) for prefix, count in (("u", 200), ("i", RING)))
    return Sequences(*ids, np.arange(201) * 8, codes.ravel(), np.arange(codes.size))


@pytest.fixture
def wanderers() -> Sequences:
    """40 users of 2 to 40 events among 15 items without any order, one without an event."""
    rng = np.random.default_rng(3)
    lengths = np.append(rng.integers(2, 40, 40), 0)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    codes = rng.integers(0, 15, offsets[-1]).astype(np.int32)
    return Sequences(np.arange(41).astype(str), np.arange(15).astype(str), offsets, codes, np.arange(offsets[-1]))


def weighed(seqs: Sequences) -> Sequences:
    """The same events, the later ones of more weight."""
    return replace(seqs, weights=np.linspace(0.5, 2, seqs.n_events, dtype=np.float32))


def plainly(seqs: Sequences, history: np.ndarray) -> np.ndarray:
    """The chances of what comes next by the definition, place by place."""
    chances = np.zeros(seqs.n_items)
    worth = np.ones(seqs.n_events) if seqs.weights is None else seqs.weights
    newest = history[::-1][:AGES]
    for low, high in zip(seqs.offsets[:-1], seqs.offsets[1:], strict=True):
        for place in range(low, high - 1):
            there = seqs.codes[low : place + 1][::-1][:AGES]
            likeness = sum(
                FADING ** (a + b) * np.exp(-abs(a - b) / SLACK)
                for a, item in enumerate(newest)
                for b, other in enumerate(there)
                if item == other
            )
            for ahead, share in ((1, 1.0), (2, 0.5)):
                if place + ahead < high:
                    chances[seqs.codes[place + ahead]] += share * worth[place + ahead] * likeness**4
    return chances / chances.sum()


@pytest.mark.parametrize("weighted", [False, True])
def test_chances_are_those_of_the_definition(wanderers, weighted):
    seqs = weighed(wanderers) if weighted else wanderers
    shown = [np.array(codes) for codes in ([3], [3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [14, 0, 14])]
    found = np.exp(Neighbours.of(seqs).logarithms(shown)) - NEVER
    np.testing.assert_allclose(found, [plainly(seqs, history) for history in shown], atol=1e-5)


def test_one_answer_leaves_nothing_behind_for_the_next(wanderers):
    model, history = Neighbours.of(wanderers), np.array([1, 2, 3])
    first = model.logarithms([history])
    model.logarithms([np.array([4, 5]), np.array([6])])
    np.testing.assert_array_equal(model.logarithms([history]), first)


def test_a_history_like_no_other_prefers_nothing(sequences):
    model = Neighbours.of(sequences(u1="a b", u2="c a"))
    assert len(set(model.logarithms([np.array([], int), np.array([1])]).ravel())) == 1  # b is nowhere but at an end


def test_of_an_item_in_many_places_some_are_looked_at_evenly_spaced(sequences, monkeypatch):
    seqs = sequences(**{f"u{user:02d}": "a b" if user % 10 else "a c" for user in range(40)})
    monkeypatch.setattr(neighbours, "MOST", 4)
    a, b, c = np.exp(Neighbours.of(seqs).logarithms([np.array([0])])[0]) - NEVER
    assert (a, c) == pytest.approx((0, 1), abs=1e-5) and b == pytest.approx(0, abs=1e-5)  # users 0, 10, 20 and 30


def test_they_find_what_no_linear_model_can(sums):
    model = NextItem.fit(sums, threads=1, candidates=[{"seen": True}])
    assert model.settings["neighbour_weight"] > 0
    linear = NextItem.fit(sums, threads=1, settings=model.chosen.with_(neighbour_weight=0.0))
    newcomers = np.random.default_rng(1).integers(0, RING, (200, 2))
    for _ in range(5):
        newcomers = np.column_stack([newcomers, newcomers[:, -2:].sum(axis=1) % RING])
    shown, wanted = newcomers[:, :-1], newcomers[:, -1]
    assert np.mean(model.recommend(shown, 1)[0][:, 0] == wanted) > 0.95
    assert np.mean(linear.recommend(shown, 1)[0][:, 0] == wanted) < 0.5 and linear.neighbours is None


def test_they_are_left_out_where_they_do_not_help_or_the_order_is_not_to_count(regulars, sums):
    assert NextItem.fit(regulars, threads=1).settings["neighbour_weight"] == 0
    unordered = NextItem.fit(sums, threads=1, candidates=[{"decays": ALIKE}])
    assert {trial["settings"]["neighbour_weight"] for trial in unordered.trials} == {0.0}


def test_they_are_not_tried_where_their_work_is_too_much(sums, monkeypatch):
    monkeypatch.setattr(neighbours, "SECONDS_A_PAIR", 1.0)
    assert NextItem.fit(sums, threads=1).settings["neighbour_weight"] == 0
    given = Settings(neighbour_weight=0.3)
    assert NextItem.fit(sums, threads=1, settings=given).neighbours is not None


def test_few_users_do_not_choose_them(sums, monkeypatch):
    monkeypatch.setattr(tuning, "FEWEST_USERS", 101)
    assert NextItem.fit(sums, threads=1).settings["neighbour_weight"] == 0


def test_they_are_tried_though_nothing_is_left_of_the_budget(sums, monkeypatch):
    monkeypatch.setattr("recsys.models.next_item.held_out.SECONDS_A_SCORE", 1000.0)
    assert NextItem.fit(sums, threads=1).settings["neighbour_weight"] > 0


@pytest.mark.parametrize("weighted", [False, True])
def test_saved_and_loaded_they_answer_the_same(sums, tmp_path, weighted):
    seqs = weighed(sums) if weighted else sums
    model = NextItem.fit(seqs, threads=1, settings=Settings(neighbour_weight=0.6, twin_weight=0.2))
    model.save(tmp_path / "model")
    shown = [[1, 2], [], [5], [0, 6, 3, 4, 5, 6, 1, 1, 2, 0]]
    for before, after in zip(model.recommend(shown, 5), load(tmp_path / "model").recommend(shown, 5), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_copy_answers_the_same_and_so_do_several_threads(wanderers):
    model, asked = Neighbours.of(wanderers), [np.array([1, 2, 3]), np.array([4, 4])]
    expected = model.logarithms(asked)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.logarithms(asked), expected)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: model.logarithms(asked), range(40)):
            np.testing.assert_array_equal(found, expected)


def test_a_loaded_model_compiles_nothing_when_it_is_asked(wanderers):
    model = Neighbours.of(wanderers)
    loaded = Neighbours.restored(model.arrays, wanderers.n_items)
    before = len(loops.add_votes.signatures)
    for history in (np.array([1, 2], np.int64), np.array([1, 2], np.int32), np.broadcast_to(np.int32(3), 9)):
        loaded.logarithms([history])
    assert len(loops.add_votes.signatures) == before


@pytest.mark.parametrize("weighted", [False, True])
def test_those_of_some_users_are_as_if_the_others_had_never_been(wanderers, weighted):
    seqs = weighed(wanderers) if weighted else wanderers
    some = np.arange(0, seqs.n_users, 3)
    kept = np.isin(seqs.users, some)
    asked = [np.array([1, 2, 3]), np.array([0])]
    found, expected = Neighbours.of(seqs).keep_events(kept), Neighbours.of(seqs.select(some))
    np.testing.assert_array_equal(found.logarithms(asked), expected.logarithms(asked))


def test_the_search_sees_what_the_model_answers(sums):
    """On the same events, with all that can stand beside the regression."""
    split = leave_last_out(sums, np.arange(50))
    settings = Settings(neighbour_weight=0.4, twin_weight=0.3, own_weight=0.1, popularity_weight=1.0, trend=0.5)
    model = NextItem.fit(split.train, threads=1, settings=settings)
    held_out = HeldOut(split, None, Regression(split.train))
    twin = model.twin.product(held_out.weighted(settings))
    held_out.beside = {
        "twin_weight": twin + held_out.log_share,
        "neighbour_weight": Neighbours.of(split.train).logarithms(split.histories),
    }
    np.testing.assert_allclose(held_out.scores(settings), model._score_batch(split.histories), atol=0.02)


def test_what_stands_beside_costs_no_regression(sums, monkeypatch):
    """But for the penalty, which is chosen anew beside neighbours."""
    solved = []
    solve = Regression._solved
    monkeypatch.setattr(Regression, "_solved", lambda self, *given: solved.append(given) or solve(self, *given))
    held_out = HeldOut.of(sums, 0, "next", 1)
    held_out.beside["neighbour_weight"] = Neighbours.of(held_out.train).logarithms(held_out.histories)
    for weight in (0.0, 0.2, 0.4):
        held_out.ndcg(Settings(neighbour_weight=weight))
    assert len(solved) == 1


def test_beside_neighbours_the_penalty_is_chosen_anew(sums):
    trials = NextItem.fit(sums, threads=1, candidates=[{"seen": True}]).trials
    pooled = {trial["settings"]["penalty"] for trial in trials if trial["settings"]["neighbour_weight"]}
    assert len(pooled) > 1


def test_what_is_chosen_without_them_is_the_best_that_was_tried_without_them(sums, monkeypatch):
    """Of penalties too: those tried beside them count."""
    monkeypatch.setattr(tuning, "WORTH_ASKING", 100.0)
    search, start = Search(HeldOut.of(sums, 0, "next", 1), lambda trial: None, 40.0), Settings(penalty=30.0)
    found = tuning._with_neighbours(search, start, frozenset(), 40.0)
    assert not found.neighbour_weight and found.penalty > start.penalty
    assert search.ndcg(found) > search.ndcg(start)


def test_with_settings_that_are_given_nothing_is_tried(sums):
    model = NextItem.fit(sums, threads=1, settings=Settings(neighbour_weight=0.4))
    assert model.settings["neighbour_weight"] == 0.4 and model.trials == []


def test_a_weight_that_is_held_is_measured_with_them(sums):
    """What the trials tell of the chosen settings is what these settings have."""
    held_out = HeldOut.of(sums, 0, "next", 1)
    tuned = tune(sums, 0, None, candidates=[{"neighbour_weight": 0.4, "seen": True}], threads=1)
    held_out.beside["neighbour_weight"] = Neighbours.of(held_out.train).logarithms(held_out.histories)
    told = [trial["ndcg"] for trial in tuned.trials if trial["settings"] == tuned.settings.as_dict()]
    assert tuned.settings.neighbour_weight == 0.4 and told == pytest.approx([held_out.ndcg(tuned.settings)] * len(told))


def test_what_the_pool_cannot_tell_apart_comes_in_the_order_of_popularity():
    popularity = np.arange(1.0, 101.0)
    scores = np.full((1, 100), -0.01, np.float32)
    alike = {"neighbour_weight": np.zeros((1, 100), np.float32)}
    found = Blend(popularity).add(scores, [np.array([3])], Settings(neighbour_weight=1.0), alike)
    assert (np.diff(found[0]) > 0).all()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_only_what_events_weigh_beside_each_other_matters(sums, scale):
    settings = Settings(neighbour_weight=0.4)
    plain = NextItem.fit(weighed(sums), threads=1, settings=settings)
    scaled = NextItem.fit(
        replace(sums, weights=weighed(sums).weights * np.float32(scale)), threads=1, settings=settings
    )
    asked = [np.array([1, 2]), np.array([5])]
    np.testing.assert_allclose(scaled._score_batch(asked), plain._score_batch(asked), atol=1e-3)
