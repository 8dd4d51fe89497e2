"""Recommenders of a domain dataset group: what they need, what they hide, and that they can be stopped."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import personalize_shop as shops
import pytest
from alone import Server
from personalize_shop import Client, refused

DOMAIN = {"domain": "ECOMMERCE"}
ITEMS = shops.schema(
    "Items", {"name": "PRICE", "type": "float"}, {"name": "CATEGORY_L1", "type": "string", "categorical": True}
)
UPDATE = "latestRecommenderUpdate"
FOR_YOU, VIEWED, POPULAR = "recommended-for-you", "customers-who-viewed-x-also-viewed", "popular-items-by-views"


def interactions() -> pd.DataFrame:
    """The shop's walks as views; every third of them is a purchase too."""
    views = shops.interactions().assign(EVENT_TYPE="View")
    return pd.concat([views, views[::3].assign(EVENT_TYPE="Purchase")], ignore_index=True)


@pytest.fixture(scope="module")
def shop(client: Client) -> shops.Shop:
    return domain_shop(client)


def domain_shop(client: Client) -> shops.Shop:
    """A domain dataset group with interactions and items."""
    items = pd.DataFrame({"ITEM_ID": [f"i{n}" for n in range(60)], "PRICE": 1.0, "CATEGORY_L1": "c"})
    tables = {"Interactions": (shops.INTERACTIONS, interactions()), "Items": (ITEMS, items)}
    return shops.stocked_shop(client, tables, **DOMAIN)


@pytest.fixture(scope="module")
def recommenders(shop: shops.Shop) -> dict[str, str]:
    """An ACTIVE recommender per use case."""
    personalize = shop.client("personalize")
    still = {"recommenderConfig": {"itemExplorationConfig": {"explorationWeight": "0"}}}
    made = {
        case: personalize.create_recommender(
            name=shops.unique("recommender"),
            datasetGroupArn=shop.group,
            recipeArn=f"{shops.RECIPE}aws-ecomm-{case}",
            **(still if case == FOR_YOU else {}),
        )["recommenderArn"]
        for case in (FOR_YOU, VIEWED, POPULAR)
    }
    for arn in made.values():
        described = shops.settled(personalize.describe_recommender, "recommender", recommenderArn=arn)
        assert described["status"] == "ACTIVE", described
    return made


@pytest.fixture
def ask(shop: shops.Shop, recommenders: dict[str, str]) -> Callable[..., list[str]]:
    """All that a use case recommends."""

    def of(case: str, **request: Any) -> list[str]:
        answer = shop.client("personalize-runtime").get_recommendations(
            recommenderArn=recommenders[case], numResults=500, **request
        )
        return [entry["itemId"] for entry in answer["itemList"]]

    return of


def bought(user: str) -> set[str]:
    table = interactions()
    return set(table[(table["USER_ID"] == user) & (table["EVENT_TYPE"] == "Purchase")]["ITEM_ID"])


def test_what_a_user_bought_is_not_recommended_again(shop: shops.Shop, ask: Any) -> None:
    everything = {f"i{number}" for number in range(60)}
    assert bought("u3")
    assert set(ask(FOR_YOU, userId="u3")) == everything - bought("u3")
    shops.put_events(shop, "u3", [{"itemId": "i59", "eventType": "purchase"}, {"itemId": "i58", "eventType": "View"}])
    assert set(ask(FOR_YOU, userId="u3")) == everything - bought("u3") - {"i59"}


def test_of_what_a_user_bought_the_newest_hundred_events_count(shop: shops.Shop, ask: Any) -> None:
    shops.put_events(shop, "loyal", [{"itemId": "i0", "eventType": "Purchase", "sentAt": 1_750_000_000}])
    for _ in range(10):
        shops.put_events(shop, "loyal", [{"itemId": "i1", "eventType": "Purchase"}] * 10)
    assert {"i0", "i1"} - set(ask(FOR_YOU, userId="loyal")) == {"i1"}


def test_what_a_user_bought_is_not_shown_beside_other_items_either(ask: Any) -> None:
    assert not set(ask(VIEWED, userId="u4", itemId="i7")) & (bought("u4") | {"i7"})


def test_a_use_case_gives_no_scores(client: Client, recommenders: dict[str, str]) -> None:
    for arn in recommenders.values():
        answer = client("personalize-runtime").get_recommendations(recommenderArn=arn, userId="u1", itemId="i7")
        assert not any("score" in entry for entry in answer["itemList"])


def test_popular_items_hide_nothing(ask: Any) -> None:
    assert set(ask(POPULAR, userId="u3")) == {f"i{number}" for number in range(60)}


