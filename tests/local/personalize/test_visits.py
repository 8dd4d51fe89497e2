"""A campaign answers whoever is in the middle of a visit otherwise than whoever comes back."""

import time

import pandas as pd
import personalize_shop as shops
import pytest
import weekly_shop

RECIPE = "aws-user-personalization-v2"
NEW = {"eventType": "view"}


@pytest.fixture(scope="module")
def weekly(client: shops.Client) -> shops.Shop:
    """A shop with the visits of years ago, each of which began with the user's staple, and two clicks of this hour."""
    now = int(time.time())
    clicks = [("a moment ago", "i022", now - 20 * 60, "view"), ("a while ago", "i022", now - 40 * 60, "view")]
    table = weekly_shop.visits()
    table = pd.concat([table, pd.DataFrame(clicks, columns=table.columns)])
    schema = shops.schema("Interactions", {"name": "EVENT_TYPE", "type": "string"})
    return shops.stocked_shop(client, {"Interactions": (schema, table)})


@pytest.fixture(scope="module")
def version(weekly: shops.Shop) -> str:
    return shops.trained_version(weekly, RECIPE)


@pytest.fixture(scope="module")
def campaign(weekly: shops.Shop, version: str) -> str:
    return shops.deploy(weekly, version, **shops.STILL)


def first(shop: shops.Shop, campaign: str, user: str) -> str:
    return shops.recommended(shop, campaign, userId=user, numResults=1)[0]


def test_a_click_turns_who_came_back_into_a_visitor(weekly: shops.Shop, campaign: str) -> None:
    assert first(weekly, campaign, "u013") == "i003"
    shops.put_events(weekly, "u013", [{**NEW, "itemId": "i022"}])
    assert first(weekly, campaign, "u013") == "i023"
    assert first(weekly, campaign, "u014") == "i004"


def test_events_of_another_time_played_again_are_a_visit_now(weekly: shops.Shop, campaign: str) -> None:
    after = 1_700_000_000 + weekly_shop.VISITS * weekly_shop.WEEK
    shops.put_events(weekly, "u025", [{**NEW, "itemId": "i022", "sentAt": after}])
    assert first(weekly, campaign, "u025") == "i023"


def test_a_list_made_in_batch_is_for_when_they_come_back(weekly: shops.Shop, version: str) -> None:
    job, lines = shops.run_batch(weekly, "Inference", version, [{"userId": f"u{n:03}"} for n in range(30, 40)])
    assert job["status"] == "ACTIVE", job
    assert [line["output"]["recommendedItems"][0] for line in lines] == [f"i{n:03}" for n in range(10)]


def test_scores_are_shares_of_the_whole_for_both(weekly: shops.Shop, campaign: str, client: shops.Client) -> None:
    runtime = client("personalize-runtime")
    shops.put_events(weekly, "u046", [{**NEW, "itemId": "i022"}])
    for user in ("u046", "u047"):
        answer = runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=500)
        scores = [entry["score"] for entry in answer["itemList"]]
        assert sum(scores) == pytest.approx(1, abs=1e-3) and scores == sorted(scores, reverse=True)


def test_a_visit_is_over_after_half_an_hour(weekly: shops.Shop, campaign: str) -> None:
    assert first(weekly, campaign, "a moment ago") == "i023"
    assert first(weekly, campaign, "a while ago") != "i023"
