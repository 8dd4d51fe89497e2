"""Filters: what may be written, and that every answer equals a slow evaluation on the raw rows."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import personalize_shop as shops
import pytest
from personalize_shop import Client, refused
from waiting import eventually

from recsys.local.personalize.filters import Candidates, Scene, Table, allowed, check_filter, fields_used
from recsys.local.personalize.schemas import Field
from recsys.local.shared.errors import ServiceError

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
        ('INCLUDE ItemID WHERE Items.CATEGORY IN ("a") IF CurrentUser.AGE = 3 OR CurrentUser.AGE = 4', "near 'OR Curr"),
        ("INCLUDE ItemID WHERE Items.CATEGORY = 3", "CATEGORY is a text: put 3 in double quotes at column 39"),
        ('INCLUDE ItemID WHERE Interactions.EVENT_TYPE > "a"', "> needs a number and EVENT_TYPE is a text"),
        ("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.CATEGORY", "a number and a text at column 36"),
        ("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.COLOUR", "Items has no field COLOUR at column 36"),
        ("INCLUDE ItemID WHERE Items.PRICE < CurrentUser.AGE", "CurrentUser.AGE cannot be a value here at column 36"),
        ("INCLUDE ItemID WHERE Users.AGE < 3", "Users is not one of Items, Interactions at column 22"),
        ('INCLUDE UserID WHERE Items.CATEGORY IN ("a")', "Items is not one of Users, Interactions"),
        (
            "INCLUDE UserID WHERE Users.AGE < 3 IF CurrentUser.AGE > 3",
            "no CurrentUser where users are filtered",
        ),
        (
            "INCLUDE UserID WHERE Users.AGE < 3 | EXCLUDE ItemID WHERE Items.PRICE < 3",
            "UserID and ItemID cannot",
        ),
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


GUIDE = """
EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($EVENT_TYPE)
EXCLUDE itemId WHERE INTERACTIONS.event_type in ("*")
INCLUDE ItemID WHERE Interactions.event_type IN ('watched','favorited')
INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE AND Items.GENRE IN CurrentItem.GENRE
EXCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("shoe") AND Items.CATEGORY_L2 NOT IN ("boot")
INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE AND Items.CREATION_TIMESTAMP > $DATE
EXCLUDE ItemID WHERE Items.GENRE IN ($GENRE) IF CurrentUser.AGE = $AGE
INCLUDE ItemID WHERE Items.GENRE IN ($GENRE) | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click", "stream")
INCLUDE UserID WHERE Users.MEMBERSHIP IN ($MEMBERSHIP)
INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("click", "rating")
EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("NOT_TAKEN")
EXCLUDE ActionID WHERE Actions.VALUE < ($VALUE) IF CurrentUser.MEMBERSHIP = $PREMIUM
INCLUDE ActionID WHERE Action.MEMBERSHIP_LEVEL IN ("Premium") IF CurrentUser.MEMBERSHIP = $PREMIUM
"""
TEXTS = ("GENRE", "CATEGORY_L1", "CATEGORY_L2", "MEMBERSHIP", "MEMBERSHIP_LEVEL", "EVENT_TYPE")
NUMBERS = ("PRICE", "CREATION_TIMESTAMP", "AGE", "VALUE", "REPEAT_FREQUENCY")
ANYTHING = {
    **{name: Field(name, ("string", "null"), categorical=True) for name in TEXTS},
    **{name: Field(name, ("float", "null")) for name in NUMBERS},
}
GROUP = dict.fromkeys(("Items", "Users", "Actions", "Interactions", "Action_Interactions"), ANYTHING)


@pytest.mark.parametrize("expression", GUIDE.strip().splitlines())
def test_what_the_guide_and_the_samples_of_aws_write_is_a_filter(expression: str) -> None:
    assert check_filter(expression, GROUP)


def test_personalize_filters_by_some_fields_of_actions_itself() -> None:
    with pytest.raises(ServiceError, match="Personalize filters by REPEAT_FREQUENCY itself at column 24"):
        check_filter("EXCLUDE ActionID WHERE Actions.REPEAT_FREQUENCY > 3", GROUP)


def test_the_fields_of_a_filter_count_once_whatever_their_case_and_are_ten_at_most() -> None:
    clauses = check_filter(
        "INCLUDE ItemID WHERE Items.PRICE < CurrentItem.Price OR items.price > CurrentItem.VALUE IF CurrentUser.Age=3",
        GROUP,
    )
    assert fields_used(clauses) == {("Items", "PRICE"), ("Items", "VALUE"), ("Users", "AGE")}
    every = " AND ".join(f"Items.{name} != $P" for name in ANYTHING)
    with pytest.raises(ServiceError, match="uses 11 fields; the most is 10"):
        check_filter(f"EXCLUDE ItemID WHERE {every}", GROUP)


def test_a_filter_is_used_where_it_makes_sense(shop: shops.Shop, client: Client, campaigns: dict[str, str]) -> None:
    ask = client("personalize-runtime").get_recommendations
    request = {"campaignArn": campaigns["aws-popularity-count"], "userId": "u1"}
    users = shops.add_filter(shop, 'INCLUDE UserID WHERE Users.COUNTRY = "DE"')
    assert "this request needs one for ItemID" in refused(ask, **request, filterArn=users)[1]
    current = shops.add_filter(shop, "INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE")
    assert "related items recommendations only" in refused(ask, **request, filterArn=current)[1]


def test_related_items_can_be_filtered_by_the_item_asked_about(
    shop: shops.Shop, client: Client, campaigns: dict[str, str]
) -> None:
    chosen = shops.add_filter(
        shop, "INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE AND Items.CATEGORY IN CurrentItem.CATEGORY"
    )
    request = {"campaignArn": campaigns["aws-similar-items"], "numResults": 500, "filterArn": chosen}
    answer = client("personalize-runtime").get_recommendations(itemId="i20", **request)["itemList"]
    rows = {row["ITEM_ID"]: row for row in shops.item_table().to_dict("records")}
    asked = rows["i20"]
    cheaper = {
        name for name, row in rows.items() if priced(row) < asked["PRICE"] and categories(row) & categories(asked)
    }
    assert {entry["itemId"] for entry in answer} == cheaper
    assert client("personalize-runtime").get_recommendations(itemId="i5", **request)["itemList"] == []  # has no price


def test_an_include_filter_needs_all_its_values(shop: shops.Shop, client: Client, campaigns: dict[str, str]) -> None:
    chosen = shops.add_filter(shop, "INCLUDE ItemID WHERE Items.CATEGORY IN ($WANTED)")
    request = {"campaignArn": campaigns["aws-popularity-count"], "userId": "u1", "filterArn": chosen}
    ask = client("personalize-runtime").get_recommendations
    assert "placeholder WANTED is missing" in refused(ask, **request)[1]
    assert "double quotes" in refused(ask, **request, filterValues={"WANTED": "c1"})[1]


def test_every_request_is_answered_by_its_own_values(recommended: Any, shop: shops.Shop) -> None:
    chosen = shops.add_filter(shop, "INCLUDE ItemID WHERE Items.PRICE < $LIMIT")
    for limit in (3, 30, 0):
        cheap = {row["ITEM_ID"] for row in shops.item_table().to_dict("records") if priced(row) < limit}
        assert recommended("u1", chosen, LIMIT=str(limit)) == cheap
        assert recommended("u1", chosen, LIMIT=f'"{limit}"') == cheap  # a number may come in quotes


def test_a_candidate_may_come_before_its_row_and_after_the_first_mask() -> None:
    table, places = Table("ITEM_ID", ANYTHING), {"a": 0}
    candidates, cheap = Candidates(table, places), check_filter("INCLUDE ItemID WHERE Items.PRICE < 3", GROUP)
    assert allowed(cheap, {}, candidates, Scene()).tolist() == [False]
    places["b"] = 1
    table.put("b", {"PRICE": 1.0})
    assert allowed(cheap, {}, candidates, Scene()).tolist() == [False, True]
    table.put("a", {"PRICE": 2.0})
    assert allowed(cheap, {}, candidates, Scene()).tolist() == [True, True]


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


@pytest.mark.parametrize(
    ("verb", "when", "passes"),
    [
        ("INCLUDE", "", set()),
        ("EXCLUDE", "", {"never-heard-of"}),
        ("INCLUDE", ' IF CurrentUser.COUNTRY = "nowhere"', {"never-heard-of"}),
    ],
)
def test_an_item_of_no_dataset_is_not_included_and_not_excluded(
    shop: shops.Shop, client: Client, campaigns: dict[str, str], verb: str, when: str, passes: set[str]
) -> None:
    ranked = client("personalize-runtime").get_personalized_ranking(
        campaignArn=campaigns["aws-personalized-ranking"],
        userId="u1",
        inputList=["i1", "never-heard-of"],
        filterArn=shops.add_filter(shop, f"{verb} ItemID WHERE Items.PRICE > 15{when}"),
    )["personalizedRanking"]
    assert {entry["itemId"] for entry in ranked} - {"i1"} == passes


@pytest.mark.parametrize(
    "condition", ['Interactions.EVENT_TYPE IN ("purchase")', 'Items.PRICE > 15 IF CurrentUser.COUNTRY = "DE"']
)
def test_a_filter_about_the_user_needs_one(
    shop: shops.Shop, client: Client, campaigns: dict[str, str], condition: str
) -> None:
    chosen = shops.add_filter(shop, f"EXCLUDE ItemID WHERE {condition}")
    request = {"campaignArn": campaigns["aws-similar-items"], "itemId": "i1"}
    ask = client("personalize-runtime").get_recommendations
    promotion = {"promotions": [{"filterArn": chosen, "percentPromotedItems": 20}]}
    for filtered in ({"filterArn": chosen}, promotion):
        code, message, _ = refused(ask, **request, **filtered)
        assert (code, "userId is required" in message) == ("InvalidInputException", True)
        assert ask(**request, **filtered, userId="u1")["itemList"]


def test_the_filter_says_its_expression_and_the_list_does_not(shop: shops.Shop) -> None:
    personalize = shop.client("personalize")
    expression = "INCLUDE ItemID WHERE Items.PRICE < 3"
    chosen = shops.add_filter(shop, expression)
    assert personalize.describe_filter(filterArn=chosen)["filter"]["filterExpression"] == expression
    listed = personalize.list_filters(datasetGroupArn=shop.group)["Filters"]
    assert chosen in [entry["filterArn"] for entry in listed]
    assert all("filterExpression" not in entry for entry in listed)


def test_the_filters_of_a_group_use_twenty_fields_at_most(client: Client) -> None:
    shop = shops.open_shop(client)
    columns = [{"name": f"N{number}", "type": ["null", "float"]} for number in range(21)]
    shops.add_dataset(shop, "Items", shops.schema("Items", *columns))
    for ten in (range(10), range(10, 20)):
        shops.add_filter(shop, "INCLUDE ItemID WHERE " + " AND ".join(f"Items.N{number} > 0" for number in ten))
    one_more = {"name": "one-more", "filterExpression": "INCLUDE ItemID WHERE Items.N20 > 0"}
    code, message, _ = refused(client("personalize").create_filter, datasetGroupArn=shop.group, **one_more)
    assert code == "LimitExceededException"
    assert "21 fields; the most is 20" in message


def test_a_filter_sees_what_an_incremental_import_put_in_the_place_of_a_put(client: Client) -> None:
    shop = shops.stocked_shop(client)
    dear = shops.add_filter(shop, "INCLUDE ItemID WHERE Items.PRICE > 900")
    with shops.serving(shop, "aws-popularity-count") as recommend:
        shops.put_items(shop, {item: {"price": 1000, "creationTimestamp": 5} for item in ("i1", "i2")})
        assert set(recommend(userId="u1", filterArn=dear)) == {"i1", "i2"}
        cheap = shops.put_csv(shop, "cheap.csv", shops.item_table()[1:2])
        shops.import_csv(shop, "Items", cheap, importMode="INCREMENTAL")
        assert eventually(lambda: recommend(userId="u1", filterArn=dear) == ["i2"])
