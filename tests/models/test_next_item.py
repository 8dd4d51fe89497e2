"""The next-item model learns order, repeats and baskets from the data and reacts to every event."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import recsys.models.next_item.large
import recsys.models.next_item.memory
import recsys.models.next_item.tuning
from recsys.errors import ModelError
from recsys.models import NextItem, Popularity, Sequences, load
from recsys.models.next_item.blend import UNLIKELY
from recsys.models.next_item.features import decayed
from recsys.models.next_item.held_out import HeldOut
from recsys.models.next_item.settings import OWN_WEIGHTS, Settings
from recsys.models.next_item.softmax import SoftmaxTwin
from recsys.models.next_item.tuning import FIRST_EPOCHS, TWIN_EPOCHS
from recsys.models.protocol import personalize_split


def test_it_learns_what_follows_what(ring):
    model = NextItem.fit(ring)
    codes, _ = model.recommend([[i] for i in range(8)], 1)
    assert codes[:, 0].tolist() == [(i + 1) % 8 for i in range(8)]


def test_the_order_of_the_history_matters(ring):
    model = NextItem.fit(ring)
    assert model.recommend([[2, 6], [6, 2]], 1)[0][:, 0].tolist() == [7, 3]


def test_a_new_event_changes_the_answer(ring):
    model = NextItem.fit(ring)
    before, after = model.recommend([[0, 1], [0, 1, 5]], 1)[0][:, 0]
    assert (before, after) == (2, 6)


def test_it_learns_that_people_come_back_to_their_own(regulars):
    model = NextItem.fit(regulars)
    favourite, other, more = model.encode(["f3", "11", "12"])
    assert model.recommend([[favourite, other, favourite, more]], 1)[0][0, 0] == favourite


def test_where_people_come_back_no_chance_decides_whether_they_do(regulars):
    assert {trial["settings"]["seen"] for trial in NextItem.fit(regulars).trials} == {True}


def test_it_beats_popularity_on_people_it_has_not_seen(regulars):
    split = personalize_split(regulars)
    found = {}
    for kind in (Popularity, NextItem):
        codes, _ = kind.fit(split.train).recommend(split.histories, 3)
        found[kind] = np.mean([len(set(c) & set(t)) > 0 for c, t in zip(codes.tolist(), split.targets, strict=True)])
    assert found[NextItem] > 0.9 > found[Popularity]


def test_every_trial_is_reported_and_the_best_is_chosen(regulars):
    reported = []
    model = NextItem.fit(regulars, report=reported.append)
    assert reported == model.trials and len(reported) > 5
    assert all(set(trial) == {"settings", "items", "users", "ndcg", "seconds"} for trial in reported)
    best = max(reported, key=lambda trial: trial["ndcg"])
    assert next(t["ndcg"] for t in reported if t["settings"] == model.settings) == best["ndcg"]


def test_without_a_budget_one_setting_is_tried(regulars):
    assert len(NextItem.fit(regulars, budget=0).trials) == 1


def test_given_settings_are_used_as_they_are(ring):
    model = NextItem.fit(ring, settings=Settings(length=10, penalty=7.5, own_weight=0.3))
    assert model.settings["penalty"] == 7.5 and model.settings["own_weight"] == 0.3 and model.trials == []


def test_an_empty_history_has_popularitys_own_probabilities(regulars):
    model = NextItem.fit(regulars)
    share = Popularity.fit(regulars).counts / Popularity.fit(regulars).counts.sum()
    np.testing.assert_allclose(model.probabilities(model.scores([])), share, atol=0.01)


def test_the_temperature_makes_a_sure_thing_likely(ring):
    model = NextItem.fit(ring)
    assert model.probabilities(model.scores([0, 1, 2]))[3] > 0.9


def test_a_batch_answers_as_single_requests_do(regulars):
    model = NextItem.fit(regulars)
    histories = [regulars.history(u) for u in range(20)] + [np.array([], dtype=np.int32)]
    codes, _ = model.recommend(histories, 10)
    for row, history in enumerate(histories):
        np.testing.assert_array_equal(codes[row, 0], model.recommend([history], 10)[0][0, 0])


def test_beyond_the_dense_limit_the_sparse_form_finds_the_same(ring, tmp_path, monkeypatch):
    monkeypatch.setattr(recsys.models.next_item.large, "DENSE_ITEMS", 4)
    model = NextItem.fit(ring)
    model.save(tmp_path / "sparse")
    loaded = recsys.models.load(tmp_path / "sparse")
    for each in (model, loaded):
        assert each.recommend([[i] for i in range(8)], 1)[0][:, 0].tolist() == [(i + 1) % 8 for i in range(8)]


@pytest.mark.parametrize("dense_items", [0, 12_000])
def test_one_user_with_very_many_events_stays_finite(monkeypatch, dense_items):
    monkeypatch.setattr(recsys.models.next_item.large, "DENSE_ITEMS", dense_items)
    n = 200_000
    codes = np.tile(np.arange(5, dtype=np.int32), n // 5)
    seqs = Sequences(
        np.array(["u"], object), np.array(list("abcde"), object), np.array([0, n]), codes, np.arange(n, dtype=np.int64)
    )
    model = NextItem.fit(seqs)
    assert model.recommend([[0, 1, 2]], 1)[0][0, 0] == 3


def test_a_budget_too_small_for_a_search_keeps_the_setting_it_starts_from(regulars):
    model = NextItem.fit(regulars, budget=0)
    assert [trial["settings"] for trial in model.trials] == [model.settings] == [Settings().as_dict()]


@pytest.fixture
def collectors() -> Sequences:
    """150 users who go on along a ring of 40 items from anywhere, and never have an item twice."""
    starts = np.random.default_rng(0).integers(0, 40, 150)
    codes = ((starts[:, None] + np.arange(20)) % 40).astype(np.int32).ravel()
    offsets = np.arange(151) * 20
    ids = (np.array([f"{prefix}{n:03d}" for n in range(count)], object) for prefix, count in (("u", 150), ("i", 40)))
    return Sequences(*ids, offsets, codes, np.arange(len(codes)))


def test_where_nobody_has_an_item_twice_it_is_not_recommended_twice(collectors):
    noisy = replace(
        collectors, codes=np.random.default_rng(1).permuted(collectors.codes.reshape(150, 20), axis=1).ravel()
    )
    model = NextItem.fit(noisy)
    assert model.settings["seen"] is False
    history = noisy.history(0)
    assert not set(model.recommend([history], 20)[0][0]) & set(history)


def test_no_histories_are_no_failure_where_people_do_not_repeat(collectors):
    assert NextItem.fit(collectors, settings=Settings(seen=False)).recommend([], 5)[0].shape == (0, 5)


def test_the_twin_stands_beside_the_regression_by_its_logarithms(collectors):
    given = Settings(seen=False, twin_weight=0.4)
    model = NextItem.fit(collectors, settings=given)
    plain = NextItem.fit(collectors, settings=given.with_(twin_weight=0.0, seen=True))
    assert model.settings["twin_weight"] == 0.4 and plain.twin is None
    history, share = np.array([3, 4, 5]), model.popularity / model.popularity.sum()
    logits = model.twin.product(decayed([history], model._weights, 40)) + np.log(share)
    expected = np.log(np.maximum(plain.scores(history), 0) + UNLIKELY) + 0.4 * logits[0]
    unseen = np.setdiff1d(np.arange(40), history)
    np.testing.assert_allclose(model.scores(history)[unseen], expected[unseen], atol=0.01)
    assert model.recommend([history], 1)[0][0, 0] == 6


@pytest.mark.parametrize("budget", [0, 40])
def test_what_costs_next_to_nothing_is_tried_on_its_whole_grid(regulars, budget):
    tried = {trial["settings"]["own_weight"] for trial in NextItem.fit(regulars, budget=budget).trials}
    assert tried == (set(OWN_WEIGHTS) if budget else {0.0})


def test_what_the_caller_holds_is_held_beside_a_twin_too(collectors, monkeypatch):
    monkeypatch.setattr(recsys.models.next_item.tuning, "WORTH_ANOTHER", 0.0)
    settings = NextItem.fit(collectors, candidates=[{"popularity_weight": 0.3, "twin_weight": 0.2}]).settings
    assert (settings["popularity_weight"], settings["twin_weight"]) == (0.3, 0.2)


@pytest.mark.parametrize("budget", [0.001, 40])
def test_a_weight_that_is_given_stays_whatever_time_there_is(collectors, budget):
    model = NextItem.fit(collectors, settings=Settings(seen=False, twin_weight=0.05), budget=budget)
    assert model.settings["twin_weight"] == 0.05 and model.trials == []


@pytest.mark.parametrize(
    ("harm", "epochs"), [(10.0, [FIRST_EPOCHS]), (0.0, [FIRST_EPOCHS, TWIN_EPOCHS - FIRST_EPOCHS])]
)
def test_a_twin_that_does_harm_is_not_trained_to_its_end(collectors, monkeypatch, harm, epochs):
    rounds, learn = [], SoftmaxTwin.learn
    monkeypatch.setattr(SoftmaxTwin, "learn", lambda twin, *given: rounds.append(given[1]) or learn(twin, *given))
    NextItem.fit(collectors, settings=Settings(seen=False, twin_weight=0.05))
    assert sum(rounds) == TWIN_EPOCHS
    rounds.clear()
    noise = harm * np.random.default_rng(0).standard_normal((80, 40)).astype(np.float32)
    monkeypatch.setattr(SoftmaxTwin, "table", lambda twin: noise)
    assert NextItem.fit(collectors).settings["twin_weight"] == 0 and rounds == epochs


def test_held_out_users_are_measured_the_same_on_any_number_of_threads(regulars):
    settings = Settings(own_weight=0.2, popularity_weight=1.0)
    alone, *several = (HeldOut.of(regulars, 0, "newest", threads).ndcg(settings) for threads in (1, 3, 1000))
    assert several == [alone, alone] and alone > 0


@pytest.mark.parametrize("goal", ["next", "newest", "later"])
def test_settings_are_chosen_for_any_goal(regulars, goal):
    model = NextItem.fit(regulars, goal=goal)
    favourite, other = model.encode(["f3", "11"])
    assert len(model.trials) > 5 and model.recommend([[favourite, other]], 1)[0][0, 0] == favourite


def test_an_unknown_goal_is_refused(ring):
    with pytest.raises(ModelError, match="goal 'last': choose one of next, newest, later"):
        NextItem.fit(ring, goal="last")


@pytest.fixture
def season():
    """300 users who come 8 times in a year and take any of ten s items in its middle, of ten w items around it."""
    rng = np.random.default_rng(0)
    times = rng.integers(0, 1000, 2400)
    kind = np.where((times < 350) | (times >= 850), "w", "s")
    items = np.char.add(kind, rng.integers(0, 10, 2400).astype(str))
    users = np.repeat([f"u{n}" for n in range(300)], 8)
    return Sequences.from_interactions(pd.DataFrame({"USER_ID": users, "ITEM_ID": items, "TIMESTAMP": times}))


def test_for_the_weeks_to_come_what_is_wanted_now_counts_more(season, tmp_path):
    model = NextItem.fit(season, goal="later")
    summer, winter = (model.encode(f"{kind}{n}" for n in range(10)) for kind in "sw")
    codes, _ = model.recommend([[], summer[:3]], 10)
    assert model.settings["trend"] > 0
    assert set(codes[0]) == set(codes[1]) == set(winter)
    model.save(tmp_path / "model")
    assert (load(tmp_path / "model").recommend([[], summer[:3]], 10)[0] == codes).all()


def test_where_everything_happened_at_once_nothing_is_later(ring):
    model = NextItem.fit(replace(ring, times=np.zeros_like(ring.times)), goal="later")
    assert model.trials == [] and model.recommend([[3]], 1)[0][0, 0] == 4


def test_a_model_that_would_not_fit_into_memory_is_refused_before_the_work_starts(ring, monkeypatch):
    monkeypatch.setattr(recsys.models.next_item.memory, "available_bytes", lambda: 1000)
    with pytest.raises(ModelError, match=r"a next-item model of 8 items needs .* train on a larger machine"):
        NextItem.fit(ring)
