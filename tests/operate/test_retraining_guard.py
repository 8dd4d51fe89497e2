"""How often the guard of a retraining refuses what is just as good: each version is measured on users of its own."""

import numpy as np
import pandas as pd
import pytest

from recsys import operate
from recsys.operate import false_refusal_rate

VALUES = np.random.default_rng(0).exponential(0.3, 400) * np.random.default_rng(1).integers(0, 2, 400)


@pytest.mark.parametrize("tolerance", [0, 5, 20])
def test_it_is_the_share_of_pairs_of_draws_of_which_the_second_is_that_much_worse(tolerance: float) -> None:
    before, after = np.random.default_rng(7).choice(VALUES, (2, 5_000, len(VALUES))).mean(axis=2)
    refused = np.mean(after < before * (1 - tolerance / 100))
    assert false_refusal_rate(VALUES, tolerance) == pytest.approx(refused, abs=0.02)


def test_where_all_users_are_alike_nothing_is_refused_by_chance() -> None:
    assert false_refusal_rate(np.full(10, 0.3), 5) == 0


def test_coverage_is_told_in_items_of_the_catalogue() -> None:
    table = pd.DataFrame({"metric": ["coverage"], "before": [0.8], "after": [0.6]})
    assert operate.shown_items(table, 500).endswith(": 400 before, 300 after (-25.0%)")
    assert "showed 400 of 500 items; no other was measured" in operate.shown_items(table.assign(after=np.nan), 500)
