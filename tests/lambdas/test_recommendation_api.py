"""The deployed API, asked over HTTP as a shop's front end would."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from api_calls import raw
from waiting import eventually

from recsys import deploy, stream


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

    @pytest.mark.parametrize("user", ["a%20b", "a%23b", "a%2Fb", "%C3%A9t%C3%A9", "50%25", "a%22b", "x@y.z", "a+b"])
    def test_are_given_to_any_spelling_of_a_user(self, url: str, user: str) -> None:
        status, answer = deploy.get(f"{url}/recommendations/{user}")
        assert (status, answer["userId"]) == (200, urllib.request.unquote(user))

    def test_change_with_a_click(self, system: Any, url: str) -> None:
        before = deploy.get(f"{url}/recommendations/clicker?numResults=5")[1]["recommendations"]
        deploy.post(f"{url}/events", {"userId": "clicker", "itemId": "item-3", "eventType": "view"})
        stream.await_events(system.TableName, {"clicker": 1})
        assert eventually(lambda: deploy.get(f"{url}/recommendations/clicker")[1]["recommendations"] != before)


def test_ten_curls_at_once_are_all_answered_by_the_campaign(url: str) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    users = [f"user-{number}" for number in range(10)]
    command = ["curl", "--silent", "--show-error", "--fail", "--max-time", "60"]
    curls = [subprocess.Popen([*command, f"{url}/recommendations/{user}"], stdout=subprocess.PIPE) for user in users]
    answers = [json.loads(curl.communicate()[0]) for curl in curls]
    assert [(answer["userId"], answer["source"]) for answer in answers] == [(user, "campaign") for user in users]


@pytest.mark.parametrize("value", ["many", "0", "-1", "51", "5.0", "", "1e1", "%D9%A5", "99999999999999999999"])
def test_a_bad_number_of_results_is_refused_with_a_reason(url: str, value: str) -> None:
    status, answer = deploy.get(f"{url}/recommendations/user-1?numResults={value}")
    assert (status, answer["error"]["code"]) == (400, "InvalidParameter")
    assert answer["error"]["message"].startswith("numResults must be a whole number from 1 to 50, not")


def test_too_long_a_user_is_refused(url: str) -> None:
    status, answer = deploy.get(f"{url}/recommendations/{'x' * 257}")
    assert (status, answer["error"]["code"]) == (400, "InvalidParameter")
    assert answer["error"]["message"].startswith("userId must be text of 1 to 256 characters, not 'xxx")


def test_similar_items_go_with_the_item(url: str) -> None:
    status, answer = deploy.get(f"{url}/similar-items/item-3?numResults=3")
    assert (status, answer["itemId"], answer["source"]) == (200, "item-3", "campaign")
    assert len(answer["recommendations"]) == 3
    assert all(item["title"] for item in answer["recommendations"])


@pytest.mark.parametrize("item", ["American Beauty (1999)", "50% off/new", "thé?", "a#b&c=d"])
def test_similar_items_are_asked_for_with_any_id(url: str, item: str) -> None:
    status, answer = deploy.get(deploy.similar_items_url(url, item, 3))
    assert (status, answer["itemId"]) == (200, item)


def test_similar_items_are_the_same_whatever_the_cache_cannot_tell_apart(url: str) -> None:
    plain = deploy.get(f"{url}/similar-items/item-3?numResults=3")
    status, answer = deploy.get(f"{url}/similar-items/item-3?numResults=x&numResults=3&utm_source=x")
    assert (status, answer["recommendations"]) == (200, plain[1]["recommendations"])


def test_health_names_what_is_served(system: Any, url: str) -> None:
    status, answer = deploy.get(f"{url}/health")
    assert (status, answer["status"], answer["campaignArn"]) == (200, "ok", system.CampaignArn)


def put_events(system: Any, client: Callable[[str], Any]) -> list[tuple[str, str]]:
    """User and item of each event that Personalize was sent."""
    personalize, name = client("personalize"), f"sent-{time.time_ns()}"
    job = personalize.create_dataset_export_job(
        jobName=name,
        datasetArn="arn:aws:personalize:us-east-1:000000000000:dataset/shop-lambdas/INTERACTIONS",
        ingestionMode="PUT",
        roleArn=system.RoleArn,
        jobOutput={"s3DataDestination": {"path": f"s3://{system.BucketName}/output/{name}/"}},
    )
    eventually(lambda: personalize.describe_dataset_export_job(**arn(job))["datasetExportJob"]["status"] == "ACTIVE")
    s3 = client("s3")
    (found,) = s3.list_objects_v2(Bucket=system.BucketName, Prefix=f"output/{name}/")["Contents"]
    body = s3.get_object(Bucket=system.BucketName, Key=found["Key"])["Body"]
    table = pd.read_csv(body)
    return list(zip(table["USER_ID"], table["ITEM_ID"], strict=True))


def among(events: list[tuple[str, str]], users: set[str], least: int) -> list[tuple[str, str]] | None:
    """The events of these users; None while there are fewer."""
    found = [event for event in events if event[0] in users]
    return found if len(found) >= least else None


def arn(job: dict[str, Any]) -> dict[str, str]:
    return {"datasetExportJobArn": job["datasetExportJobArn"]}


class TestAnEvent:
    def test_is_accepted_and_reaches_the_profile(self, system: Any, url: str) -> None:
        body = {"userId": "poster", "itemId": "item-1", "eventType": "purchase", "eventValue": 9.5}
        status, answer = deploy.post(f"{url}/events", body)
        assert (status, answer["userId"]) == (202, "poster")
        stream.await_events(system.TableName, {"poster": 1})
        assert stream.profile(system.TableName, "poster")["lastItems"][0]["eventId"] == answer["eventId"]

    def test_says_which_answer_it_followed(self, system: Any, url: str) -> None:
        followed = deploy.get(f"{url}/recommendations/user-1")[1]["recommendationId"]
        body = {"userId": "follower", "itemId": "item-1", "eventType": "view", "recommendationId": followed}
        assert deploy.post(f"{url}/events", body)[0] == 202
        stream.await_events(system.TableName, {"follower": 1})
        assert deploy.post(f"{url}/events", {**body, "recommendationId": None})[0] == 202
        status, answer = deploy.post(f"{url}/events", {**body, "recommendationId": "x" * 41})
        assert status == 400 and answer["error"]["message"].startswith("recommendationId must be text of 1 to 40")

    def test_sent_twice_with_its_id_counts_once(self, system: Any, url: str) -> None:
        body = {"userId": "twice", "itemId": "item-1", "eventType": "view", "eventId": "click-1"}
        for _ in range(2):
            deploy.post(f"{url}/events", body)
        deploy.post(f"{url}/events", {**body, "eventId": "click-2"})
        assert eventually(lambda: len(stream.profile(system.TableName, "twice").get("lastItems", [])) == 2)
        assert stream.profile(system.TableName, "twice")["eventCount"] == 2

    def test_sent_again_with_its_idempotency_key_counts_once_here_and_in_personalize(
        self, system: Any, url: str, client: Callable[[str], Any]
    ) -> None:
        sent = [("retried", "item-1", "k1")] * 2 + [("retried", "item-2", "k2"), ("another", "item-1", "k1")]
        for user, item, key in sent:
            body = json.dumps({"userId": user, "itemId": item, "eventType": "view"}).encode()
            assert raw(f"{url}/events", "POST", body, **{"Idempotency-Key": key})[0] == 202
        stream.await_events(system.TableName, {"another": 1, "retried": 2})
        assert stream.profile(system.TableName, "retried")["eventCount"] == 2
        taken = eventually(lambda: among(put_events(system, client), {"retried", "another"}, 3))
        assert sorted(taken) == [("another", "item-1"), ("retried", "item-1"), ("retried", "item-2")]

    def test_with_too_long_an_idempotency_key_is_refused(self, url: str) -> None:
        body = json.dumps({"userId": "u", "itemId": "i", "eventType": "view"}).encode()
        status, _, answer = raw(f"{url}/events", "POST", body, **{"Idempotency-Key": "k" * 257})
        assert status == 400 and answer["error"]["message"].startswith("Idempotency-Key must be text of 1 to 256")

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"{", "[the body is not JSON]"),
            (b"[1]", '[instance type (array) does not match any allowed primitive type (allowed: ["object"])]'),
            (b"{}", '[object has missing required properties (["eventType","itemId","userId"])]'),
            (b'{"userId": "u", "itemId": "i", "eventType": ""}', '[string "" is too short (minimum: 1, found: 0)]'),
        ],
    )
    def test_without_the_essentials_is_refused_before_the_function_with_a_reason(
        self, url: str, body: bytes, reason: str
    ) -> None:
        status, _, answer = raw(f"{url}/events", "POST", body)
        assert (status, answer["error"]) == (400, {"code": "InvalidBody", "message": reason})

    @pytest.mark.parametrize(
        ("wrong", "reason"),
        [
            ({"timestamp": "then"}, "timestamp must be seconds, milliseconds or ISO 8601 text, not 'then'"),
            ({"eventValue": "much"}, "eventValue must be a number, not 'much'"),
            ({"sessionId": 7}, "sessionId must be text of 1 to 256 characters, not 7"),
        ],
    )
    def test_that_is_none_is_refused_with_a_reason(self, url: str, wrong: dict[str, Any], reason: str) -> None:
        status, answer = deploy.post(f"{url}/events", {"userId": "u", "itemId": "i", "eventType": "view", **wrong})
        assert (status, answer["error"]) == (400, {"code": "InvalidBody", "message": reason})


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
    for name in ("Content-Type", "X-Api-Key", "If-None-Match", "Idempotency-Key"):
        assert name in answered["Access-Control-Allow-Headers"]


def test_a_script_of_another_site_may_read_the_etag(url: str) -> None:
    answered = raw(f"{url}/similar-items/item-1", Origin="https://shop.example")[1]
    assert answered["Access-Control-Expose-Headers"] == "ETag"


@pytest.mark.parametrize("path", ["health", "recommendations/user-1?numResults=x", "nowhere"])
def test_a_browser_may_read_every_answer_even_a_refusal(url: str, path: str) -> None:
    assert raw(f"{url}/{path}", Origin="https://shop.example")[1]["Access-Control-Allow-Origin"]


class TestACache:
    def test_may_keep_a_users_answer_for_seconds_and_similar_items_for_minutes(self, url: str) -> None:
        kept = {
            path: raw(f"{url}/{path}")[1]["Cache-Control"] for path in ("recommendations/u", "similar-items/item-1")
        }
        assert list(kept.values()) == ["private, max-age=5", "private, max-age=300"]

    @pytest.mark.parametrize("path", ["similar-items/item-1?numResults=x", "health"])
    def test_keeps_neither_a_refusal_nor_the_state_of_health(self, url: str, path: str) -> None:
        assert raw(f"{url}/{path}")[1]["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("path", ["recommendations/user-1", "similar-items/item-1", "openapi.json"])
    @pytest.mark.parametrize("spelt", ["{}", '"other", {}', "*"])
    def test_that_has_the_answer_is_told_so_without_a_body(self, url: str, path: str, spelt: str) -> None:
        tag = raw(f"{url}/{path}")[1]["ETag"]
        status, headers, body = raw(f"{url}/{path}", **{"If-None-Match": spelt.format(tag)})
        assert (status, headers["ETag"], body) == (304, tag, None)

    def test_that_has_another_answer_gets_the_new_one(self, url: str) -> None:
        assert raw(f"{url}/recommendations/user-1", **{"If-None-Match": '"other"'})[0] == 200


def test_the_document_is_served_with_every_route(url: str) -> None:
    answer = deploy.get(f"{url}/openapi.json")[1]
    assert answer["openapi"] == "3.1.0"
    assert list(answer["paths"]) == [
        "/recommendations/{userId}",
        "/similar-items/{itemId}",
        "/rankings",
        "/events",
        "/health",
        "/openapi.json",
    ]
