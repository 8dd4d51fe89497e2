"""The deployed API, asked over HTTP as a shop's front end would."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from recsys import deploy, stream
from recsys.deploy.fallback import KEY


@pytest.fixture
def url(system: Any) -> str:
    return system.ApiUrl


def raw(address: str, method: str = "GET", data: bytes | None = None, **headers: str) -> tuple[int, Any, bytes]:
    """Status, headers and body, whatever the status."""
    request = urllib.request.Request(address, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers, refusal.read()


class TestRecommendations:
    def test_are_real_items_with_titles_from_the_campaign(self, system: Any, url: str) -> None:
        status, answer = deploy.get(f"{url}/recommendations/user-1?numResults=5")
        assert (status, answer["source"], answer["userId"]) == (200, "campaign", "user-1")
        titles = system.items.set_index("ITEM_ID")["TITLE"]
        assert [item["title"] for item in answer["recommendations"]] == [
            titles[item["itemId"]] for item in answer["recommendations"]
        ]
        assert len(answer["recommendations"]) == 5

    def test_carry_category_price_and_score(self, system: Any, url: str) -> None:
        (item,) = deploy.get(f"{url}/recommendations/user-1?numResults=1")[1]["recommendations"]
        row = system.items.set_index("ITEM_ID").loc[item["itemId"]]
        assert (item["category"], item["price"]) == (row["CATEGORY"], row["PRICE"])
        assert 0 < item["score"] <= 1

    def test_name_the_solution_version_that_serves(self, url: str) -> None:
        answer = deploy.get(f"{url}/recommendations/user-1")[1]
        assert answer["solutionVersionArn"].startswith("arn:aws:personalize:us-east-1:000000000000:solution/main-")
        assert answer["recommendationId"]

    def test_are_five_unless_asked_otherwise(self, url: str) -> None:
        assert len(deploy.get(f"{url}/recommendations/user-1")[1]["recommendations"]) == 5

    def test_of_a_stranger_are_popular_items(self, url: str) -> None:
        status, answer = deploy.get(f"{url}/recommendations/nobody-yet?numResults=5")
        assert (status, answer["source"], len(answer["recommendations"])) == (200, "campaign", 5)

    @pytest.mark.parametrize("user", ["a%20b", "a%23b", "%C3%A9t%C3%A9", "50%25", "a%22b", "x@y.z", "a+b"])
    def test_are_given_to_any_spelling_of_a_user(self, url: str, user: str) -> None:
        status, answer = deploy.get(f"{url}/recommendations/{user}")
        assert (status, answer["userId"]) == (200, urllib.request.unquote(user))

    def test_change_with_a_click(self, system: Any, url: str) -> None:
        before = deploy.get(f"{url}/recommendations/clicker?numResults=5")[1]["recommendations"]
        deploy.post(f"{url}/events", {"userId": "clicker", "itemId": "item-3", "eventType": "view"})
        stream.await_events(system.TableName, {"clicker": 1})
        assert eventually(lambda: deploy.get(f"{url}/recommendations/clicker")[1]["recommendations"] != before)


def eventually(true: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not (held := true()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return held


@pytest.mark.parametrize("value", ["many", "0", "-1", "51", "5.0", "", "1e1", "%D9%A5", "99999999999999999999"])
def test_a_bad_number_of_results_is_refused_with_a_reason(url: str, value: str) -> None:
    status, answer = deploy.get(f"{url}/recommendations/user-1?numResults={value}")
    assert (status, answer["error"]["code"]) == (400, "InvalidParameter")
    assert answer["error"]["message"].startswith("numResults must be a whole number from 1 to 50, not")


def test_too_long_a_user_is_refused(url: str) -> None:
    status, answer = deploy.get(f"{url}/recommendations/{'x' * 257}")
    assert (status, answer["error"]["message"]) == (400, "userId has 257 characters; at most 256 are allowed")


def test_similar_items_go_with_the_item(url: str) -> None:
    status, answer = deploy.get(f"{url}/similar-items/item-3?numResults=3")
    assert (status, answer["itemId"], answer["source"]) == (200, "item-3", "campaign")
    assert len(answer["recommendations"]) == 3
    assert all(item["title"] for item in answer["recommendations"])


def test_health_names_what_is_served(system: Any, url: str) -> None:
    status, answer = deploy.get(f"{url}/health")
    assert (status, answer["status"], answer["campaignArn"]) == (200, "ok", system.CampaignArn)


class TestAnEvent:
    def test_is_accepted_and_reaches_the_profile(self, system: Any, url: str) -> None:
        body = {"userId": "poster", "itemId": "item-1", "eventType": "purchase", "eventValue": 9.5}
        status, answer = deploy.post(f"{url}/events", body)
        assert (status, answer["userId"]) == (202, "poster")
        stream.await_events(system.TableName, {"poster": 1})
        assert stream.profile(system.TableName, "poster")["lastItems"][0]["eventId"] == answer["eventId"]

    def test_sent_twice_with_its_id_counts_once(self, system: Any, url: str) -> None:
        body = {"userId": "twice", "itemId": "item-1", "eventType": "view", "eventId": "click-1"}
        for _ in range(2):
            deploy.post(f"{url}/events", body)
        deploy.post(f"{url}/events", {**body, "eventId": "click-2"})
        assert eventually(lambda: len(stream.profile(system.TableName, "twice").get("lastItems", [])) == 2)
        assert stream.profile(system.TableName, "twice")["eventCount"] == 2

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"", "not JSON"),
            (b"{", "not JSON"),
            (b"[1]", "an event must be a JSON object, not [1]"),
            (b"{}", "userId must be text of 1 to 256 characters, not None"),
            (b'{"userId": "u", "itemId": 7}', "itemId must be text of 1 to 256 characters, not 7"),
            (b'{"userId": "u", "itemId": "i", "eventType": "view", "timestamp": "then"}', "timestamp must be seconds"),
        ],
    )
    def test_that_is_none_is_refused_with_a_reason(self, url: str, body: bytes, reason: str) -> None:
        status, _, answer = raw(f"{url}/events", "POST", body)
        assert (status, json.loads(answer)["error"]["code"]) == (400, "InvalidEvent")
        assert json.loads(answer)["error"]["message"].startswith(reason)


class TestWhenTheCampaignFails:
    @pytest.fixture(autouse=True)
    def broken(self, system: Any, client: Callable[[str], Any]) -> Iterator[None]:
        """The function asks campaigns that do not exist; put right again afterwards."""
        function, functions = system.RecommendationApiFunctionName, client("lambda")
        before = functions.get_function_configuration(FunctionName=function)["Environment"]
        lost = {name: f"{before['Variables'][name]}-gone" for name in ("CAMPAIGN_ARN", "SIMILAR_ITEMS_CAMPAIGN_ARN")}
        functions.update_function_configuration(
            FunctionName=function, Environment={"Variables": {**before["Variables"], **lost}}
        )
        yield
        functions.update_function_configuration(FunctionName=function, Environment=before)

    def test_the_popular_items_are_answered_and_said_to_be_a_fallback(self, system: Any, url: str) -> None:
        status, answer = deploy.get(f"{url}/recommendations/user-1?numResults=3")
        expected = deploy.popular_items(system.interactions, system.items)[:3]
        assert (status, answer["source"], answer["recommendations"]) == (200, "fallback", expected)

    def test_an_item_is_not_similar_to_itself(self, system: Any, url: str) -> None:
        first, second = deploy.popular_items(system.interactions, system.items)[:2]
        answer = deploy.get(f"{url}/similar-items/{first['itemId']}?numResults=1")[1]
        assert answer["recommendations"] == [second]

    def test_without_popular_items_it_says_so_and_asks_to_try_again(
        self, system: Any, url: str, client: Callable[[str], Any]
    ) -> None:
        bucket, s3 = system.BucketName, client("s3")
        popular = s3.get_object(Bucket=bucket, Key=KEY)["Body"].read()
        s3.delete_object(Bucket=bucket, Key=KEY)
        status, answer = deploy.get(f"{url}/recommendations/user-1")
        s3.put_object(Bucket=bucket, Key=KEY, Body=popular)
        assert (status, answer["error"]["code"]) == (503, "Unavailable")


@pytest.mark.parametrize("route", ["nowhere", "recommendations", "similar-items", "health/more"])
def test_an_unknown_route_is_not_found(url: str, route: str) -> None:
    status, answer = deploy.get(f"{url}/{route}")
    assert (status, answer["error"]["code"]) == (404, "NotFound")


def test_a_route_does_not_answer_another_verb(url: str) -> None:
    assert raw(f"{url}/events")[0] == 404


def test_a_browser_is_told_that_it_may_call(url: str) -> None:
    headers = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    status, answered, _ = raw(f"{url}/events", "OPTIONS", **headers)
    assert (status, answered["Access-Control-Allow-Origin"]) == (200, "*")
    assert "POST" in answered["Access-Control-Allow-Methods"]
    assert "Content-Type" in answered["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("path", ["health", "recommendations/user-1?numResults=x", "nowhere"])
def test_a_browser_may_read_every_answer_even_a_refusal(url: str, path: str) -> None:
    assert raw(f"{url}/{path}", Origin="https://shop.example")[1]["Access-Control-Allow-Origin"]


def test_no_cache_keeps_an_answer(url: str) -> None:
    assert raw(f"{url}/recommendations/user-1")[1]["Cache-Control"] == "no-store"
