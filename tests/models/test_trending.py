"""What rises fastest."""

import numpy as np
import pandas as pd
import pytest

from recsys.errors import ModelError
from recsys.models import Sequences, Trending, load
from recsys.models.popular.trending import TIE, held_out_accuracy, interval_counts, trend_accuracy

HOUR = 3600
START = 1_700_006_400  # a full hour of a real year: nothing may count from 1970


def at_hours(**counts: list[int]) -> Sequences:
    """Sequences with counts[item][h] events in hour h after START, each by another user."""
    rows = [
        (f"{item}{hour}-{n}", item, START + hour * HOUR + 60 + n % 3000)
        for item, per_hour in counts.items()
        for hour, count in enumerate(per_hour)
        for n in range(count)
    ]
    return Sequences.from_interactions(pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"]))


def order(seqs: Sequences, scores: np.ndarray) -> list[str]:
    return seqs.item_ids[np.argsort(-scores, kind="stable")].tolist()


@pytest.fixture
def seqs() -> Sequences:
    return at_hours(steady=[300] * 5, riser=[50, 50, 50, 50, 200], chance=[0, 0, 0, 0, 2], faller=[90, 90, 90, 90, 10])


def test_what_rises_most_leads_and_two_events_after_none_are_no_trend(seqs):
    assert order(seqs, Trending.fit(seqs, HOUR).scores([]))[:2] == ["riser", "steady"]


def test_what_does_not_rise_is_ordered_by_popularity(seqs):
    assert order(seqs, Trending.fit(seqs, HOUR).scores([])) == ["riser", "steady", "faller", "chance"]


def test_equal_rises_are_ordered_by_popularity():
    seqs = at_hours(late=[0, 0, 100, 100, 100, 180], always=[100, 100, 100, 100, 100, 180])
    assert order(seqs, Trending.fit(seqs, HOUR).scores([])) == ["late", "always"]
    seqs = at_hours(new=[0, 100, 100, 100, 100, 180], old=[180, 100, 100, 100, 100, 180])
    assert order(seqs, Trending.fit(seqs, HOUR).scores([])) == ["old", "new"]


def test_where_all_is_chance_the_popular_lead():
    rng = np.random.default_rng(0)
    seqs = at_hours(**{f"i{rank}": rng.poisson(2 + rank, 5).tolist() for rank in range(30)})
    first = [int(item[1:]) for item in order(seqs, Trending.fit(seqs, HOUR).scores([]))[:10]]
    assert np.mean(first) > 20


def test_where_tastes_move_on_the_popular_are_those_of_late():
    """Each thirty of the items are wanted for twelve hours, and hardly before or after; the first the most."""
    rng, hours = np.random.default_rng(0), np.arange(60)
    wanted = {f"i{item}": np.where(hours // 12 == item // 30, 9 - item // 30, 0.2) for item in range(150)}
    seqs = at_hours(**{item: rng.poisson(rates).tolist() for item, rates in wanted.items()})
    model = Trending.fit(seqs, HOUR)
    assert model.settings["half_life"] is not None
    assert all(int(item[1:]) >= 120 for item in order(seqs, model.scores([]))[:25])


def test_where_they_stay_every_event_counts_alike():
    rng = np.random.default_rng(0)
    seqs = at_hours(**{f"i{rank}": rng.poisson(rank, 60).tolist() for rank in range(40)})
    model = Trending.fit(seqs, HOUR)
    assert model.settings["half_life"] is None
    np.testing.assert_array_equal(model.events, np.bincount(seqs.codes, minlength=seqs.n_items))


def test_events_since_training_change_the_trend(seqs):
    model = Trending.fit(seqs, HOUR)
    steady, now = int(model.encode(["steady"])[0]), START + 5 * HOUR + 1800
    scores = model.trend(now, codes=[steady] * 900, times=[now - 5] * 900)
    assert order(seqs, scores)[0] == "steady"


def test_an_item_that_training_did_not_know_can_trend(seqs):
    model, now = Trending.fit(seqs, HOUR), START + 5 * HOUR + 60
    scores = model.trend(now, codes=[len(model.item_ids)] * 700, times=[now] * 700)
    assert len(scores) == len(model.item_ids) + 1 and scores.argmax() == len(model.item_ids)


def test_after_two_empty_intervals_only_popularity_is_left(seqs):
    scores = Trending.fit(seqs, HOUR).trend(START + 8 * HOUR)
    assert order(seqs, scores) == ["steady", "riser", "faller", "chance"]


def test_intervals_before_the_first_event_do_not_count_as_empty():
    seqs = at_hours(busy=[100, 100], riser=[30, 60])
    assert order(seqs, Trending.fit(seqs, HOUR).scores([]))[0] == "riser"


@pytest.mark.parametrize("later", [0, 1], ids=["on the hour", "a second later every hour"])
def test_three_events_an_interval_apart_are_two_intervals_before_the_newest(later):
    times = START + np.arange(3) * (HOUR + later)
    newest, before, known = interval_counts(np.zeros(3, int), times, 1, now=times[-1], interval=HOUR, since=START)
    assert (newest.tolist(), before.tolist(), known) == ([1], [1], 2)


@pytest.mark.parametrize("intervals", [2, 5])
def test_chance_looks_like_a_trend_as_rarely_in_young_data_as_in_old(intervals):
    rng = np.random.default_rng(0)
    flat = {f"f{i}": rng.poisson(60, intervals).tolist() for i in range(2_000)}
    seqs = at_hours(**flat)
    rising = Trending.fit(seqs, HOUR).scores([]) > 2 * TIE
    assert rising.mean() < 0.035


def test_only_the_newest_events_are_kept(seqs, tmp_path):
    long = at_hours(a=[50] * 40)
    model = Trending.fit(long, HOUR)
    assert len(model.times) == 250 and model.events.sum() == 2000
    model.save(tmp_path / "model")
    now = START + 41 * HOUR
    np.testing.assert_array_equal(load(tmp_path / "model").trend(now, [0], [now]), model.trend(now, [0], [now]))


def test_the_accuracy_is_the_share_of_the_rise_that_the_list_caught():
    increase = np.array([10.0, 30.0, -50.0, 0.0])
    assert trend_accuracy([1], increase) == pytest.approx(30 / 40)
    assert trend_accuracy([2, 3], increase) == 0
    assert trend_accuracy([1], -increase.clip(0)) == 0


def test_a_trend_that_goes_on_is_foretold_and_noise_is_not():
    rng = np.random.default_rng(0)
    noise = {f"n{i}": rng.poisson(20, 8).tolist() for i in range(60)}
    growing = {f"g{i}": (20 * 1.6 ** np.arange(8)).astype(int).tolist() for i in range(20)}
    assert held_out_accuracy(at_hours(**noise, **growing), HOUR) > 0.9
    assert held_out_accuracy(at_hours(**noise), HOUR) < 0.6


def test_a_single_interval_has_nothing_to_hold_out():
    assert held_out_accuracy(at_hours(a=[5], b=[9]), HOUR) == 0


@pytest.mark.parametrize("interval", [0, -60])
def test_an_interval_of_no_length_is_refused(ring, interval):
    with pytest.raises(ModelError, match="give an interval above 0"):
        Trending.fit(ring, interval)
