"""Coefficients kept a byte each."""

import numpy as np
import pytest

from recsys.models import NextItem, load
from recsys.models.next_item.features import decayed
from recsys.models.next_item.gram import scale_weights
from recsys.models.next_item.regression import Regression
from recsys.models.next_item.rows import STEPS, Rows
from recsys.models.next_item.settings import Settings


def unpacked(rows: Rows) -> np.ndarray:
    steps = rows.steps.astype(np.float32)
    return rows.scale[:, None] * steps * np.abs(steps)


@pytest.fixture
def coefficients() -> np.ndarray:
    """A thousand rows, more than are packed at once, of very different sizes, one of zeros."""
    rng = np.random.default_rng(0)
    table = rng.standard_normal((1000, 80)) * np.exp(rng.normal(0, 5, (1000, 1)))
    table[7] = 0
    return table.astype(np.float32)


def test_the_largest_of_a_row_is_kept_and_no_other_moves_by_more_than_a_step(coefficients):
    table = coefficients
    rows, most = Rows.of(table), np.abs(table).max(axis=1, keepdims=True)
    again = unpacked(rows)
    at = np.abs(table).argmax(axis=1)
    assert rows.steps.dtype == np.int8 and rows.steps.nbytes * 4 == table.nbytes
    np.testing.assert_allclose(again[np.arange(1000), at], table[np.arange(1000), at], rtol=1e-6)
    assert (np.abs(again - table) <= 1.01 * (np.sqrt(np.abs(table) * most) / STEPS + most / STEPS**2)).all()
    assert not again[7].any() and np.isfinite(rows.scale).all()


def test_an_entry_of_a_ten_thousandth_of_the_largest_is_not_lost():
    assert unpacked(Rows.of(np.array([[1.0, 1e-4, -1e-4]], np.float32)))[0, 1:] == pytest.approx([1e-4, -1e-4], rel=0.4)


def test_histories_of_any_length_are_the_product_with_the_table(coefficients):
    rng = np.random.default_rng(1)
    histories = [rng.integers(0, 500, n) for n in (0, 1, 5, 40, 300)]
    events = decayed(histories, scale_weights((0.5, 0.9), 200), 500)
    rows = Rows.of(coefficients)
    expected = events.table(1000) @ unpacked(rows)
    np.testing.assert_allclose(rows.product(events), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_a_model_whose_table_was_kept_in_floats_still_loads(ring, tmp_path, monkeypatch):
    model = NextItem.fit(ring, budget=0)
    floats = Regression(ring).coefficients(Settings.from_dict(model.settings))
    monkeypatch.setattr("recsys.models.next_item.model._row_arrays", lambda name, rows: {name: floats})
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").scores([1, 2]), model.scores([1, 2]))
