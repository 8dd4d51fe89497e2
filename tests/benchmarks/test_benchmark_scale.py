"""The growth laws are those of the cells that were measured, and the data is what it says."""

import numpy as np
import pytest

from benchmarks import scale


def cell(events: int, items: int) -> dict:
    """Seconds grow with events and with the fourth root of items, memory with the square roots of both."""
    taken = {"seconds": events * items**0.25, "peak_gb": (events * items) ** 0.5, "ndcg": 0.1, "ratio": [2.0, 1.5, 2.5]}
    return {"machine": "a machine; 2 threads", "events": events, "users": events // 50, "items": items, **taken}


CELLS = [cell(events, items) for events in (10**6, 10**7) for items in (1_000, 10_000)]


def test_laws_hold_one_size_and_vary_the_other():
    assert [law.strip() for law in scale.laws([*CELLS, {"events": 5, "items": 1_000, "failed": "no memory"}])] == [
        "1,000 items: seconds ~ events ^ 1.00, memory ~ events ^ 0.50",
        "10,000 items: seconds ~ events ^ 1.00, memory ~ events ^ 0.50",
        "1,000,000 events: seconds ~ items ^ 0.25, memory ~ items ^ 0.50",
        "10,000,000 events: seconds ~ items ^ 0.25, memory ~ items ^ 0.50",
    ]


def test_the_page_has_a_row_for_each_cell_and_says_which_failed(tmp_path):
    page = scale.page([*CELLS, {"events": 5, "items": 1_000, "failed": "no memory"}])
    assert page.count("\n| 1") == 4 and "no memory" in page and "Measured on a machine; 2 threads." in page
    scale.draw(CELLS, tmp_path / "scale.svg")
    assert (tmp_path / "scale.svg").stat().st_size


@pytest.mark.parametrize("items", [50, 3_000])
def test_synthetic_data_has_the_size_asked_for_and_is_the_same_for_a_seed(items):
    seqs, again = (scale.synthetic(20_000, 400, items, seed=3) for _ in range(2))
    assert abs(seqs.n_events - 20_000) < 1_000 and seqs.n_items == items and seqs.lengths.min() >= 2
    np.testing.assert_array_equal(seqs.codes, again.codes)


def test_a_small_cell_is_measured_and_ahead_of_popularity():
    measured = scale.measure(20_000, 200, seed=0, threads=1)
    assert measured["ratio"][1] > 1 and measured["seconds"] > 0 and measured["events"] == 20_000
