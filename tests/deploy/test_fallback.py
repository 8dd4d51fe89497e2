"""The list the API falls back on."""

import pandas as pd
import pytest

from recsys.deploy.fallback import catalogue, popular_items, publish_popular
from recsys.errors import DataError

ITEMS = pd.DataFrame(
    {"ITEM_ID": ["a", "b", "c"], "TITLE": ["Ant", "Bee", None], "CATEGORY": ["x", "y", "x"], "PRICE": [1.5, 2.0, None]}
)


def interactions(items: str) -> pd.DataFrame:
    return pd.DataFrame({"ITEM_ID": list(items)})


def test_the_most_bought_item_comes_first_with_its_title() -> None:
    assert popular_items(interactions("bab"), ITEMS)[0] == {
        "itemId": "b",
        "title": "Bee",
        "category": "y",
        "price": 2.0,
    }


def test_of_equally_popular_items_the_smaller_id_comes_first() -> None:
    assert [item["itemId"] for item in popular_items(interactions("bac"), ITEMS)] == ["a", "b", "c"]


def test_what_is_unknown_of_an_item_is_null() -> None:
    (item,) = popular_items(interactions("c"), ITEMS)
    assert (item["title"], item["price"]) == (None, None)


def test_an_item_without_a_row_in_the_items_table_is_not_recommended() -> None:
    assert [item["itemId"] for item in popular_items(interactions("zza"), ITEMS)] == ["a"]


def test_the_catalogue_holds_every_item_the_popular_ones_first() -> None:
    found = catalogue(interactions("cbac"), pd.concat([ITEMS, pd.DataFrame({"ITEM_ID": ["new"], "TITLE": ["N"]})]))
    assert list(found) == ["c", "a", "b", "new"]
    assert found["a"] == {"title": "Ant", "category": "x", "price": 1.5}
    assert found["new"] == {"title": "N", "category": None, "price": None}


def test_a_list_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="items table"):
        publish_popular("bucket", interactions("z"), ITEMS, "arn")
