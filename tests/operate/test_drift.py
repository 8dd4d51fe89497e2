"""Drift: chance is not taken for it, a change is, and what nobody has seen is counted."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from recsys import metrics, operate
from recsys.columns import CATEGORY, EVENT_TYPE, ITEM_ID, TIMESTAMP, USER_ID
from recsys.errors import DataError
from recsys.operate.drift import _limits

WEEK = 7 * 86_400
ITEMS = pd.DataFrame({ITEM_ID: [f"i{n}" for n in range(20)], CATEGORY: ["tea", "cups"] * 10})


def weeks(count: int, since: int, seed: int, items: int = 10, visits: int = 60) -> pd.DataFrame:
    """Interactions of `count` weeks: in each, visits of three events on the first `items` items, of users at random."""
    rng = np.random.default_rng(seed)
    size = count * visits
    times = (since + np.repeat(np.arange(count), visits)) * WEEK + rng.integers(0, WEEK, size)
    shown = rng.integers(0, items, size)
    table = {USER_ID: [f"u{n}" for n in rng.integers(0, 40, size)], TIMESTAMP: times, EVENT_TYPE: "view"}
    visit = pd.DataFrame({**table, ITEM_ID: [f"i{n}" for n in shown]})
    return visit.loc[visit.index.repeat(3)].sort_values(TIMESTAMP, ignore_index=True)


def test_weeks_like_those_before_are_within_chance() -> None:
    found = operate.drift(weeks(20, 0, seed=1), weeks(4, 20, seed=2), ITEMS)
    assert found.drifted == []
    assert found.advice.startswith("no retraining needed (advised when most new weeks of a panel are beyond); beyond: ")


def test_a_change_of_what_is_wanted_is_seen_where_it_is() -> None:
    newer = weeks(3, 20, seed=2)
    newer[ITEM_ID] = newer[ITEM_ID].str.replace("i0", "i2").str.replace("i4", "i6")  # another item of the same category
    found = operate.drift(weeks(20, 0, seed=1), newer, ITEMS)
    assert found.drifted == ["items"] and found.beyond["items"] == (3, 3)
    assert found.advice.startswith("retrain (advised when most new weeks of a panel are beyond); beyond: items 3 of 3")


def test_events_of_a_visit_that_resemble_each_other_are_no_drift() -> None:
    learned = weeks(20, 0, seed=1, visits=12)
    found = operate.drift(learned, weeks(8, 20, seed=3, visits=12), ITEMS, shown=12)
    beyond = (found.table["index"] > found.table["limit"]).groupby(found.table["view"]).mean()
    assert beyond["items"] <= 0.2  # drawn event by event the limit would be a third of this one


def test_unseen_items_and_users_are_counted_by_week() -> None:
    newer = weeks(2, 20, seed=2)
    second = newer[TIMESTAMP] >= newer[TIMESTAMP].min() + WEEK
    newer.loc[second, ITEM_ID] = "i19"
    newer.loc[~second, USER_ID] = "somebody"
    unseen = operate.drift(weeks(20, 0, seed=1), newer, ITEMS).unseen
    assert unseen[["items", "users"]].to_numpy().tolist() == [[0, 1], [1, 0]]
    assert unseen["events"].sum() == len(newer)


def test_the_last_weeks_learned_from_stand_beside_the_new_ones() -> None:
    table = operate.drift(weeks(20, 0, seed=1), weeks(2, 20, seed=2), ITEMS, shown=5).table
    assert table.groupby("new")["week"].nunique().to_dict() == {False: 5, True: 2}
    assert "event types" not in set(table["view"])  # there is but one type


def test_less_than_a_week_to_learn_from_is_enough() -> None:
    table = operate.drift(weeks(1, 0, seed=1), weeks(1, 1, seed=2), ITEMS).table
    assert table["new"].any() and np.isfinite(table["limit"]).all()


@pytest.mark.parametrize("newer", [weeks(1, 20, seed=1)[:0], weeks(1, 19, seed=1)])
def test_nothing_new_and_what_is_not_newer_is_refused(newer: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="every newer one be later than all it learned from"):
        operate.drift(weeks(20, 0, seed=1), newer, ITEMS)


def test_a_shop_that_always_moved_has_not_drifted_because_it_moves_on() -> None:
    moved = [weeks(1, week, seed=week) for week in range(24)]
    for week, events in enumerate(moved):  # each has an item of its own, and half of what is wanted is that
        events.loc[::2, ITEM_ID] = f"i{week % 8 + 10}"
    found = operate.drift(pd.concat(moved[:20]), pd.concat(moved[20:]), ITEMS)
    items = found.table[found.table["new"] & (found.table["view"] == "items")]
    assert (items["index"] > items["limit"]).all()  # beyond chance, but so it was before
    beyond, weeks_new = found.beyond["items"]
    assert beyond <= weeks_new / 2 and found.drifted == []
    assert f": items {beyond} of {weeks_new}" in found.advice


def test_limits_of_many_weeks_are_sampled_for_a_few_numbers_of_visits(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = sparse.csr_array(np.random.default_rng(5).poisson(0.4, (2_000, 12)))
    exact = [metrics.stability_limit(blocks, drawn, samples=3_000) for drawn in (50, 57, 70, 95)]
    sampled: list[int] = []
    limit = metrics.stability_limit
    monkeypatch.setattr(metrics, "stability_limit", lambda *given: sampled.append(given[1]) or limit(*given))
    drawn = np.array([95, 57, 50, 70, 57, *range(51, 94)])
    found = dict(zip(drawn, _limits(blocks, drawn, 0), strict=True))
    assert len(sampled) <= 5 and {50, 95} <= {*sampled}
    assert [found[each] for each in (50, 57, 70, 95)] == pytest.approx(exact, rel=0.15)
