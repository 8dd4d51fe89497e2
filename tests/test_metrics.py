"""Metrics against worked examples and their formulas."""

from math import log2

import numpy as np
import pytest

from recsys import metrics
from recsys.metrics import (
    average_precision_at,
    hit_rate_at,
    ndcg_at,
    own_hits_ndcg_at,
    precision_at,
    recall_at,
    reciprocal_rank,
)

HITS_AT_2_AND_5 = np.array([[3, 7, 1, 2, 9]])  # of five, the second and the fifth are wanted
WANTED = [np.array([7, 9])]


def test_personalizes_worked_example():
    assert metrics.reciprocal_rank(HITS_AT_2_AND_5, WANTED) == 0.5
    assert metrics.precision_at(HITS_AT_2_AND_5, WANTED, 5) == 0.4
    expected = (1 / log2(3) + 1 / log2(6)) / (1 / log2(2) + 1 / log2(3))
    assert metrics.own_hits_ndcg_at(HITS_AT_2_AND_5, WANTED, 5) == pytest.approx(expected)
    assert round(expected, 4) == 0.6241


def test_the_two_ndcgs_agree_when_everything_wanted_was_found_and_differ_when_not():
    assert metrics.ndcg_at(HITS_AT_2_AND_5, WANTED, 5) == metrics.own_hits_ndcg_at(HITS_AT_2_AND_5, WANTED, 5)
    missed = [np.array([7, 9, 100])]
    assert metrics.ndcg_at(HITS_AT_2_AND_5, missed, 5) < metrics.own_hits_ndcg_at(HITS_AT_2_AND_5, missed, 5)


def test_a_perfect_list_scores_one_also_with_more_wanted_than_k():
    assert metrics.ndcg_at(np.array([[0, 1]]), [np.arange(5)], 2) == pytest.approx(1)


def test_each_user_is_scored_alone():
    codes = np.array([[0, 1], [0, 1], [5, 6]])
    targets = [np.array([1]), np.array([5, 6]), np.array([6, 0])]
    assert metrics.hits(codes, targets).tolist() == [[False, True], [False, False], [False, True]]


def test_a_target_named_twice_counts_once():
    assert metrics.recall_at(np.array([[4, 2]]), [np.array([4, 4, 8])], 2) == 0.5
    assert metrics.ndcg_at(np.array([[4, 2]]), [np.array([4, 4])], 2) == 1


def test_a_target_below_zero_is_none():
    codes, nobody = np.array([[9], [3], [-1]]), np.array([-1])
    assert not metrics.hits(codes, [np.array([2]), nobody, nobody]).any()
    assert metrics.ndcg_at(codes, [nobody, np.array([-1, 3]), nobody], 1).tolist() == [0, 1, 0]
    weighted = metrics.weighted_ndcg_at(codes, [nobody, np.array([-1, 3]), nobody], [[1], [9, 2], [1]], 1)
    assert weighted.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    "metric",
    [
        metrics.precision_at,
        metrics.recall_at,
        metrics.ndcg_at,
        metrics.own_hits_ndcg_at,
        metrics.average_precision_at,
        metrics.hit_rate_at,
    ],
)
def test_nothing_found_or_nothing_wanted_scores_zero(metric):
    codes = np.array([[0, 1], [0, 1]])
    assert metric(codes, [np.array([9]), np.array([], dtype=int)], 2).tolist() == [0, 0]


def test_a_short_list_is_still_divided_by_k():
    assert metrics.precision_at(np.array([[7]]), WANTED, 5) == 0.2


def test_average_precision_counts_how_early_every_hit_comes():
    assert metrics.average_precision_at(HITS_AT_2_AND_5, WANTED, 5) == pytest.approx((1 / 2 + 2 / 5) / 2)
    assert metrics.average_precision_at(HITS_AT_2_AND_5, WANTED, 1) == 0
    assert metrics.average_precision_at(np.array([[0, 1]]), [np.arange(9)], 2) == 1


def test_lists_and_targets_must_match():
    with pytest.raises(ValueError, match="2 lists of recommendations for 1"):
        metrics.hits(np.zeros((2, 3), int), WANTED)


