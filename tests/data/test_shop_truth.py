"""The ground truth answers as the simulation acted."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.columns import CREATION_TIMESTAMP, EVENT_TYPE, ITEM_ID, PURCHASE, TIMESTAMP, USER_ID, VIEW
from recsys.data import generate
from recsys.data.shop import Shop
from recsys.errors import DataError

SESSION_SECONDS = 1_800


@pytest.fixture(scope="module")
def shop() -> Shop:
    return generate.generate(users=400, items=150, days=182, seed=5)


@pytest.fixture(scope="module")
def asked(shop: Shop) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, n_items) before each of n clicks, and the item codes (n,) that were clicked."""
    clicks = shop.interactions[shop.interactions[EVENT_TYPE] == VIEW].sort_values([USER_ID, TIMESTAMP], kind="stable")
    codes = {item: code for code, item in enumerate(shop.item_ids)}
    chances, taken = [], []
    for user, own in list(clicks.groupby(USER_ID))[:220]:
        items, times = own[ITEM_ID].tolist(), own[TIMESTAMP].tolist()
        for place in range(min(len(items), 12)):
            opens = place == 0 or times[place] - times[place - 1] > SESSION_SECONDS
            chances.append(shop.next_probabilities(user, items[:place], times[place], opens))
            taken.append(codes[items[place]])
    return np.array(chances), np.array(taken)


def test_probabilities_are_probabilities(asked: tuple[np.ndarray, np.ndarray]) -> None:
    chances, _ = asked
    assert np.allclose(chances.sum(axis=1), 1, atol=1e-12)
    assert chances.min() >= 0


def test_every_click_that_happened_was_possible(asked: tuple[np.ndarray, np.ndarray]) -> None:
    chances, taken = asked
    assert (chances[np.arange(len(taken)), taken] > 0).all()


def test_an_item_is_clicked_as_often_as_the_truth_says(asked: tuple[np.ndarray, np.ndarray]) -> None:
    chances, taken = asked
    expected, spread = chances.sum(axis=0), np.sqrt((chances * (1 - chances)).sum(axis=0))
    off = (np.bincount(taken, minlength=chances.shape[1]) - expected) / np.maximum(spread, 1)
    assert np.abs(off).max() < 4.5 and np.sqrt((off**2).mean()) < 1.2


def test_the_kth_likeliest_item_is_clicked_as_often_as_the_truth_says(asked: tuple[np.ndarray, np.ndarray]) -> None:
    chances, taken = asked
    ranked = np.argsort(-chances, axis=1)
    for place in range(6):
        chance = chances[np.arange(len(taken)), ranked[:, place]]
        hits = (ranked[:, place] == taken).sum()
        assert abs(hits - chance.sum()) < 4 * np.sqrt((chance * (1 - chance)).sum()), place


def test_purchases_happen_as_often_as_the_truth_says(shop: Shop) -> None:
    views = shop.interactions[shop.interactions[EVENT_TYPE] == VIEW]
    users = pd.Index(shop.users[USER_ID]).get_indexer(views[USER_ID])
    items = pd.Index(shop.items[ITEM_ID]).get_indexer(views[ITEM_ID])
    chance = shop.truth.purchase_probabilities(users, items)
    bought = (shop.interactions[EVENT_TYPE] == PURCHASE).sum()
    assert abs(bought - chance.sum()) < 4 * np.sqrt((chance * (1 - chance)).sum())
    one = shop.purchase_probability(views[USER_ID].iloc[0], views[ITEM_ID].iloc[0])
    assert one == pytest.approx(chance[0])


def test_what_was_clicked_last_changes_what_comes_next(shop: Shop) -> None:
    at, user = generate.START + 90 * 86_400, shop.users[USER_ID].iloc[0]
    first, second = (shop.next_probabilities(user, [item], at) for item in shop.item_ids[:2])
    assert np.abs(first - second).sum() > 0.5


def test_an_item_not_yet_on_sale_has_no_chance(shop: Shop) -> None:
    late = shop.items[CREATION_TIMESTAMP] > generate.START
    chance = shop.next_probabilities(shop.users[USER_ID].iloc[0], [], generate.START)
    assert chance[late].sum() == 0 and (chance[~late] > 0).all()


def test_tastes_drift(shop: Shop) -> None:
    users = np.arange(len(shop.users))
    first, last = (shop.truth.tastes(users, np.full(len(users), week)) for week in (0, shop.truth.weeks - 1))
    assert np.abs(first - last).sum(axis=1).mean() > 0.3


def test_a_saved_shop_answers_as_before(shop: Shop, tmp_path: Path) -> None:
    shop.save(tmp_path)
    again = Shop.load(tmp_path)
    question = (shop.users[USER_ID].iloc[3], list(shop.item_ids[5:9]), generate.START + 10**6)
    assert np.array_equal(again.next_probabilities(*question), shop.next_probabilities(*question))
    pd.testing.assert_frame_equal(again.interactions, shop.interactions)


def test_an_unknown_user_or_item_is_named(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="user 'nobody' is not in this shop"):
        shop.next_probabilities("nobody", [], generate.START)
    with pytest.raises(DataError, match="item 'nothing' is not in this shop"):
        shop.next_probabilities(shop.users[USER_ID].iloc[0], ["nothing"], generate.START)
    with pytest.raises(DataError, match=r"not a saved shop, interactions\.parquet is missing"):
        Shop.load(tmp_path)
