"""GetRecommendations and GetPersonalizedRanking from trained campaigns."""

import json
from typing import Any

import personalize_shop as shops
import pytest
from personalize_shop import Client, refused

V2, SIMILAR, POPULAR = "aws-user-personalization-v2", "aws-similar-items", "aws-popularity-count"
RANKING = "aws-personalized-ranking"


@pytest.fixture
def runtime(client: Client) -> Any:
    return client("personalize-runtime")


def ids(answer: dict[str, Any]) -> list[str]:
    return [entry["itemId"] for entry in answer["itemList"]]


def most_popular() -> list[str]:
    """Items by the number of different users, ties in the order of the catalogue."""
    users = shops.interactions().groupby("ITEM_ID")["USER_ID"].nunique().sort_index()
    return list(users.sort_values(ascending=False, kind="stable").index)


def next_of(item: str, items: int = 60) -> str:
    return f"i{(int(item[1:]) + 1) % items}"


def test_the_default_is_25_items_with_scores(runtime: Any, campaigns: dict[str, str]) -> None:
    answer = runtime.get_recommendations(campaignArn=campaigns[V2], userId="u1")
    scores = [entry["score"] for entry in answer["itemList"]]
    assert len(scores) == 25
    assert scores == sorted(scores, reverse=True)
    assert answer["recommendationId"].startswith("RID-")
    assert len(answer["recommendationId"]) <= 40


def test_scores_sum_to_one_over_the_catalogue(runtime: Any, campaigns: dict[str, str]) -> None:
    answer = runtime.get_recommendations(campaignArn=campaigns[V2], userId="u1", numResults=500)
    assert len(set(ids(answer))) == 60
    assert sum(entry["score"] for entry in answer["itemList"]) == pytest.approx(1.0)


def test_the_model_has_learned_what_comes_next(runtime: Any, campaigns: dict[str, str]) -> None:
    last = shops.interactions().groupby("USER_ID")["ITEM_ID"].last()
    found = 0
    for user in (f"u{n}" for n in range(40)):
        answer = runtime.get_recommendations(campaignArn=campaigns[V2], userId=user, numResults=3)
        found += next_of(last[user]) in ids(answer)
    assert found > 30


def test_the_same_request_gets_the_same_answer(runtime: Any, campaigns: dict[str, str]) -> None:
    answers = [runtime.get_recommendations(campaignArn=campaigns[V2], userId="u3")["itemList"] for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]


def test_an_unknown_user_gets_what_is_popular(runtime: Any, campaigns: dict[str, str]) -> None:
    answer = runtime.get_recommendations(campaignArn=campaigns[V2], userId="nobody", numResults=10)
    assert ids(answer) == most_popular()[:10]
    assert all(entry["score"] > 0 for entry in answer["itemList"])


def test_popularity_count_answers_without_scores(runtime: Any, campaigns: dict[str, str]) -> None:
    answer = runtime.get_recommendations(campaignArn=campaigns[POPULAR], userId="u1", numResults=5)
    assert answer["itemList"] == [{"itemId": item} for item in most_popular()[:5]]


def test_similar_items_leave_out_the_item_itself(runtime: Any, campaigns: dict[str, str]) -> None:
    answer = runtime.get_recommendations(campaignArn=campaigns[SIMILAR], itemId="i7", numResults=500)
    assert next_of("i7") in ids(answer)[:4]
    assert "i7" not in ids(answer)
    assert all("score" not in entry for entry in answer["itemList"])


def test_items_similar_to_an_unknown_one_are_popular(runtime: Any, campaigns: dict[str, str]) -> None:
    answer = runtime.get_recommendations(campaignArn=campaigns[SIMILAR], itemId="never-seen", numResults=5)
    assert ids(answer) == most_popular()[:5]


