"""Promotions: how many items are promoted, which, and where they stand."""

from collections.abc import Callable
from typing import Any

import personalize_shop as shops
import pytest
from personalize_shop import Client, refused

V2, SIMILAR, POPULAR = "aws-user-personalization-v2", "aws-similar-items", "aws-popularity-count"
Entry = dict[str, Any]


@pytest.fixture(scope="module")
def dear(shop: shops.Shop) -> str:
    """A filter for the twenty items from i40 on."""
    return shops.add_filter(shop, "INCLUDE ItemID WHERE Items.PRICE >= $LEAST")


@pytest.fixture
def promoted(client: Client, campaigns: dict[str, str], dear: str) -> Callable[..., list[Entry]]:
    """The answer to a request with a promotion of dear items."""

    def ask(recipe: str = V2, percent: int = 40, least: int = 60, **more: Any) -> list[Entry]:
        promotion = {"name": "dear", "percentPromotedItems": percent, "filterArn": dear}
        values = {"filterValues": {"LEAST": str(least)}}
        request = {"userId": "u1", "promotions": [promotion | values], **more}
        answer = client("personalize-runtime").get_recommendations(campaignArn=campaigns[recipe], **request)
        return answer["itemList"]

    return ask


def of_promotion(answer: list[Entry]) -> list[Entry]:
    return [entry for entry in answer if entry.get("promotionName") == "dear"]


def price(entry: Entry) -> float:
    return int(entry["itemId"][1:]) * 1.5


def test_a_share_of_the_places_goes_to_promoted_items(promoted: Callable[..., list[Entry]]) -> None:
    answer = promoted()
    assert len(answer) == len({entry["itemId"] for entry in answer}) == 25
    assert len(of_promotion(answer)) == 10
    assert all(price(entry) >= 60 and entry["reason"] == ["Promoted item"] for entry in of_promotion(answer))


def test_promoted_items_and_the_others_are_each_in_order(promoted: Callable[..., list[Entry]]) -> None:
    answer = promoted()
    for part in (of_promotion(answer), [entry for entry in answer if "promotionName" not in entry]):
        scores = [entry["score"] for entry in part]
        assert scores == sorted(scores, reverse=True)


def test_promoted_items_stand_at_random_places(promoted: Callable[..., list[Entry]]) -> None:
    places = [tuple("promotionName" in entry for entry in promoted()) for _ in range(5)]
    assert len(set(places)) > 1


def test_fewer_matches_are_fewer_promoted_items(promoted: Callable[..., list[Entry]]) -> None:
    answer = promoted(least=87)
    assert {entry["itemId"] for entry in of_promotion(answer)} == {"i58", "i59"}
    assert len(answer) == 25


def test_each_filter_holds_for_its_own_part(shop: shops.Shop, promoted: Callable[..., list[Entry]]) -> None:
    cheap = shops.add_filter(shop, "INCLUDE ItemID WHERE Items.PRICE < 30")
    answer = promoted(filterArn=cheap)
    assert all(price(entry) >= 60 if "promotionName" in entry else price(entry) < 30 for entry in answer)
    assert len(of_promotion(answer)) == 10


def test_everything_may_be_promoted_and_a_small_share_is_one_item(promoted: Callable[..., list[Entry]]) -> None:
    assert len(of_promotion(promoted(percent=100, numResults=20))) == 20
    assert len(of_promotion(promoted(percent=1, numResults=5))) == 1


def test_related_and_popular_items_are_promoted_too(promoted: Callable[..., list[Entry]]) -> None:
    for recipe, more in ((SIMILAR, {"itemId": "i7"}), (POPULAR, {})):
        answer = promoted(recipe, **more)
        assert len(of_promotion(answer)) == 10
        assert not any("reason" in entry for entry in answer)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"filterArn": None}, "A promotion needs a filterArn and percentPromotedItems"),
        ({"percentPromotedItems": None}, "A promotion needs a filterArn and percentPromotedItems"),
        ({"percentPromotedItems": 101}, "less than or equal to 100"),
        ({"filterValues": {}}, "Filter value for placeholder LEAST is missing"),
    ],
)
def test_a_promotion_that_says_too_little_is_refused(
    raw: Client, campaigns: dict[str, str], dear: str, change: dict[str, Any], reason: str
) -> None:
    promotion = {"percentPromotedItems": 10, "filterArn": dear, "filterValues": {"LEAST": "1"}, **change}
    promotion = {name: value for name, value in promotion.items() if value is not None}
    request = {"campaignArn": campaigns[V2], "userId": "u1", "promotions": [promotion]}
    code, message, status = refused(raw("personalize-runtime").get_recommendations, **request)
    assert (code, status) == ("InvalidInputException", 400)
    assert reason in message


def test_a_filter_of_another_group_cannot_promote(client: Client, campaigns: dict[str, str]) -> None:
    other = shops.add_filter(shops.open_shop(client), 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("x")')
    promotion = {"percentPromotedItems": 10, "filterArn": other}
    request = {"campaignArn": campaigns[V2], "userId": "u1", "promotions": [promotion]}
    assert "another dataset group" in refused(client("personalize-runtime").get_recommendations, **request)[1]
