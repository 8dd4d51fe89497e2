"""Coefficients as rows of small integers say the same as the float32 table."""

import numpy as np
import pytest

from recsys.models.next_item.features import decayed
from recsys.models.next_item.gram import history_weights
from recsys.models.next_item.rows import FLOATS, Rows, type_within

EACH_KIND = pytest.mark.parametrize("kind", [np.int8, np.int16])


@pytest.fixture
def table() -> np.ndarray:
    """(60, 60) float32; rows differ in size by a thousand times, and one is empty."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((60, 60)) * 10 ** rng.uniform(-2, 1, (60, 1))
    rows[7] = 0
    return rows.astype(np.float32)


@EACH_KIND
def test_a_coefficient_is_off_by_half_a_scale_at_most(table, kind):
    form = Rows.of(table, kind)
    assert form.rows.dtype == kind
    assert (np.abs(form.rows * form.scales[:, None] - table) <= 0.5001 * form.scales[:, None]).all()


@EACH_KIND
def test_the_largest_coefficient_of_a_row_is_kept(table, kind):
    form = Rows.of(table, kind)
    np.testing.assert_allclose(np.abs(form.rows).max(axis=1) * form.scales, np.abs(table).max(axis=1), rtol=1e-6)


@EACH_KIND
def test_scores_are_off_by_the_weighted_half_scales_at_most(table, kind):
    codes, weights = np.array([3, 7, 3, 59]), history_weights(4, 1.0)
    form = Rows.of(table, kind)
    error = np.abs(form.weigh(codes, weights) - weights @ table[codes])
    assert error.max() <= 0.5001 * (weights * form.scales[codes]).sum()


def test_a_batch_is_its_histories_one_by_one(table):
    form, weights = Rows.of(table, np.int8), history_weights(3, 1.0)
    histories = [np.array([1, 2, 2, 5]), np.array([], np.int64), np.array([9])]
    together = form.weigh_all(decayed(histories, weights))
    for row, history in zip(together, histories, strict=True):
        recent = history[::-1][:3]
        np.testing.assert_array_equal(row, form.weigh(recent, weights[: len(recent)]))
    assert not together[1].any()


def test_a_history_wider_than_one_step_is_put_together_from_several():
    rng = np.random.default_rng(1)
    form = Rows(rng.integers(-127, 128, (4, 3 * FLOATS), np.int8), np.ones(4, np.float32))
    weights = np.ones(4, np.float32)
    np.testing.assert_array_equal(form.weigh(np.arange(4), weights), form.rows.sum(axis=0, dtype=np.float32))


def test_no_history_at_all(table):
    assert Rows.of(table, np.int8).weigh_all(decayed([], history_weights(3, 1.0))).shape == (0, 60)


@pytest.mark.parametrize(("kind", "share"), [(np.int8, 1 / 4), (np.int16, 1 / 2)])
def test_it_takes_less_memory(kind, share):
    table = np.ones((1000, 1000), np.float32)
    form = Rows.of(table, kind)
    assert form.rows.nbytes + form.scales.nbytes == share * table.nbytes + 4 * len(table)


@pytest.mark.parametrize(("room", "kind"), [(400, np.float32), (399, np.int16), (200, np.int16), (199, np.int8)])
def test_the_most_exact_type_that_fits_is_taken(room, kind):
    assert type_within(100, room) == kind


def test_what_fits_in_no_type_is_as_small_as_it_can_be():
    assert type_within(100, 1) == np.int8
