"""Every recipe trains, answers in its own way, and is described."""

import json

import numpy as np
import pandas as pd
import personalize_shop as shops
import pytest
from personalize_shop import RECIPE, Client, refused

EIGHT = {"coverage", "mean_reciprocal_rank_at_25"} | {
    f"{name}_at_{k}" for name in ("normalized_discounted_cumulative_gain", "precision") for k in (5, 10, 25)
}
RANKS = {f"normalized_discounted_cumulative_gain_at_{k}" for k in (5, 10, 25)}
SEGMENTS = {"coverage", "hit_at_k", "recall_at_k"}
METRICS = {
    "aws-hrnn": EIGHT,
    "aws-hrnn-coldstart": EIGHT,
    "aws-hrnn-metadata": EIGHT,
    "aws-item-affinity": SEGMENTS,
    "aws-item-attribute-affinity": SEGMENTS,
    "aws-next-best-action": {"coverage", "precision", "recall", "area_under_the_curve"} | RANKS,
    "aws-personalized-ranking": EIGHT,
    "aws-personalized-ranking-v2": EIGHT,
    "aws-popularity-count": EIGHT,
    "aws-semantic-similarity": EIGHT,
    "aws-similar-items": EIGHT,
    "aws-sims": EIGHT,
    "aws-trending-now": EIGHT | {"trend_prediction_accuracy"},
    "aws-user-personalization": EIGHT,
    "aws-user-personalization-v2": EIGHT,
}
ACTIONS = shops.schema("Actions", {"name": "CHANNEL", "type": "string", "categorical": True})
ACTION_INTERACTIONS = shops.schema("Action_Interactions", {"name": "EVENT_TYPE", "type": "string"})


def action_interactions(users: int = 100) -> pd.DataFrame:
    """Odd users take what they are shown, even ones do not; everybody meets both actions."""
    rows = [
        (f"u{user}", f"a{action}", 1_700_000_000 + 60 * user + action, "Taken" if user % 2 else "Not Taken")
        for user in range(users)
        for action in range(2)
    ]
    return pd.DataFrame(rows, columns=["USER_ID", "ACTION_ID", "TIMESTAMP", "EVENT_TYPE"])


@pytest.fixture(scope="module")
def shop(client: Client) -> shops.Shop:
    """A stocked group with actions."""
    actions = pd.DataFrame({"ACTION_ID": ["a0", "a1"], "CHANNEL": ["mail", "app"]})
    tables = {"Actions": (ACTIONS, actions), "Action_Interactions": (ACTION_INTERACTIONS, action_interactions())}
    return shops.stock(shops.stocked_shop(client), tables)


@pytest.fixture(scope="module")
def video(client: Client) -> shops.Shop:
    """A VIDEO_ON_DEMAND group: the walks as Watch events."""
    items = shops.schema(
        "Items",
        {"name": "GENRES", "type": "string", "categorical": True},
        {"name": "CREATION_TIMESTAMP", "type": "long"},
    )
    table = shops.item_table().assign(GENRES=lambda rows: rows["CATEGORY"].fillna("other"))
    tables = {
        "Interactions": (shops.INTERACTIONS, shops.interactions().assign(EVENT_TYPE="watch")),
        "Items": (items, table[["ITEM_ID", "GENRES", "CREATION_TIMESTAMP"]]),
    }
    return shops.stocked_shop(client, tables, domain="VIDEO_ON_DEMAND")


@pytest.mark.parametrize("recipe", METRICS)
def test_a_recipe_trains_and_tells_its_metrics_in_four_decimals(shop: shops.Shop, recipe: str) -> None:
    with shops.trained(shop, recipe) as version:
        found = shops.metrics_of(shop, version)
    assert set(found) == METRICS[recipe]
    assert all(0.0 <= value <= 1.0 and value == round(value, 4) for value in found.values())


@pytest.mark.parametrize(
    "recipe", ["because-you-watched-x", "more-like-x", "most-popular", "top-picks", "trending-now"]
)
def test_a_use_case_is_trained_for_a_recommender(video: shops.Shop, recipe: str) -> None:
    personalize = video.client("personalize")
    arn = personalize.create_recommender(
        name=shops.unique(recipe), datasetGroupArn=video.group, recipeArn=f"{RECIPE}aws-vod-{recipe}"
    )["recommenderArn"]
    described = shops.settled(personalize.describe_recommender, "recommender", recommenderArn=arn)
    assert described["status"] == "ACTIVE", described
    assert described["modelMetrics"].keys() >= EIGHT
    personalize.delete_recommender(recommenderArn=arn)
    shops.gone(video.client, personalize.describe_recommender, recommenderArn=arn)


