"""What answers when a campaign does not: the function in this process, the campaigns it asks taken away."""

import importlib
import io
import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import boto3
import pytest

from recsys import deploy
from recsys.deploy.fallback import KEY

BATCH = [
    {"itemId": "item-7", "title": "Seven", "category": "odd|prime", "price": Decimal("7.5"), "score": Decimal("0.5")},
    {"itemId": "item-2", "title": "Two", "category": "even", "price": Decimal("2.5"), "score": Decimal("0.1")},
]

Ask = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def api(system: Any, client: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The function's module, new, with the settings it is deployed with."""
    deployed = client("lambda").get_function_configuration(FunctionName=system.RecommendationApiFunctionName)
    for name, value in deployed["Environment"]["Variables"].items():
        monkeypatch.setenv(name, value)
    from recsys.lambdas.recommendation_api import handler

    return importlib.reload(handler)


@pytest.fixture
def ask(api: Any) -> Ask:
    def asked(path: str, verb: str = "GET", body: Any = None, **query: list[str]) -> tuple[int, dict[str, Any]]:
        event = {"path": path, "httpMethod": verb, "headers": {}, "body": json.dumps(body)}
        event |= {
            "requestContext": {"requestId": "r-1"},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": query or None,
        }
        answer = api.handler(event, None)
        return answer["statusCode"], json.loads(answer["body"])

    return asked


@pytest.fixture
def lost(api: Any) -> Callable[[], None]:
    """`lost()`: from now on every campaign asked for is one that does not exist."""

    def lose() -> None:
        for campaign in (api.recommendations, api.similar_items, api.ranking):
            campaign.arn += "-gone"

    return lose


@pytest.fixture
def batch(system: Any) -> Iterator[None]:
    """A batch run wrote a list for the user `listed` an hour ago."""
    table = boto3.resource("dynamodb").Table(system.TableName)
    row = {"recommendations": BATCH, "recommendedAt": Decimal(int(time.time()) - 3600), "recommendedBy": "arn:batch"}
    table.put_item(Item={"userId": "listed", **row})
    yield
    table.delete_item(Key={"userId": "listed"})


def test_the_last_answer_to_the_same_question_stands_in_first(ask: Ask, lost: Callable, batch: None) -> None:
    before = ask("/recommendations/listed")[1]
    lost()
    answer = ask("/recommendations/listed")[1]
    assert (before["source"], answer["source"]) == ("campaign", "cached")
    assert answer["recommendations"] == before["recommendations"]
    assert answer["ageSeconds"] >= 0
    assert ask("/recommendations/listed", numResults=["4"])[1]["source"] == "batch"


def test_then_the_users_list_of_the_last_batch_run_with_its_age(ask: Ask, lost: Callable, batch: None) -> None:
    lost()
    status, answer = ask("/recommendations/listed")
    assert (status, answer["source"], answer["recommendedBy"]) == (200, "batch", "arn:batch")
    assert answer["ageSeconds"] >= 3600
    assert answer["recommendations"][0] == {**BATCH[0], "price": 7.5, "score": 0.5}


def test_an_unlisted_user_gets_the_popular_items_when_the_campaign_is_lost(
    system: Any, ask: Ask, lost: Callable, batch: None
) -> None:
    lost()
    status, answer = ask("/recommendations/unlisted", numResults=["3"])
    expected = deploy.popular_items(system.interactions, system.items)[:3]
    assert (status, answer["source"], answer["recommendations"]) == (200, "popular", expected)


def test_without_them_it_says_so_and_asks_to_try_again(system: Any, ask: Ask, lost: Callable, client: Callable) -> None:
    lost()
    bucket, s3 = system.BucketName, client("s3")
    popular = s3.get_object(Bucket=bucket, Key=KEY)["Body"].read()
    s3.delete_object(Bucket=bucket, Key=KEY)
    status, answer = ask("/recommendations/user-1")
    s3.put_object(Bucket=bucket, Key=KEY, Body=popular)
    assert (status, answer["error"]["code"]) == (503, "Unavailable")


def test_an_answer_that_is_too_old_is_not_cached(
    api: Any, ask: Ask, lost: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask("/recommendations/user-1")
    lost()
    monkeypatch.setattr(importlib.import_module(api.Recent.__module__), "STALE", -1)
    assert ask("/recommendations/user-1")[1]["source"] == "popular"


def test_a_worker_remembers_so_many_answers_and_no_more(
    api: Any, ask: Ask, lost: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module(api.Recent.__module__), "KEPT", 2)
    for user in ("user-1", "user-2", "user-3"):
        ask(f"/recommendations/{user}")
    lost()
    sources = [ask(f"/recommendations/{user}")[1]["source"] for user in ("user-1", "user-2", "user-3")]
    assert sources == ["popular", "cached", "cached"]


def test_a_list_that_stands_in_keeps_to_the_category_and_says_so(ask: Ask, lost: Callable, batch: None) -> None:
    lost()
    answer = ask("/recommendations/listed", category=["even"])[1]
    assert (answer["source"], answer["filter"]) == ("batch", "category")
    assert [item["itemId"] for item in answer["recommendations"]] == ["item-2"]


@pytest.mark.parametrize("category", ["odd", "prime"])
def test_an_item_of_several_categories_is_of_each_as_a_filter_sees_it(
    ask: Ask, lost: Callable, batch: None, category: str
) -> None:
    lost()
    answer = ask("/recommendations/listed", category=[category])[1]
    assert [item["itemId"] for item in answer["recommendations"]] == ["item-7"]


def test_popular_items_of_which_none_is_allowed_are_an_answer(ask: Ask, lost: Callable, batch: None) -> None:
    lost()
    status, answer = ask("/recommendations/listed", category=["neither"])
    assert (status, answer["source"], answer["filter"]) == (200, "popular", "category")
    assert answer["recommendations"] == []


def test_a_list_that_cannot_know_what_was_bought_does_not_claim_to(ask: Ask, lost: Callable, batch: None) -> None:
    lost()
    answer = ask("/recommendations/listed", excludePurchased=["true"])[1]
    assert (answer["source"], answer["filter"]) == ("batch", None)


def test_similar_items_skip_the_batch_and_never_name_the_item_itself(system: Any, ask: Ask, lost: Callable) -> None:
    first, second = deploy.popular_items(system.interactions, system.items)[:2]
    lost()
    answer = ask(f"/similar-items/{first['itemId']}", numResults=["1"])[1]
    assert (answer["source"], answer["recommendations"]) == ("popular", [second])


def test_a_ranking_follows_the_batch_list_and_keeps_the_order_of_the_rest(
    ask: Ask, lost: Callable, batch: None
) -> None:
    lost()
    answer = ask("/rankings", "POST", {"userId": "listed", "itemIds": ["b", "item-2", "a", "item-7"]})[1]
    assert answer["source"] == "batch"
    assert [item["itemId"] for item in answer["ranking"]] == ["item-7", "item-2", "b", "a"]


@pytest.mark.parametrize(
    "question",
    [
        ("/recommendations/listed",),
        ("/similar-items/item-1",),
        ("/rankings", "POST", {"userId": "listed", "itemIds": ["item-2"]}),
    ],
)
def test_a_campaign_that_fails_is_counted_whichever_it_is(
    system: Any, ask: Ask, lost: Callable, batch: None, capsys: pytest.CaptureFixture[str], question: tuple[Any, ...]
) -> None:
    ask(*question)
    lost()
    assert ask(*question)[1]["source"] == "cached"
    (told,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"CloudWatchMetrics"' in line]
    (dimensions,) = told["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert told["CampaignsFailed"] == [1.0]
    assert {name: told[name] for name in dimensions} == {"service": "recommendation-api", "environment": "lambdas"}


def test_the_log_names_the_request_as_its_caller_knows_it(
    api: Any, ask: Ask, lost: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    (logs,) = api.logger.handlers
    monkeypatch.setattr(logs, "stream", io.StringIO())
    lost()
    ask("/recommendations/somebody")
    assert json.loads(logs.stream.getvalue().splitlines()[0])["request"] == "r-1"


def test_without_a_ranking_campaign_there_is_no_such_resource(api: Any, ask: Ask) -> None:
    api.ranking.arn = ""
    status, answer = ask("/rankings", "POST", {"userId": "u", "itemIds": ["a"]})
    assert (status, answer["error"]["code"]) == (404, "NotConfigured")


def test_only_kinds_of_requests_that_its_role_allows_are_made(api: Any, ask: Ask, lost: Callable, batch: None) -> None:
    made = set()
    for each in (api.runtime, api.kinesis, api.popular.s3, api.precomputed.dynamodb):
        each.meta.events.register("before-send.*.*", lambda event_name, **_: made.add(event_name))
    ask("/recommendations/listed")
    ask("/similar-items/item-1")
    ask("/rankings", "POST", {"userId": "u", "itemIds": ["item-1"]})
    ask("/events", "POST", {"userId": "u", "itemId": "item-1", "eventType": "view"})
    lost()
    ask("/recommendations/other")
    assert {name.removeprefix("before-send.") for name in made} == {
        "personalize-runtime.GetRecommendations",
        "personalize-runtime.GetPersonalizedRanking",
        "kinesis.PutRecord",
        "dynamodb.GetItem",
        "s3.GetObject",
    }
