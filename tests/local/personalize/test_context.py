"""What a request's context and a new user's metadata change in an answer."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import personalize_shop as shops
import pytest
from personalize_shop import Client, refused

V1, RANKING, POPULAR = "aws-user-personalization", "aws-personalized-ranking", "aws-popularity-count"
INTERACTIONS = shops.schema(
    "Interactions",
    {"name": "DEVICE", "type": ["null", "string"], "categorical": True},
    {"name": "HOUR", "type": ["null", "int"]},
)
Ask = Callable[..., list[str]]


def interactions() -> pd.DataFrame:
    """On the phone and at eight o'clock people touch i0 to i14 rather than i15 to i29, elsewhere the other way round.

    Users from the US touch odd items rather than even ones, those from DE the other way round.
    """
    rng = np.random.default_rng(2)
    rows = []
    for user in range(150):
        for step in range(12):
            phone = bool(rng.integers(2))
            half = 0 if phone == (rng.random() < 0.9) else 15
            item = half + int(rng.integers(15))
            if item % 2 != user % 2 and rng.random() < 0.8:
                item = half + (item - half + 1) % 15
            rows.append(
                (f"u{user}", f"i{item}", 1_700_000_000 + 60 * step, "phone" if phone else "tv", 8 if phone else 20)
            )
    return pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP", "DEVICE", "HOUR"])


@pytest.fixture(scope="module")
def shop(client: Client) -> shops.Shop:
    users = shops.user_table(150).assign(COUNTRY=["DE", "US"] * 75)
    return shops.stocked_shop(client, {"Interactions": (INTERACTIONS, interactions()), "Users": (shops.USERS, users)})


@pytest.fixture(scope="module")
def campaigns(shop: shops.Shop) -> dict[str, str]:
    versions = {recipe: shops.trained_version(shop, recipe) for recipe in (V1, RANKING, POPULAR)}
    return {recipe: shops.deploy(shop, version, **shops.STILL) for recipe, version in versions.items()}


@pytest.fixture(scope="module")
def ask(shop: shops.Shop, campaigns: dict[str, str]) -> Ask:
    """The fifteen items that a campaign recommends."""
    return lambda recipe=V1, **more: shops.recommended(shop, campaigns[recipe], numResults=15, **more)


def share(items: Sequence[str], wanted: Callable[[int], bool]) -> float:
    return sum(wanted(int(item[1:])) for item in items) / len(items)


def test_a_context_brings_what_is_touched_in_it(ask: Ask) -> None:
    for user in ("nobody", "u4"):
        assert share(ask(userId=user, context={"DEVICE": "phone"}), lambda item: item < 15) > 0.5
        assert share(ask(userId=user, context={"DEVICE": "tv"}), lambda item: item < 15) < 0.5


def test_numbers_are_context_too_and_names_may_be_in_camel_case(ask: Ask) -> None:
    assert ask(userId="nobody", context={"hour": "8"}) == ask(userId="nobody", context={"HOUR": "8.0"})
    assert share(ask(userId="nobody", context={"hour": "8"}), lambda item: item < 15) > 0.7


@pytest.mark.parametrize(
    "context", [{"WEATHER": "rain"}, {"DEVICE": "fridge"}, {"HOUR": "noon"}, {f"KEY{n}": "x" for n in range(150)}]
)
def test_context_that_training_has_not_seen_changes_nothing(ask: Ask, context: dict[str, str]) -> None:
    assert ask(userId="u4", context=context) == ask(userId="u4")


def test_a_ranking_follows_the_context(shop: shops.Shop, campaigns: dict[str, str]) -> None:
    asked = [f"i{number}" for number in range(30)]
    for device, low in (("phone", True), ("tv", False)):
        ranked = shop.client("personalize-runtime").get_personalized_ranking(
            campaignArn=campaigns[RANKING], userId="u4", inputList=asked, context={"DEVICE": device}
        )["personalizedRanking"]
        assert (share([entry["itemId"] for entry in ranked[:15]], lambda item: item < 15) > 0.5) == low


def test_popularity_has_no_context(ask: Ask) -> None:
    assert ask(POPULAR, userId="u4", context={"DEVICE": "phone"}) == ask(POPULAR, userId="u4")


def test_a_new_user_gets_what_users_alike_touch(shop: shops.Shop, ask: Ask) -> None:
    unknown = ask(userId="newcomer")
    for country, odd in (("US", True), ("DE", False)):
        shops.put_users(shop, {"newcomer": {"country": country, "age": 30}})
        answer = ask(userId="newcomer")
        assert answer != unknown
        assert (share(answer, lambda item: item % 2 == 1) > 0.6) == odd


def test_an_events_properties_must_fit_the_schema(shop: shops.Shop, client: Client) -> None:
    shops.put_events(shop, "u1", [{"itemId": "i1", "eventType": "view", "properties": '{"hour": "21", "mood": []}'}])
    event = {"itemId": "i1", "eventType": "view", "sentAt": 1, "properties": '{"hour": "late"}'}
    put = client("personalize-events").put_events
    refusal = refused(put, trackingId=shop.tracking_id, sessionId="s", eventList=[event])
    assert refusal == ("InvalidInputException", "HOUR must be of type int, not 'late'", 400)


def test_an_excluded_column_is_no_context(shop: shops.Shop) -> None:
    config = {"trainingDataConfig": {"excludedDatasetColumns": {"INTERACTIONS": ["DEVICE"]}}}
    described = shops.version_of(shop, shops.start_version(shop, V1, solutionConfig=config))
    campaign = shops.deploy(shop, described["solutionVersionArn"], **shops.STILL)
    request: dict[str, Any] = {"userId": "nobody", "context": {"DEVICE": "phone"}}
    plain = shops.recommended(shop, campaign, userId="nobody")
    assert shops.recommended(shop, campaign, **request) == plain


def test_a_campaign_is_deployed_without_the_interactions_it_was_trained_on(client: Client) -> None:
    shop = shops.stocked_shop(client, {"Interactions": (INTERACTIONS, interactions())})
    personalize = client("personalize")
    version = shops.trained_version(shop, V1)
    first = shops.deploy(shop, version, **shops.STILL)
    dataset = shop.datasets["Interactions"]
    personalize.delete_dataset(datasetArn=dataset)
    shops.gone(client, personalize.describe_dataset, datasetArn=dataset)
    second = shops.deploy(shop, version, **shops.STILL)
    assert shops.recommended(shop, second, userId="u1") == shops.recommended(shop, first, userId="nobody")