def test_a_ranking_puts_unknown_items_last_without_score(runtime: Any, campaigns: dict[str, str]) -> None:
    last = shops.interactions().query("USER_ID == 'u4'")["ITEM_ID"].iloc[-1]
    asked = ["never-seen", "i0", "i30", next_of(last)]
    ranked = runtime.get_personalized_ranking(campaignArn=campaigns[RANKING], userId="u4", inputList=asked)[
        "personalizedRanking"
    ]
    assert {entry["itemId"] for entry in ranked} == set(asked)
    assert ranked[0]["itemId"] == next_of(last)
    assert ranked[-1] == {"itemId": "never-seen"}
    assert sum(entry["score"] for entry in ranked[:-1]) == pytest.approx(1.0)


def test_version_2_returns_metadata_without_opting_in(runtime: Any, campaigns: dict[str, str]) -> None:
    answer = runtime.get_recommendations(
        campaignArn=campaigns[V2], userId="u1", numResults=3, metadataColumns={"ITEMS": ["TITLE", "price"]}
    )
    for entry in answer["itemList"]:
        number = int(entry["itemId"][1:])
        wanted = {"title": f"Item {number}"} | ({} if number == 5 else {"price": str(number * 1.5)})
        assert entry["metadata"] == wanted


def test_other_recipes_return_metadata_when_the_campaign_says_so(
    shop: shops.Shop, runtime: Any, versions: dict[str, str], campaigns: dict[str, str]
) -> None:
    request = {"userId": "u1", "numResults": 1, "metadataColumns": {"ITEMS": ["TITLE"]}}
    code, message, status = refused(runtime.get_recommendations, campaignArn=campaigns[POPULAR], **request)
    assert (code, status) == ("InvalidInputException", 400)
    assert "enableMetadataWithRecommendations" in message
    campaign = shops.deploy(shop, versions[POPULAR], campaignConfig={"enableMetadataWithRecommendations": True})
    assert runtime.get_recommendations(campaignArn=campaign, **request)["itemList"][0]["metadata"]
    shop.client("personalize").delete_campaign(campaignArn=campaign)


@pytest.mark.parametrize(
    ("recipe", "request_", "reason"),
    [
        (V2, {}, "userId is required"),
        (SIMILAR, {"userId": "u1"}, "itemId is required"),
        (RANKING, {"userId": "u1"}, "use GetPersonalizedRanking"),
        (V2, {"userId": "u1", "numResults": 501}, "at most 500"),
        (V2, {"userId": "u1", "numResults": -1}, "greater than or equal to 0"),
        (V2, {"userId": "u1", "numResults": 51, "metadataColumns": {"ITEMS": ["TITLE"]}}, "at most 50 with metadata"),
        (V2, {"userId": "u1", "metadataColumns": {"ITEMS": ["COLOUR"]}}, "no column COLOUR"),
        (V2, {"userId": "u" * 257}, "length less than or equal to 256"),
    ],
)
def test_a_request_that_does_not_fit_the_campaign_is_refused(
    raw: Client, campaigns: dict[str, str], recipe: str, request_: dict[str, Any], reason: str
) -> None:
    code, message, status = refused(
        raw("personalize-runtime").get_recommendations, campaignArn=campaigns[recipe], **request_
    )
    assert (code, status) == ("InvalidInputException", 400)
    assert reason in message


def test_a_campaign_that_does_not_exist_is_404(runtime: Any) -> None:
    arn = "arn:aws:personalize:us-east-1:000000000000:campaign/none"
    code, _, status = refused(runtime.get_recommendations, campaignArn=arn, userId="u1")
    assert (code, status) == ("ResourceNotFoundException", 404)


def test_ranking_needs_a_ranking_campaign_and_at_most_500_items(runtime: Any, campaigns: dict[str, str]) -> None:
    rank = runtime.get_personalized_ranking
    assert "does not rank" in refused(rank, campaignArn=campaigns[V2], userId="u1", inputList=["i1"])[1]
    many = [f"i{n}" for n in range(501)]
    assert "at most 500" in refused(rank, campaignArn=campaigns[RANKING], userId="u1", inputList=many)[1]


def test_the_ordinary_command_line_gets_recommendations(aws: Any, campaigns: dict[str, str]) -> None:
    arguments = ("--campaign-arn", campaigns[V2], "--user-id", "u1", "--num-results", "4")
    answer = json.loads(aws("personalize-runtime", "get-recommendations", *arguments))
    assert len(answer["itemList"]) == 4