def test_personalize_metrics_carry_awss_names():
    codes = np.vstack([np.arange(25), np.arange(25, 50)])
    found = metrics.personalize_metrics(codes, [np.array([1, 4]), np.array([0])], n_items=100)
    assert found == {
        "coverage": 0.5,
        "mean_reciprocal_rank_at_25": 0.25,
        "normalized_discounted_cumulative_gain_at_5": pytest.approx(0.6241 / 2, abs=1e-4),
        "normalized_discounted_cumulative_gain_at_10": pytest.approx(0.6241 / 2, abs=1e-4),
        "normalized_discounted_cumulative_gain_at_25": pytest.approx(0.6241 / 2, abs=1e-4),
        "precision_at_5": 0.2,
        "precision_at_10": 0.1,
        "precision_at_25": 0.04,
    }


def test_an_empty_place_has_no_reward():
    codes, rewards = np.array([[0, -1]]), np.array([1.0, 100.0])
    assert metrics.average_rewards(codes, [np.array([0])], rewards, k=1) == 1


def test_a_bootstrap_interval_covers_the_mean_as_theory_says():
    values = np.random.default_rng(0).normal(3, 2, 400)
    interval = metrics.bootstrap(values, seed=1)
    half = 1.96 * values.std() / np.sqrt(400)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.03)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.03)


def test_a_bootstrap_of_equal_values_has_no_width_and_of_none_no_value():
    assert tuple(metrics.bootstrap(np.full(9, 0.5))) == (0.5, 0.5, 0.5)
    assert np.isnan(metrics.bootstrap(np.array([])).mean)


def test_a_seed_gives_one_interval_also_in_blocks(monkeypatch):
    values = np.random.default_rng(0).random(50)
    whole = metrics.bootstrap(values, seed=4)
    monkeypatch.setattr("recsys.metrics.intervals.RESAMPLED", 500)
    assert metrics.bootstrap(values, seed=4) == whole


def test_no_number_of_users_shows_a_lift_where_nobody_does_anything():
    assert metrics.users_needed(np.zeros(9), lift=0.1) == np.inf


@pytest.mark.parametrize("odd", [{"share": 2}, {"share": 0}, {"power": 80}, {"level": 5}])
def test_percentages_are_no_shares(odd):
    (name,) = odd
    with pytest.raises(ValueError, match=f"a {name} of .*: give one between 0 and 1"):
        metrics.users_needed([1.0, 0.0], lift=0.1, **odd)


def test_empty_lists_hit_nothing():
    nothing = np.empty((2, 0), np.int64)
    assert metrics.reciprocal_rank(nothing, [np.array([0]), np.array([1])]).tolist() == [0.0, 0.0]


def test_a_ratio_is_resampled_in_pairs():
    baseline = np.random.default_rng(0).random(60)
    assert tuple(metrics.bootstrap_ratio(2 * baseline, baseline)) == pytest.approx((2, 2, 2))


def test_a_ratio_to_almost_nothing_has_no_upper_end():
    found = metrics.bootstrap_ratio(np.ones(30), np.eye(30)[0])
    assert found.mean == 30 and 0 < found.low < 30 and found.high == np.inf


LISTS, TARGETS = np.array([[3, 7, 1], [3, 7, 1]]), [[1, 7], [9]]
BINARY = (average_precision_at, hit_rate_at, ndcg_at, own_hits_ndcg_at, precision_at, recall_at, reciprocal_rank)
of_targets = pytest.mark.parametrize("metric", BINARY, ids=lambda metric: metric.__name__)


@of_targets
@pytest.mark.parametrize(
    "lists", [(LISTS, LISTS / 2), LISTS / 2, LISTS[0], [["a"], ["b"]]], ids=["with scores", "scores", "one list", "ids"]
)
def test_what_are_no_lists_of_codes_are_refused(metric, lists):
    with pytest.raises(ValueError, match=r"lists of recommendations are item codes \(n, k\)"):
        metric(lists, TARGETS, 3)


@of_targets
@pytest.mark.parametrize("targets", [[1, 9], np.array([1, 9])], ids=["list", "array"])
def test_targets_without_lists_of_their_own_are_refused(metric, targets):
    with pytest.raises(ValueError, match="also where there is only one: put it in a list"):
        metric(LISTS, targets, 3)


@of_targets
@pytest.mark.parametrize("target", ["I0001", "1"])
def test_ids_are_no_targets(metric, target):
    with pytest.raises(ValueError, match=r"targets are item codes, not .*encode\(\)"):
        metric(LISTS, [[target], [target]], 3)


@of_targets
def test_nothing_is_measured_of_the_first_none(metric):
    with pytest.raises(ValueError, match="the first 0: choose 1 or more"):
        metric(LISTS, TARGETS, 0)
