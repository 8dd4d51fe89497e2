"""Filters: what may be written, and that every answer equals a slow evaluation on the raw rows."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import personalize_shop as shops
import pytest
from personalize_shop import Client, refused

Row = dict[str, Any]
Keep = Callable[[Row, set[str], Row], bool]  # item row, items the user touched by the wanted types, user row


@pytest.fixture
def recommended(client: Client, campaigns: dict[str, str]) -> Any:
    """The set of items a user may see through a filter."""

    def ask(user: str, chosen: str, **values: str) -> set[str]:
        answer = client("personalize-runtime").get_recommendations(
            campaignArn=campaigns["aws-popularity-count"],
            userId=user,
            numResults=500,
            filterArn=chosen,
            filterValues=values,
        )
        return {entry["itemId"] for entry in answer["itemList"]}

    return ask


def categories(row: Row) -> set[str]:
    return set(row["CATEGORY"].split("|")) if isinstance(row["CATEGORY"], str) else set()


def touched(user: str, *types: str) -> set[str]:
    rows = shops.interactions().query("USER_ID == @user")
    return set(rows[rows["EVENT_TYPE"].isin(types)]["ITEM_ID"] if types else rows["ITEM_ID"])


def priced(row: Row) -> float:
    return row["PRICE"] if pd.notna(row["PRICE"]) else float("nan")


CASES: list[tuple[str, dict[str, str], Callable[[Row, str], bool]]] = [
    ('INCLUDE ItemID WHERE Items.CATEGORY IN ("c1","d2")', {}, lambda row, _: bool(categories(row) & {"c1", "d2"})),
    ('include itemid where items.category in ("c1")', {}, lambda row, _: "c1" in categories(row)),
    ('INCLUDE ItemID WHERE Items.CATEGORY NOT IN ("c1")', {}, lambda row, _: "c1" not in categories(row)),
    ('EXCLUDE ItemID WHERE Items.CATEGORY = "c0"', {}, lambda row, _: "c0" not in categories(row)),
    ("INCLUDE ItemID WHERE Items.PRICE < 30", {}, lambda row, _: priced(row) < 30),
    ("EXCLUDE ItemID WHERE Items.PRICE >= 30", {}, lambda row, _: not priced(row) >= 30),
    ("INCLUDE ItemID WHERE Items.PRICE IN (3, 4.5)", {}, lambda row, _: priced(row) in (3, 4.5)),
    ("INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP > 1600000050", {}, lambda row, _: int(row["ITEM_ID"][1:]) > 50),
    (
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("c1") AND Items.PRICE <= 45',
        {},
        lambda row, _: "c1" in categories(row) and priced(row) <= 45,
    ),
    (
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("c1") OR Items.PRICE > 75',
        {},
        lambda row, _: "c1" in categories(row) or priced(row) > 75,
    ),
    (
        "EXCLUDE ItemID WHERE Items.PRICE < $LOW",
        {"LOW": "20"},
        lambda row, _: not priced(row) < 20,
    ),
    ("EXCLUDE ItemID WHERE Items.PRICE < $LOW", {}, lambda row, _: True),
    (
        "INCLUDE ItemID WHERE Items.CATEGORY IN ($WANTED)",
        {"WANTED": '"c2","d0"'},
        lambda row, _: bool(categories(row) & {"c2", "d0"}),
    ),
    (
        'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("PURCHASE")',
        {},
        lambda row, user: row["ITEM_ID"] not in touched(user, "purchase"),
    ),
    (
        'INCLUDE ItemID WHERE Interactions.event_type IN ("*")',
        {},
        lambda row, user: row["ITEM_ID"] in touched(user),
    ),
    (
        'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE NOT IN ("purchase")',
        {},
        lambda row, user: row["ITEM_ID"] not in touched(user, "view"),
    ),
    (
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("c1") | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("view")',
        {},
        lambda row, user: "c1" in categories(row) and row["ITEM_ID"] not in touched(user, "view"),
    ),
    (
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("c1") | INCLUDE ItemID WHERE Items.PRICE > 80',
        {},
        lambda row, _: "c1" in categories(row) or priced(row) > 80,
    ),
    (
        'EXCLUDE ItemID WHERE Items.CATEGORY IN ("c0") IF CurrentUser.AGE > 30 AND CurrentUser.COUNTRY = "US"',
        {},
        lambda row, user: not ("c0" in categories(row) and int(user[1:]) > 12 and int(user[1:]) % 3 == 1),
    ),
]


@pytest.mark.parametrize(("expression", "values", "keep"), CASES, ids=[case[0][:70] for case in CASES])
def test_a_filter_equals_a_slow_evaluation_on_the_raw_rows(
    shop: shops.Shop, recommended: Any, expression: str, values: dict[str, str], keep: Callable[[Row, str], bool]
) -> None:
    chosen = shops.add_filter(shop, expression)
    rows = shops.item_table().to_dict("records")
    for user in ("u7", "u13", "u49"):
        assert recommended(user, chosen, **values) == {row["ITEM_ID"] for row in rows if keep(row, user)}
    shop.client("personalize").delete_filter(filterArn=chosen)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ('INCLUDE ItemID WERE Items.CATEGORY IN ("a")', "unexpected input at column 16, near 'WERE"),
        ('INCLUDE ItemID WHERE Items.CATEGORY IN ("a"', "near 'the end'"),
        ('INCLUDE ItemID WHERE Items.COLOUR IN ("a")', "Items has no field COLOUR at column 22"),
        ('INCLUDE ItemID WHERE Things.CATEGORY IN ("a")', "Things is not one of Items, Interactions"),
        ("INCLUDE ItemID WHERE Items.CATEGORY > 3", "needs a number and CATEGORY is a text"),
        ('INCLUDE ItemID WHERE Items.PRICE > "3"', "PRICE is a number and '3' is a text"),
        ('INCLUDE ItemID WHERE Items.TITLE IN ("a")', "TITLE is textual"),
        ('INCLUDE ItemID WHERE Interactions.EVENT_VALUE IN ("a")', "only EVENT_TYPE can be filtered by"),
        (
            'INCLUDE ItemID WHERE Items.CATEGORY IN ("a") AND Interactions.EVENT_TYPE IN ("a")',
            "Items and Interactions cannot be combined; use |",
        ),
        ('INCLUDE ItemID WHERE Items.CATEGORY IN ("*")', "for EVENT_TYPE only at column 41"),
        ('INCLUDE ItemID WHERE Items.CATEGORY IN ("a") IF Items.PRICE = 3', "IF takes CurrentUser only"),
        (
            "INCLUDE ItemID WHERE Items.CATEGORY NOT IN ($P)",
            "Could not create filter. Invalid input symbol: $P. Placeholders are not allowed with NOT_IN operator.",
        ),
    ],
)
def test_an_expression_that_cannot_be_is_refused_and_pointed_at(shop: shops.Shop, expression: str, reason: str) -> None:
    code, message, _ = refused(
        shop.client("personalize").create_filter, name="f", datasetGroupArn=shop.group, filterExpression=expression
    )
    assert code == "InvalidInputException"
    assert message.startswith("Could not create filter.")
    assert reason in message


def test_an_include_filter_needs_all_its_values(shop: shops.Shop, client: Client, campaigns: dict[str, str]) -> None:
    chosen = shops.add_filter(shop, "INCLUDE ItemID WHERE Items.CATEGORY IN ($WANTED)")
    request = {"campaignArn": campaigns["aws-popularity-count"], "userId": "u1", "filterArn": chosen}
    ask = client("personalize-runtime").get_recommendations
    assert "placeholder WANTED is missing" in refused(ask, **request)[1]
    assert "double quotes" in refused(ask, **request, filterValues={"WANTED": "c1"})[1]


def test_a_filter_of_another_group_is_refused(shop: shops.Shop, client: Client, campaigns: dict[str, str]) -> None:
    other = shops.open_shop(client)
    chosen = shops.add_filter(other, 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("view")')
    request = {"campaignArn": campaigns["aws-popularity-count"], "userId": "u1", "filterArn": chosen}
    code, message, _ = refused(client("personalize-runtime").get_recommendations, **request)
    assert code == "InvalidInputException"
    assert "another dataset group" in message


def test_a_deleted_filter_is_not_found(shop: shops.Shop, client: Client, campaigns: dict[str, str]) -> None:
    personalize = client("personalize")
    chosen = shops.add_filter(shop, "INCLUDE ItemID WHERE Items.PRICE < 3")
    request = {"campaignArn": campaigns["aws-popularity-count"], "userId": "u1", "filterArn": chosen}
    client("personalize-runtime").get_recommendations(**request)
    personalize.delete_filter(filterArn=chosen)
    assert shops.gone(client, personalize.describe_filter, filterArn=chosen)
    code, _, status = refused(client("personalize-runtime").get_recommendations, **request)
    assert (code, status) == ("ResourceNotFoundException", 404)


def test_a_ranking_is_filtered_too(shop: shops.Shop, client: Client, campaigns: dict[str, str]) -> None:
    chosen = shops.add_filter(shop, "EXCLUDE ItemID WHERE Items.PRICE > 15")
    ranked = client("personalize-runtime").get_personalized_ranking(
        campaignArn=campaigns["aws-personalized-ranking"],
        userId="u1",
        inputList=["i1", "i2", "i40"],
        filterArn=chosen,
    )["personalizedRanking"]
    assert {entry["itemId"] for entry in ranked} == {"i1", "i2"}


def test_the_filter_says_its_expression_and_the_list_does_not(shop: shops.Shop) -> None:
    personalize = shop.client("personalize")
    expression = "INCLUDE ItemID WHERE Items.PRICE < 3"
    chosen = shops.add_filter(shop, expression)
    assert personalize.describe_filter(filterArn=chosen)["filter"]["filterExpression"] == expression
    listed = personalize.list_filters(datasetGroupArn=shop.group)["Filters"]
    assert chosen in [entry["filterArn"] for entry in listed]
    assert all("filterExpression" not in entry for entry in listed)