def test_a_use_case_needs_a_thousand_of_its_events(client: Client) -> None:
    shop = shops.stocked_shop(client, {"Interactions": (shops.INTERACTIONS, shops.interactions())}, domain="ECOMMERCE")
    personalize = client("personalize")
    arn = personalize.create_recommender(
        name="bought", datasetGroupArn=shop.group, recipeArn=f"{RECIPE}aws-ecomm-frequently-bought-together"
    )["recommenderArn"]
    described = shops.settled(personalize.describe_recommender, "recommender", recommenderArn=arn)
    assert described["failureReason"] == (
        "Dataset has fewer than 1000 interactions after filtering by event type: Purchase"
    )


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ("aws-ecomm-recommended-for-you", "use CreateRecommender"),
        ("aws-item-attribute-affinity", "needs a dataset of type ITEMS"),
        ("aws-next-best-action", "needs a dataset of type ACTIONS"),
        ("aws-semantic-similarity", "needs a dataset of type ITEMS"),
    ],
)
def test_a_recipe_without_what_it_needs_is_refused(client: Client, recipe: str, reason: str) -> None:
    group = shops.open_shop(client).group
    request = {"name": "s", "datasetGroupArn": group, "recipeArn": RECIPE + recipe}
    code, message, _ = refused(client("personalize").create_solution, **request)
    assert (code, reason in message) == ("InvalidInputException", True), message


def test_semantic_similarity_needs_a_text(client: Client) -> None:
    shop = shops.open_shop(client)
    shops.add_dataset(shop, "Items", shops.schema("Items", {"name": "PRICE", "type": "float"}))
    request = {"name": "s", "datasetGroupArn": shop.group, "recipeArn": f"{RECIPE}aws-semantic-similarity"}
    assert "textual field or an itemName" in refused(client("personalize").create_solution, **request)[1]


def test_semantic_similarity_needs_no_interactions(client: Client) -> None:
    shop = shops.stocked_shop(client, {"Items": (shops.ITEMS, shops.item_table())})
    with shops.trained(shop, "aws-semantic-similarity") as version:
        assert shops.metrics_of(shop, version) == {"coverage": 1.0}


def test_a_recipe_is_described_with_its_algorithm_and_featurization(client: Client) -> None:
    personalize = client("personalize")
    recipe = personalize.describe_recipe(recipeArn=f"{RECIPE}aws-sims")["recipe"]
    algorithm = personalize.describe_algorithm(algorithmArn=recipe["algorithmArn"])["algorithm"]
    transformed = personalize.describe_feature_transformation(
        featureTransformationArn=recipe["featureTransformationArn"]
    )["featureTransformation"]
    assert algorithm["defaultHyperParameters"] == {"popularity_discount_factor": "0.5", "min_cointeraction_count": "3"}
    (whole,) = algorithm["defaultHyperParameterRanges"]["integerHyperParameterRanges"]
    assert whole == {"name": "min_cointeraction_count", "minValue": 0, "maxValue": 10, "isTunable": True}
    assert transformed["defaultParameters"]["max_item_interaction_count_percentile"] == "0.9"


def test_a_legacy_recipe_says_so(client: Client) -> None:
    recipe = client("personalize").describe_recipe(recipeArn=f"{RECIPE}aws-hrnn")["recipe"]
    assert "Legacy" in recipe["description"]


def test_trending_has_an_algorithm_of_another_name(client: Client) -> None:
    recipe = client("personalize").describe_recipe(recipeArn=f"{RECIPE}aws-trending-now")["recipe"]
    assert recipe["algorithmArn"] == "arn:aws:personalize:::algorithm/aws-trending-now-custom"


def test_what_was_put_is_part_of_the_next_training(shop: shops.Shop) -> None:
    """An item that only exists by PutItems, and an action by PutActions, are in the trained catalogue."""
    events = shop.client("personalize-events")
    item = {"itemId": "put-1", "properties": json.dumps({"title": "Item 3", "creationTimestamp": 1})}
    events.put_items(datasetArn=shop.datasets["Items"], items=[item])
    with shops.serving(shop, "aws-semantic-similarity") as recommend:
        assert "put-1" in recommend(itemId="i3", numResults=60)


def test_few_watched_more_often_are_not_more_popular_for_users_but_for_events(client: Client) -> None:
    """aws-popularity-count counts users; the use case "most viewed" counts views."""
    rng = np.random.default_rng(0)
    rows = [
        (f"u{u}", f"i{int(rng.integers(3, 30))}", 1_700_000_000 + n, "view", 1.0) for u in range(60) for n in range(20)
    ]
    rows += [(f"u{u}", "wide", 1_700_100_000, "view", 1.0) for u in range(60)]
    rows += [(f"u{u}", "deep", 1_700_100_000 + n, "view", 1.0) for u in range(3) for n in range(200)]
    table = pd.DataFrame(rows, columns=shops.interactions().columns)
    shop = shops.stocked_shop(client, {"Interactions": (shops.INTERACTIONS, table)}, domain="ECOMMERCE")
    with shops.serving(shop, "aws-popularity-count") as recommend:
        assert recommend(userId="new", numResults=1) == ["wide"]
    personalize = client("personalize")
    arn = personalize.create_recommender(
        name="viewed", datasetGroupArn=shop.group, recipeArn=f"{RECIPE}aws-ecomm-popular-items-by-views"
    )["recommenderArn"]
    shops.settled(personalize.describe_recommender, "recommender", recommenderArn=arn)
    answer = client("personalize-runtime").get_recommendations(recommenderArn=arn, userId="new", numResults=1)
    assert answer["itemList"][0]["itemId"] == "deep"
