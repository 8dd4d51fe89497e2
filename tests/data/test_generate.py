"""The sample shop: reproducible, honest about its size, and worth learning from."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.columns import (
    CREATION_TIMESTAMP,
    EVENT_TYPE,
    EVENT_VALUE,
    INTERACTION_COLUMNS,
    ITEM_COLUMNS,
    ITEM_ID,
    PRICE,
    PURCHASE,
    TIMESTAMP,
    TITLE,
    USER_COLUMNS,
    USER_ID,
    VIEW,
)
from recsys.data import generate
from recsys.data.shop import Shop
from recsys.errors import DataError

COMMITTED = Path(__file__).parents[2] / "data" / "sample"


@pytest.fixture(scope="module")
def shop() -> Shop:
    return generate.generate(users=600, items=300, days=182, seed=11)


def test_the_committed_sample_is_reproduced_byte_for_byte(tmp_path: Path) -> None:
    for path in generate.sample(tmp_path):
        assert path.read_bytes() == (COMMITTED / path.name).read_bytes(), path.name
        assert path.stat().st_size < 2**20


def test_the_read_me_gives_the_checksums_of_the_committed_sample() -> None:
    text = (COMMITTED.parent / "README.md").read_text()
    for path in COMMITTED.glob("*.csv"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in text, path.name


def test_one_seed_gives_one_shop_and_another_seed_another(shop: Shop) -> None:
    again, other = (generate.generate(users=600, items=300, days=182, seed=seed) for seed in (11, 12))
    pd.testing.assert_frame_equal(again.interactions, shop.interactions)
    pd.testing.assert_frame_equal(again.items, shop.items)
    assert not other.interactions.equals(shop.interactions)


def test_the_tables_have_the_columns_of_the_house(shop: Shop) -> None:
    assert tuple(shop.interactions) == INTERACTION_COLUMNS
    assert tuple(shop.items) == ITEM_COLUMNS
    assert tuple(shop.users) == USER_COLUMNS
    assert shop.interactions[TIMESTAMP].dtype == np.int64


def test_the_shop_has_the_size_that_was_asked_for(shop: Shop) -> None:
    assert (len(shop.users), len(shop.items)) == (600, 300)
    span = shop.interactions[TIMESTAMP] - generate.START
    assert span.min() >= 0 and span.max() < 182 * 86_400
    assert shop.interactions[TIMESTAMP].is_monotonic_increasing


def test_nobody_clicks_what_is_not_yet_on_sale(shop: Shop) -> None:
    joined = shop.interactions.merge(shop.items, on=ITEM_ID)
    assert (joined[TIMESTAMP] >= joined[CREATION_TIMESTAMP]).all()
    assert 0.1 < (shop.items[CREATION_TIMESTAMP] > generate.START).mean() < 0.4


def test_every_purchase_follows_a_view_of_the_same_item_and_carries_its_price(shop: Shop) -> None:
    ordered = shop.interactions.sort_values([USER_ID, TIMESTAMP], kind="stable").reset_index(drop=True)
    bought = ordered[EVENT_TYPE] == PURCHASE
    before = ordered.shift()[bought]
    assert (before[ITEM_ID] == ordered[ITEM_ID][bought]).all()
    assert (before[EVENT_TYPE] == VIEW).all() and (before[USER_ID] == ordered[USER_ID][bought]).all()
    prices = shop.items.set_index(ITEM_ID)[PRICE]
    assert (ordered[EVENT_VALUE][bought] == ordered[ITEM_ID][bought].map(prices)).all()
    assert ordered[EVENT_VALUE][~bought].isna().all()


def test_titles_read_like_products_and_never_repeat(shop: Shop) -> None:
    assert shop.items[TITLE].is_unique
    assert shop.items[TITLE].str.fullmatch(r"[A-Z][\w &]+ [A-Z][\w -]+, [A-Z][a-z]+").all()


def test_demand_has_a_long_tail(shop: Shop) -> None:
    counts = shop.interactions[ITEM_ID].value_counts()
    assert counts.head(60).sum() > 0.5 * counts.sum()


def test_a_category_sells_better_in_its_season() -> None:
    year = generate.generate(users=1_500, items=200, days=364, seed=3)
    joined = year.interactions.merge(year.items, on=ITEM_ID)
    toys = joined["CATEGORY"] == "Kids|Toys"
    week = (joined[TIMESTAMP] - generate.START) // (7 * 86_400)
    assert toys[week.between(44, 51)].mean() > 1.5 * toys[week.between(15, 35)].mean()


def test_sent_twice_adds_exact_duplicates_and_nothing_else() -> None:
    plain, dirty = (generate.generate(users=100, items=100, days=56, sent_twice=share) for share in (0.0, 0.05))
    pd.testing.assert_frame_equal(dirty.interactions.drop_duplicates(ignore_index=True), plain.interactions)
    assert 0.02 < dirty.interactions.duplicated().mean() < 0.08


def test_popularity_beats_chance_and_the_truth_beats_popularity_without_being_perfect(shop: Shop) -> None:
    views = shop.interactions[shop.interactions[EVENT_TYPE] == VIEW].sort_values(TIMESTAMP, kind="stable")
    is_last = views.duplicated(USER_ID) & ~views.duplicated(USER_ID, keep="last")
    history, last = views[~is_last], views[is_last]
    popular = history[ITEM_ID].value_counts().reindex(shop.item_ids, fill_value=0).to_numpy()
    before = history.groupby(USER_ID)
    scores = {"truth": [], "popularity": []}
    for row in last.sample(250, random_state=0).itertuples():
        past = before.get_group(row.USER_ID)
        pause = row.TIMESTAMP - past[TIMESTAMP].iloc[-1] > 1_800
        chance = shop.next_probabilities(row.USER_ID, list(past[ITEM_ID]), row.TIMESTAMP, pause)
        target = int(np.flatnonzero(shop.item_ids == row.ITEM_ID)[0])
        scores["truth"].append(ndcg_at_10(chance, target))
        scores["popularity"].append(ndcg_at_10(popular, target))
    truth, popularity = (np.mean(scores[name]) for name in ("truth", "popularity"))
    by_chance = sum(1 / np.log2(rank + 2) for rank in range(10)) / len(shop.items)
    assert popularity > 2 * by_chance
    assert 2 * popularity < truth < 0.7


def ndcg_at_10(scores: np.ndarray, target: int) -> float:
    rank = int((scores > scores[target]).sum())
    return 1 / np.log2(rank + 2) if rank < 10 else 0.0


@pytest.mark.parametrize("sizes", [{"items": 10}, {"users": 0}, {"days": 3}])
def test_a_shop_too_small_to_be_one_is_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(DataError, match=f"needs at least .* {next(iter(sizes))}, not {next(iter(sizes.values()))}"):
        generate.generate(**sizes)
