"""The population stability index and what chance gives it."""

from math import log

import numpy as np
import pytest
from scipy import sparse

from recsys import metrics


def test_the_index_is_the_sum_of_share_differences_times_their_log_ratio():
    found = metrics.population_stability(np.array([60, 30, 10]), np.array([40, 40, 20]), smoothing=0)
    assert found == pytest.approx(-0.2 * log(0.4 / 0.6) + 0.1 * log(0.4 / 0.3) + 0.1 * log(0.2 / 0.1))


def test_it_is_the_same_both_ways_and_nothing_for_the_same_shares():
    past, now = np.array([5, 3, 2]), np.array([1, 7, 2])
    there, back = metrics.population_stability(past, now), metrics.population_stability(now, past)
    assert there == pytest.approx(back) and there > 0
    assert metrics.population_stability(past, 10 * past, smoothing=0) == 0


def test_a_level_that_only_one_of_the_two_has_counts_without_being_infinite():
    assert 0 < metrics.population_stability(np.array([5, 0]), np.array([0, 5])) < np.inf


def test_a_sample_held_out_of_the_past_stays_below_the_limit_of_the_rest_95_times_in_100():
    rng = np.random.default_rng(0)
    past = sparse.csr_array(rng.multinomial(3, rng.dirichlet(np.ones(30)), size=300))  # few events, many levels
    below = []
    for _ in range(40):
        order = rng.permutation(300)
        rest, sample = past[order[40:]], past[order[:40]].sum(axis=0)
        limit = metrics.stability_limit(rest, drawn=40, samples=100)
        below.append(metrics.population_stability(rest.sum(axis=0), sample) < limit)
    assert np.mean(below) == pytest.approx(0.95, abs=0.08)


def test_a_larger_sample_has_a_lower_limit_and_a_seed_gives_one_limit_also_in_blocks(monkeypatch):
    past = sparse.csr_array(np.random.default_rng(0).multinomial(3, [0.5, 0.3, 0.2], size=400))
    whole = metrics.stability_limit(past, drawn=40)
    assert metrics.stability_limit(past, drawn=160) < whole
    monkeypatch.setattr("recsys.metrics.stability.SAMPLED", 30)
    assert metrics.stability_limit(past, drawn=40) == whole