@pytest.mark.parametrize(
    ("case", "request_", "missing"),
    [(FOR_YOU, {}, "userId"), (VIEWED, {"itemId": "i1"}, "userId"), (VIEWED, {"userId": "u1"}, "itemId")],
)
def test_a_use_case_needs_its_user_or_item(
    client: Client, recommenders: dict[str, str], case: str, request_: dict[str, str], missing: str
) -> None:
    runtime = client("personalize-runtime")
    refusal = refused(runtime.get_recommendations, recommenderArn=recommenders[case], **request_)
    assert refusal[::2] == ("InvalidInputException", 400)
    assert f"{missing} is required" in refusal[1]


def test_a_request_names_a_campaign_or_a_recommender(client: Client, recommenders: dict[str, str]) -> None:
    arn, runtime = recommenders[FOR_YOU], client("personalize-runtime")
    for named in ({}, {"campaignArn": arn, "recommenderArn": arn}):
        refusal = refused(runtime.get_recommendations, userId="u1", **named)
        assert refusal == ("InvalidInputException", "Give either a campaignArn or a recommenderArn", 400)


def test_a_stopped_recommender_does_not_answer_until_it_is_started(
    shop: shops.Shop, recommenders: dict[str, str], ask: Any
) -> None:
    personalize, arn, runtime = shop.client("personalize"), recommenders[POPULAR], shop.client("personalize-runtime")
    before = ask(POPULAR, userId="u1")
    personalize.stop_recommender(recommenderArn=arn)
    shops.settled(personalize.describe_recommender, "recommender", recommenderArn=arn)
    code, message, status = refused(runtime.get_recommendations, recommenderArn=arn, userId="u1")
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert "INACTIVE" in message
    personalize.start_recommender(recommenderArn=arn)
    shops.settled(personalize.describe_recommender, "recommender", recommenderArn=arn)
    assert ask(POPULAR, userId="u1") == before


def test_an_updated_recommender_answers_by_its_new_config(shop: shops.Shop, recommenders: dict[str, str]) -> None:
    personalize, arn = shop.client("personalize"), recommenders[FOR_YOU]
    request = {"recommenderArn": arn, "userId": "u1", "numResults": 1, "metadataColumns": {"ITEMS": ["CATEGORY_L1"]}}
    runtime = shop.client("personalize-runtime")
    assert "enableMetadataWithRecommendations" in refused(runtime.get_recommendations, **request)[1]
    config = {"enableMetadataWithRecommendations": True}
    personalize.update_recommender(recommenderArn=arn, recommenderConfig=config)
    shops.settled(lambda **arn: personalize.describe_recommender(**arn)["recommender"], UPDATE, recommenderArn=arn)
    (entry,) = runtime.get_recommendations(**request)["itemList"]
    assert entry["metadata"] == {"categoryL1": "c"}


def test_it_trains_anew_every_seven_days(embedded: Any) -> None:
    server = Server(embedded.endpoint, 0.4)  # a week lasts about three seconds
    server.start()
    try:
        shop = domain_shop(server.client)
        personalize = server.client("personalize")
        arn = personalize.create_recommender(
            name="weekly", datasetGroupArn=shop.group, recipeArn=f"{shops.RECIPE}aws-ecomm-{POPULAR}"
        )["recommenderArn"]
        shops.updated(personalize.describe_recommender, "recommender", UPDATE, recommenderArn=arn)
        (folder,) = server.state.glob("personalize/versions/*/")
        assert folder.name.endswith("-2")
    finally:
        server.remove()


def test_a_column_added_later_stays_out_of_the_trainings_there_are(client: Client) -> None:
    shop = domain_shop(client)
    personalize = shop.client("personalize")
    solution = personalize.create_solution(
        name=shops.unique("old"), datasetGroupArn=shop.group, recipeArn=f"{shops.RECIPE}aws-sims"
    )["solutionArn"]
    wider = ITEMS.replace('"fields": [', '"fields": [{"name": "STOCK", "type": ["null", "long"]}, ')
    schema = personalize.create_schema(name=shops.unique("wider"), schema=wider, **DOMAIN)["schemaArn"]
    personalize.update_dataset(datasetArn=shop.datasets["Items"], schemaArn=schema)
    shops.updated(personalize.describe_dataset, "dataset", "latestDatasetUpdate", datasetArn=shop.datasets["Items"])
    config = personalize.describe_solution(solutionArn=solution)["solution"]["solutionConfig"]
    assert config["trainingDataConfig"]["excludedDatasetColumns"] == {"ITEMS": ["STOCK"]}
