"""The model beside no model: whether it leads is asked of each user, and not of two bars."""

import tracemalloc

import numpy as np
import pytest

from recsys import plots, train
from recsys.data import generate
from recsys.train.evaluate import DEPTH, _chance, _random


def test_a_lead_is_seen_where_the_bars_overlap() -> None:
    shop = generate.generate(**{**generate.SAMPLE, "users": 300, "items": 120, "seed": 2})
    found = train.compare(shop.interactions, seed=7, samples=500)
    bars = found.table[found.table["metric"] == "NDCG@10"].set_index("name")
    assert bars.loc[train.MODEL, "low"] < bars.loc[train.POPULARITY, "high"]
    mean, low, high = found.leads[train.POPULARITY]
    assert mean == pytest.approx(found.mean(train.MODEL, "NDCG@10") - found.mean(train.POPULARITY, "NDCG@10"))
    assert 0 < low < mean < high
    assert found.leads[train.POPULARITY].signed() == f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"
    assert len(found.per_user) < 50 and not np.isnan(found.leads[train.RANDOM]).any()


def test_a_shop_too_small_to_hold_users_out_is_measured_and_its_figures_are_drawn() -> None:
    shop = generate.generate(**{**generate.SAMPLE, "users": 30, "items": 50, "seed": 2})
    found = train.compare(shop.interactions, seed=7, samples=100)
    assert found.trials.empty and {"ndcg", "seconds", "chosen", "penalty"} <= {*found.trials}
    assert "the defaults hold" in plots.tuning_trials(found.trials).alt
    assert plots.metric_bars(found.table).png and plots.by_activity(found.per_user).png
    assert plots.popularity_bias(found.popularity, found.recommended).png


def test_chance_takes_the_memory_of_its_lists_and_not_of_the_catalogue_for_each_user() -> None:
    tracemalloc.start()
    lists = _random(users=300, items=20_000, seed=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lists.shape == (300, DEPTH) and all(len(set(row)) == DEPTH for row in lists)
    assert peak < 10 * lists.nbytes + 20_000 * 8


def test_chance_shows_a_small_catalogue_whole() -> None:
    assert np.sort(_random(users=2, items=7, seed=1)).tolist() == [list(range(7))] * 2


def test_chance_finds_as_much_as_it_should_also_for_few_users() -> None:
    found = _chance([np.array([item]) for item in range(50)], items=500, seed=1)["recall@10"]
    assert len(found) == 50
    assert found.mean() == pytest.approx(10 / 500, abs=3 * np.sqrt(10 / 500 / 2_000))
