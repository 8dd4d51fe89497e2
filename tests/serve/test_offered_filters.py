"""Filters for what the API can be asked for: which there are, and that others stay."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from personalize_shop import INTERACTIONS, ITEMS, add_dataset, open_shop

from recsys import aws, serve
from recsys.errors import Refused
from recsys.serve import filters
from recsys.serve.filters import MOST, combined


@pytest.fixture
def group(client: Callable[[str], Any]) -> Iterator[str]:
    aws.client.cache_clear()
    shop = open_shop(client)
    add_dataset(shop, "Interactions", INTERACTIONS)
    add_dataset(shop, "Items", ITEMS)
    yield shop.group
    aws.client.cache_clear()


def offered(group: str) -> dict[str, dict[str, Any]]:
    return serve.offer_filters(group, "arn:seen", lambda name: f"{name}-{ending(group)}", ["purchase"], {})


def ending(group: str) -> str:
    return group.rpartition("/")[2]


def test_filters_are_of_the_columns_that_the_items_have_and_their_combinations(group: str, client: Any) -> None:
    found = offered(group)
    assert found["exclude-purchased"] == {"arn": "arn:seen", "values": []}
    both = {"category", "price", "category-price"}
    assert found.keys() - {"exclude-purchased"} == both | {f"{name}-exclude-purchased" for name in both}
    whole = found["category-price-exclude-purchased"]
    made = client("personalize").describe_filter(filterArn=whole["arn"])["filter"]
    assert (made["name"], made["status"]) == (f"category-price-exclude-purchased-{ending(group)}", "ACTIVE")
    assert whole["values"] == ["category", "minPrice", "maxPrice"]


def test_where_personalize_makes_no_more_at_a_time_those_begun_are_waited_for(
    group: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, describe = filters.begin_filter, client("personalize").describe_filter
    begun: list[str] = []

    def few_at_a_time(*asked: Any, **wait: Any) -> str:
        if len(begun) == 2 and describe(filterArn=begun[-1])["filter"]["status"] != "ACTIVE":
            raise Refused("More than 2 resources with PENDING or IN_PROGRESS status.", code="LimitExceededException")
        begun.append(begin(*asked, **wait))
        return begun[-1]

    monkeypatch.setattr(filters, "begin_filter", few_at_a_time)
    assert len(offered(group)) == 1 + 6


def test_asked_for_again_they_are_the_same_and_what_others_made_is_left_room(group: str, client: Any) -> None:
    personalize = client("personalize")
    for number in range(6):
        request = {"name": f"own-{number}-{ending(group)}", "datasetGroupArn": group}
        personalize.create_filter(**request, filterExpression="INCLUDE ItemID WHERE Items.PRICE > 1")
    first = offered(group)
    assert list(first) == ["exclude-purchased", "category", "price", "category-price", "category-exclude-purchased"]
    assert offered(group) == first


def test_when_items_get_another_column_what_stands_stays_and_only_free_places_are_filled(
    group: str, client: Any
) -> None:
    first, personalize = offered(group), client("personalize")
    seen = serve.excluding(["purchase"])
    personalize.create_filter(name=f"seen-{ending(group)}", datasetGroupArn=group, filterExpression=seen)
    add_stock(personalize, group)
    again = offered(group)
    assert first.items() <= again.items()
    assert again.keys() - first.keys() == {"in-stock", "category-in-stock", "price-in-stock"}
    assert len(personalize.list_filters(datasetGroupArn=group)["Filters"]) == MOST
    assert offered(group) == again


def add_stock(personalize: Any, group: str) -> None:
    """Give the group's items a column IN_STOCK."""
    kinds = {each["datasetType"].lower(): each for each in personalize.list_datasets(datasetGroupArn=group)["datasets"]}
    schema = json.loads(ITEMS)
    schema["fields"].append({"name": "IN_STOCK", "type": ["null", "string"], "categorical": True})
    made = personalize.create_schema(name=f"in-stock-{ending(group)}", schema=json.dumps(schema))
    items = {"datasetArn": kinds["items"]["datasetArn"]}
    personalize.update_dataset(**items, schemaArn=made["schemaArn"])
    aws.wait("update", lambda: personalize.describe_dataset(**items)["dataset"]["latestDatasetUpdate"])


def test_with_what_is_in_stock_too_pairs_and_what_was_bought_fill_the_quota() -> None:
    names = list(combined(["ITEM_ID", "CATEGORY", "PRICE", "IN_STOCK"], ["purchase"]))
    assert names[:3] == ["category", "price", "in-stock"]
    assert names[MOST - 2 : MOST] == ["in-stock-exclude-purchased", "category-price-in-stock"]
