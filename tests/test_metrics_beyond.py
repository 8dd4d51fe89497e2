"""What accuracy hides: worked examples and edges."""

from itertools import permutations
from math import log, log2

import numpy as np
import pytest
from scipy import sparse

from recsys import metrics

LISTS = np.array([[0, 1, 2], [3, 1, -1], [2, -1, -1]])
EMPTY = np.full((1, 3), -1)


def test_an_item_everybody_knows_is_no_news_and_one_nobody_touched_is_the_most():
    assert metrics.novelty(np.array([[0], [1], [2]]), np.array([16, 1, 0]), 16).tolist() == [0, log2(16), log2(16)]


def test_popularity_is_the_mean_of_the_places_that_are_filled():
    assert metrics.popularity(LISTS, np.array([9, 3, 0, 1])).tolist() == [4, 2, 0]


def test_an_empty_place_covers_nothing_and_is_never_a_hit():
    assert metrics.coverage(LISTS, 8) == 0.5
    assert metrics.exposure_gini(EMPTY, 4) == 0
    assert not metrics.hits(np.array([[0], [-1]]), [np.array([9]), np.array([9])]).any()


def test_exposure_is_as_unequal_as_the_same_few_are_shown():
    same, all_alike = np.zeros((4, 1), int), np.arange(4)[:, None]
    assert metrics.exposure_gini(same, 4) == 0.75 and metrics.exposure_gini(all_alike, 4) == 0


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("cells", [20_000_000, 4])
def test_diversity_is_one_less_the_mean_similarity_of_all_pairs(form, cells, monkeypatch):
    monkeypatch.setattr("recsys.metrics.beyond.BLOCK_CELLS", cells)
    table = np.random.default_rng(0).random((4, 4))
    table = (table + table.T) / 2
    pairs = list(permutations([0, 1, 2], 2))
    expected = [1 - sum(table[pair] for pair in pairs) / len(pairs), 1 - table[3, 1], 0]
    np.testing.assert_allclose(metrics.diversity(LISTS, form(table)), expected)


@pytest.mark.parametrize("form", [np.asarray, np.uint8, sparse.csr_array, sparse.csr_matrix])
def test_diversity_by_features_is_that_by_their_cosines(form):
    features = np.array([[1.0, 0, 20], [0, 30, 1], [1, 1, 1], [0, 0, 5]])
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = metrics.diversity(LISTS, unit @ unit.T)
    np.testing.assert_allclose(metrics.feature_diversity(LISTS, form(features)), expected)


def test_items_without_features_are_like_no_other():
    assert metrics.feature_diversity(np.array([[0, 1]]), np.zeros((2, 3))) == 1


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.csr_matrix])
def test_calibration_is_steck_s_divergence(form):
    categories = form(np.array([[1, 0], [0, 1], [1, 1]]))  # the third item counts half for each
    found = metrics.calibration(np.array([[0, 0, 2, 2]]), [np.array([0, 1, 1, 1])], categories, alpha=0.1)
    p, q = (0.25, 0.75), (0.9 * 0.75 + 0.1 * 0.25, 0.9 * 0.25 + 0.1 * 0.75)
    assert found == pytest.approx(sum(a * log(a / b) for a, b in zip(p, q, strict=True)))


def test_the_worst_list_has_none_of_the_users_categories_and_a_user_without_any_is_satisfied():
    histories = [np.array([0, 0]), np.array([], int)]
    found = metrics.calibration(np.array([[1, 1], [1, 1]]), histories, np.eye(2))
    np.testing.assert_allclose(found, [log(1 / 0.01), 0])


@pytest.mark.parametrize(
    "metric",
    [
        lambda lists: metrics.novelty(lists, np.ones(4), 4),
        lambda lists: metrics.popularity(lists, np.ones(4)),
        lambda lists: metrics.diversity(lists, np.eye(4)),
        lambda lists: metrics.feature_diversity(lists, np.eye(4)),
    ],
)
def test_an_empty_list_scores_zero(metric):
    assert metric(EMPTY).tolist() == [0]


@pytest.fixture(scope="module")
def shops() -> list[np.ndarray]:
    """Lists of 10 of 300 items, some far likelier than others, for 100 users at a time."""
    rng = np.random.default_rng(0)
    liking = -np.log(np.arange(1, 301))
    return [np.argsort(-(rng.gumbel(size=(100, 300)) + liking), axis=1)[:, :10] for _ in range(200)]


@pytest.mark.parametrize("metric", [metrics.coverage, metrics.exposure_gini])
def test_the_interval_of_a_catalogue_metric_holds_what_other_users_give(metric, shops):
    interval = {metrics.coverage: metrics.coverage_interval, metrics.exposure_gini: metrics.exposure_gini_interval}
    found = [interval[metric](lists, 300) for lists in shops]
    values = [metric(lists, 300) for lists in shops]
    assert [each.mean for each in found] == values
    assert np.mean([low <= np.mean(values) <= high for _, low, high in found]) >= 0.93
    half = 1.96 * np.std(values)
    assert half < np.mean([high - low for _, low, high in found]) / 2 < 1.5 * half


def test_resampled_users_show_less_of_the_catalogue_than_any_interval_allows(shops):
    resampled = np.random.default_rng(0).integers(0, 100, 100)
    below = [metrics.coverage(lists[resampled], 300) < metrics.coverage_interval(lists, 300).low for lists in shops]
    assert np.mean(below) > 0.9


def test_the_interval_of_coverage_is_that_of_leaving_out_each_user():
    without = np.array([metrics.coverage(np.delete(LISTS, user, axis=0), 8) for user in range(3)])
    value, low, high = metrics.coverage_interval(LISTS, 8)
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(2 * without.var())) and value == 0.5


@pytest.mark.parametrize("interval", [metrics.coverage_interval, metrics.exposure_gini_interval])
def test_one_user_or_empty_lists_say_little_and_users_alike_all_there_is(interval):
    assert interval(np.array([[0, 1]]), 4)[1:] == (0, 1)
    assert interval(np.full((3, 2), -1), 4) == (0, 0, 0)
    alike = interval(np.tile([0, 1], (9, 1)), 4)
    assert alike.low == pytest.approx(alike.mean) and alike.high == pytest.approx(alike.mean)
