"""Rankings, and recommendations narrowed by a filter, over HTTP."""

from typing import Any

import pytest
from api_calls import raw
from waiting import eventually

from recsys import deploy, stream

ITEMS = ["item-9", "item-4", "item-17"]


class TestARanking:
    def test_puts_what_the_user_wants_first(self, system: Any, url: str) -> None:
        status, answer = deploy.post(f"{url}/rankings", {"userId": "user-1", "itemIds": ITEMS})
        assert (status, answer["source"], answer["userId"]) == (200, "campaign", "user-1")
        assert {item["itemId"] for item in answer["ranking"]} == set(ITEMS)
        scores = [item["score"] for item in answer["ranking"]]
        assert scores == sorted(scores, reverse=True)
        assert answer["recommendationId"]

    def test_may_be_cut_and_lists_an_item_named_twice_once(self, url: str) -> None:
        body = {"userId": "user-1", "itemIds": [*ITEMS, *ITEMS], "numResults": 2}
        assert len(deploy.post(f"{url}/rankings", body)[1]["ranking"]) == 2
        assert len(deploy.post(f"{url}/rankings", {**body, "numResults": 6})[1]["ranking"]) == 3

    def test_takes_500_items_and_puts_unknown_ones_last(self, url: str) -> None:
        body = {"userId": "user-1", "itemIds": [*(f"new-{number}" for number in range(499)), "item-4"]}
        status, answer = deploy.post(f"{url}/rankings", body)
        assert (status, len(answer["ranking"]), answer["ranking"][0]["itemId"]) == (200, 500, "item-4")

    @pytest.mark.parametrize(
        ("wrong", "reason"),
        [
            ({"itemIds": []}, "[array is too short (minimum: 1, found: 0)]"),
            ({"itemIds": ["x"] * 501}, "[array is too long (maximum: 500, found: 501)]"),
            (
                {"itemIds": [7]},
                '[instance type (integer) does not match any allowed primitive type (allowed: ["string"])]',
            ),
            ({"numResults": 0}, "[numeric instance is lower than the required minimum (minimum: 1, found: 0)]"),
        ],
    )
    def test_asked_for_wrongly_is_refused_with_a_reason(self, url: str, wrong: dict[str, Any], reason: str) -> None:
        status, answer = deploy.post(f"{url}/rankings", {"userId": "u", "itemIds": ["a"], **wrong})
        assert (status, answer["error"]) == (400, {"code": "InvalidBody", "message": reason})

    def test_of_half_a_character_is_refused_by_the_function_which_names_the_field(self, url: str) -> None:
        status, _, answer = raw(f"{url}/rankings", "POST", b'{"userId": "u", "itemIds": ["a", "\\ud800"]}')
        assert (status, answer["error"]["code"]) == (400, "InvalidBody")
        assert answer["error"]["message"].startswith("itemIds[1] must be text of 1 to 256 characters")


class TestAFilter:
    def test_narrows_to_a_category(self, url: str) -> None:
        answer = deploy.get(f"{url}/recommendations/user-1?category=odd")[1]
        assert (answer["source"], answer["filter"]) == ("campaign", "category")
        assert {item["category"] for item in answer["recommendations"]} == {"odd"}

    def test_takes_several_categories(self, url: str) -> None:
        answer = deploy.get(f"{url}/recommendations/user-1?category=odd&category=even&numResults=24")[1]
        assert {item["category"] for item in answer["recommendations"]} == {"odd", "even"}

    def test_narrows_to_a_range_of_prices(self, url: str) -> None:
        answer = deploy.get(f"{url}/recommendations/user-1?minPrice=3&maxPrice=6.5&numResults=24")[1]
        assert sorted(item["price"] for item in answer["recommendations"]) == [3.5, 4.5, 5.5, 6.5]

    @pytest.mark.parametrize(("query", "least", "most"), [("minPrice=20.5", 20.5, 99), ("maxPrice=3.5", 0, 3.5)])
    def test_narrows_to_either_end_of_a_range_of_prices(self, url: str, query: str, least: float, most: float) -> None:
        answer = deploy.get(f"{url}/recommendations/user-1?{query}&numResults=24")[1]
        assert len(answer["recommendations"]) == 4 and answer["filter"] == "price"
        assert all(least <= item["price"] <= most for item in answer["recommendations"])

    @pytest.mark.parametrize(("query", "left"), [("inStock=true", 0), ("inStock=false", 1)])
    def test_narrows_to_what_is_in_stock(self, url: str, query: str, left: int) -> None:
        answer = deploy.get(f"{url}/recommendations/user-1?{query}&numResults=24")[1]
        numbers = [int(item["itemId"].removeprefix("item-")) for item in answer["recommendations"]]
        assert answer["filter"] == "in-stock" and len(numbers) > 5
        assert all((number % 3 == 0) == bool(left) for number in numbers)

    def test_leaves_out_what_the_user_bought(self, system: Any, url: str) -> None:
        deploy.post(f"{url}/events", {"userId": "buyer", "itemId": "item-3", "eventType": "purchase"})
        stream.await_events(system.TableName, {"buyer": 1})
        ask = f"{url}/recommendations/buyer?numResults=24"
        assert eventually(lambda: "item-3" not in offered(f"{ask}&excludePurchased=true"))
        named = [deploy.get(f"{ask}&excludePurchased={wanted}")[1]["filter"] for wanted in ("true", "false")]
        assert named == ["exclude-purchased", None]
        assert "item-3" in offered(f"{ask}&category=odd")
        assert "item-3" not in offered(f"{ask}&category=odd&excludePurchased=true")

    def test_takes_category_and_price_together(self, url: str) -> None:
        answer = deploy.get(f"{url}/recommendations/user-1?category=odd&maxPrice=6&numResults=24")[1]
        assert sorted(item["price"] for item in answer["recommendations"]) == [1.5, 3.5, 5.5]
        assert answer["filter"] == "category-price"

    @pytest.mark.parametrize("other", ["excludePurchased", "inStock"])
    def test_that_is_not_configured_is_not_found_and_the_answer_says_which_are(self, url: str, other: str) -> None:
        status, answer = deploy.get(f"{url}/recommendations/user-1?category=odd&maxPrice=3&{other}=true")
        assert (status, answer["error"]["code"]) == (404, "NotConfigured")
        assert "configured: excludePurchased; category; maxPrice with minPrice; inStock; " in answer["error"]["message"]

    @pytest.mark.parametrize(
        ("query", "reason"),
        [
            ("colour=red", "there is no parameter 'colour'; there are numResults, category, minPrice"),
            ("category=a%22b", "category[0] must be text of 1 to 90 characters without quotes and backslashes"),
            ("category=", "category[0] must be text of 1 to 90 characters"),
            ("&".join(["category=a"] * 11), "category must be a list of 1 to 10, not a list of 11"),
            ("minPrice=cheap", "minPrice must be a number from 0 to 999999999999, not 'cheap'"),
            ("excludePurchased=yes", "excludePurchased must be true or false, not 'yes'"),
            ("numResults=1&numResults=2", "numResults must be given once, not 2 times"),
        ],
    )
    def test_spelt_wrongly_is_refused_with_a_reason(self, url: str, query: str, reason: str) -> None:
        status, answer = deploy.get(f"{url}/recommendations/user-1?{query}")
        assert (status, answer["error"]["code"]) == (400, "InvalidParameter")
        assert answer["error"]["message"].startswith(reason)


def offered(address: str) -> list[str]:
    return [item["itemId"] for item in deploy.get(address)[1]["recommendations"]]
