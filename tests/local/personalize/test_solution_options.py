"""What a solution's options do to what it recommends, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import personalize_shop as shops
import pytest
from personalize_shop import INTERACTIONS, RECIPE, Client, refused

V1, V2 = "aws-user-personalization", "aws-user-personalization-v2"
COLUMNS = ["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE"]
ITEMS = shops.schema(
    "Items",
    {"name": "CATEGORY", "type": ["null", "string"], "categorical": True},
    {"name": "PRICE", "type": "float"},
    {"name": "STOCK", "type": ["null", "int"]},
)
T0 = 1_700_000_000


def walks() -> list[tuple[Any, ...]]:
    """200 users who view `a`, then view `b` twice in three times and else buy `c`; noise before. For orders: after the
    pair p, q comes x; after q, p comes y.
    """
    rng = np.random.default_rng(0)
    rows = []
    for user in range(200):
        noise = [(f"n{int(rng.integers(30))}", "view") for _ in range(4)]
        fork = [("a", "view"), ("c", "purchase") if user % 3 == 0 else ("b", "view")]
        turn = (
            [("p", "view"), ("q", "view"), ("x", "view")] if user % 2 else [("q", "view"), ("p", "view"), ("y", "view")]
        )
        for at, (item, kind) in enumerate(noise + fork + turn):
            rows.append((f"u{user}", item, T0 + at, kind, 1.0))
    return rows


def catalogue() -> pd.DataFrame:
    """Noise items cost less the higher their number, the ends are dear; `cold` is new, cheap and of their category."""
    noise = [(f"n{n}", f"k{n % 3}", 100.0 - n, n) for n in range(30)]
    rest = [("a", "m", 5.0, 1), ("b", "m", 5.0, 1), ("c", "m", 5.0, 1), ("p", "m", 5.0, 1), ("q", "m", 5.0, 1)]
    ends = [("x", "end", 90.0, 1), ("y", "end", 90.0, 1), ("cold", "end", 5.0, 1)]
    return pd.DataFrame(noise + rest + ends, columns=["ITEM_ID", "CATEGORY", "PRICE", "STOCK"])


@pytest.fixture(scope="module")
def shop(client: Client) -> shops.Shop:
    tables = {"Interactions": (INTERACTIONS, pd.DataFrame(walks(), columns=COLUMNS)), "Items": (ITEMS, catalogue())}
    return shops.stocked_shop(client, tables)


@pytest.fixture(scope="module")
def seen(shop: shops.Shop) -> None:
    """New users who have just looked at items: their names say at which, in order."""
    tracker = shops.add_tracker(shop)
    for user in ("p q", "q p", "a", "n1 p q", "n2 p q"):
        events = [
            {"eventType": "view", "itemId": item, "sentAt": T0 + 1000 + at} for at, item in enumerate(user.split())
        ]
        shop.client("personalize-events").put_events(trackingId=tracker, userId=user, sessionId=user, eventList=events)


def parameters(**given: str) -> dict[str, Any]:
    return {"solutionConfig": {"algorithmHyperParameters": given}}


def newest(embedded: Any) -> Path:
    """The folder of the newest training."""
    folders = (path for path in embedded.state.glob("personalize/versions/*/") if path.name.isdigit())
    return max(folders, key=lambda path: int(path.name))


def test_the_order_of_a_history_counts_unless_the_mask_is_off(shop: shops.Shop, seen: None) -> None:
    for recipe, name in ((V1, "recency_mask"), (V2, "apply_recency_bias")):
        with shops.serving(shop, recipe, **parameters(**{name: "true"})) as recommend:
            assert [recommend(userId=user, numResults=1) for user in ("p q", "q p")] == [["x"], ["y"]]
        with shops.serving(shop, recipe, **parameters(**{name: "false"})) as recommend:
            assert recommend(userId="p q") == recommend(userId="q p")


def test_bptt_is_how_far_back_a_history_is_read(shop: shops.Shop, seen: None) -> None:
    with shops.serving(shop, V1, **parameters(bptt="2")) as recommend:
        assert recommend(userId="n1 p q", numResults=33) == recommend(userId="n2 p q", numResults=33)
    with shops.serving(shop, V1, **parameters(bptt="3")) as recommend:
        assert recommend(userId="n1 p q", numResults=33) != recommend(userId="n2 p q", numResults=33)


def test_a_hidden_dimension_limits_the_rank(shop: shops.Shop, embedded: Any) -> None:
    with shops.trained(shop, V1, **parameters(hidden_dimension="32")):
        assert np.load(newest(embedded) / "model" / "left.npy").shape == (2 * 37, 32)  # two time scales
    with shops.trained(shop, V1):
        assert np.load(newest(embedded) / "model" / "table_steps.npy").shape == (2 * 37, 37)


def test_users_beyond_the_percentile_do_not_train(client: Client) -> None:
    """A robot goes from `a` to `robot` hundreds of times; nobody else does."""
    robot = [("robot", item, T0 + n, "view", 1.0) for n, item in enumerate(["a", "trap"] * 400)]
    table = pd.DataFrame(walks() + robot, columns=COLUMNS)
    shop = shops.stocked_shop(client, {"Interactions": (INTERACTIONS, table)})
    events = [{"eventType": "view", "itemId": "a", "sentAt": T0 + 5000}]
    client("personalize-events").put_events(
        trackingId=shops.add_tracker(shop), userId="new", sessionId="new", eventList=events
    )
    first = []
    for most in ("0.99", "1.0"):
        with shops.serving(shop, V1, **parameters(max_user_history_length_percentile=most)) as recommend:
            first += recommend(userId="new", numResults=1)
    assert first == ["b", "trap"]


def test_heavier_events_are_recommended_first(shop: shops.Shop, seen: None) -> None:
    def events(purchase: float) -> dict[str, Any]:
        listed = [{"eventType": "View", "weight": 0.1}, {"eventType": "Purchase", "weight": purchase}]
        return {"solutionConfig": {"eventsConfig": {"eventParametersList": listed}}}

    with shops.serving(shop, V2, **events(0.1)) as recommend:
        assert recommend(userId="a", numResults=2) == ["b", "c"]
    with shops.serving(shop, V2, **events(1.0)) as recommend:
        assert recommend(userId="a", numResults=2) == ["c", "b"]
    with shops.trained(shop, V2, **events(1.0)) as version:
        named = {f"normalized_discounted_cumulative_gain_with_event_weights_at_{k}" for k in (5, 10, 25)}
        assert named < set(shops.metrics_of(shop, version))


def test_the_more_sensitive_to_prices_the_dearer_what_is_recommended(shop: shops.Shop) -> None:
    prices = dict(zip(catalogue()["ITEM_ID"], catalogue()["PRICE"], strict=True))
    mean = []
    for sensitivity in ("OFF", "LOW", "HIGH"):
        objective = {"optimizationObjective": {"itemAttribute": "price", "objectiveSensitivity": sensitivity}}
        with shops.serving(shop, V1, solutionConfig=objective) as recommend:
            mean.append(np.mean([prices[item] for item in recommend(userId="nobody", numResults=10)]))
    assert mean[0] < mean[1] < mean[2]


def test_only_a_solution_with_an_objective_has_average_rewards(shop: shops.Shop) -> None:
    objective = {"optimizationObjective": {"itemAttribute": "PRICE", "objectiveSensitivity": "MEDIUM"}}
    with shops.trained(shop, "aws-personalized-ranking", solutionConfig=objective) as version:
        assert 0 < shops.metrics_of(shop, version)["average_rewards_at_k"] <= 1
    with shops.trained(shop, "aws-personalized-ranking") as version:
        assert "average_rewards_at_k" not in shops.metrics_of(shop, version)


@pytest.mark.parametrize(
    ("limits", "known"),
    [
        ({"excludedDatasetColumns": {"ITEMS": ["PRICE", "STOCK"]}}, True),
        ({"excludedDatasetColumns": {"ITEMS": ["category"]}}, False),
        ({"includedDatasetColumns": {"Items": ["PRICE"]}}, False),
        ({"includedDatasetColumns": {"Items": ["CATEGORY"]}}, True),
    ],
)
def test_columns_that_are_left_out_say_nothing(shop: shops.Shop, limits: dict[str, Any], known: bool) -> None:
    """By its category alone the cold item is like x and y; by its price it is like all that is cheap."""
    with shops.serving(shop, "aws-similar-items", solutionConfig={"trainingDataConfig": limits}) as recommend:
        assert (set(recommend(itemId="cold", numResults=2)) == {"x", "y"}) == known


def test_hpo_searches_within_the_ranges_and_tells_what_it_chose(shop: shops.Shop, embedded: Any) -> None:
    ranges = {
        "integerHyperParameterRanges": [{"name": "bptt", "minValue": 2, "maxValue": 4}],
        "categoricalHyperParameterRanges": [{"name": "recency_mask", "values": ["true", "false"]}],
    }
    resources = {"maxNumberOfTrainingJobs": "5", "maxParallelTrainingJobs": "2"}
    config = {"hpoConfig": {"algorithmHyperParameterRanges": ranges, "hpoResourceConfig": resources}}
    with shops.trained(shop, V1, performHPO=True, solutionConfig=config) as version:
        chosen = version["tunedHPOParams"]["algorithmHyperParameters"]
        tried = json.loads((newest(embedded) / "trials.json").read_text())
    assert chosen.keys() == {"bptt", "recency_mask"}
    assert chosen["recency_mask"] == "true"
    assert {trial["settings"]["length"] for trial in tried} == {2, 3, 4}


@pytest.mark.parametrize(
    ("recipe", "names"),
    [
        ("aws-sims", {"popularity_discount_factor", "min_cointeraction_count"}),
        ("aws-similar-items", {"item_id_hidden_dim", "item_metadata_hidden_dim"}),
    ],
)
def test_hpo_of_related_items_tries_as_many_as_allowed(
    shop: shops.Shop, embedded: Any, recipe: str, names: set[str]
) -> None:
    config = {"hpoConfig": {"hpoResourceConfig": {"maxNumberOfTrainingJobs": "4"}}}
    with shops.trained(shop, recipe, performHPO=True, solutionConfig=config) as version:
        assert set(version["tunedHPOParams"]["algorithmHyperParameters"]) == names
        assert len(json.loads((newest(embedded) / "trials.json").read_text())) == 4


def test_without_hpo_nothing_is_told_to_be_tuned(shop: shops.Shop) -> None:
    with shops.trained(shop, "aws-sims", **parameters(min_cointeraction_count="1")) as version:
        assert "tunedHPOParams" not in version


def test_a_cointeraction_count_that_nobody_reaches_leaves_what_is_popular(shop: shops.Shop) -> None:
    everyone = {"max_item_interaction_count_percentile": "1.0"}
    with shops.serving(shop, "aws-sims", **parameters(**everyone, popularity_discount_factor="1.0")) as recommend:
        assert recommend(itemId="c", numResults=4) != ["a", "p", "q", "b"]
    few = {"min_cointeraction_count": "10", **everyone}
    with shops.serving(shop, "aws-sims", **parameters(**few, popularity_discount_factor="0.0")) as recommend:
        assert set(recommend(itemId="c", numResults=3)) == {"a", "p", "q"}


def test_the_discovery_frequency_is_what_rises_when(client: Client) -> None:
    """`day` was looked at most within the last day, `hour` within the last hour."""
    now = T0 + 30 * 86_400
    rows = [(f"u{n % 40}", f"i{n % 20}", T0 + 2000 * n, "view", 1.0) for n in range(1200)]
    rows += [(f"d{n}", "day", now - 80_000 + n, "view", 1.0) for n in range(300)]
    rows += [(f"h{n}", "hour", now - 1000 + n, "view", 1.0) for n in range(100)]
    shop = shops.stocked_shop(client, {"Interactions": (INTERACTIONS, pd.DataFrame(rows, columns=COLUMNS))})
    first = []
    for frequency in ("1 hour", "1 day"):
        config = {"featureTransformationParameters": {"trend_discovery_frequency": frequency}}
        with shops.serving(shop, "aws-trending-now", solutionConfig=config) as recommend:
            first += recommend(numResults=1)
    assert first == ["hour", "day"]


def test_items_that_are_cold_are_left_to_their_metadata(shop: shops.Shop, embedded: Any) -> None:
    cold = {
        "cold_start_max_interactions": "70",
        "cold_start_max_duration": "1",
        "cold_start_relative_from": "latestItem",
    }
    with shops.trained(shop, "aws-hrnn-coldstart", solutionConfig={"featureTransformationParameters": cold}):
        known = json.loads((newest(embedded) / "model" / "item_ids.json").read_text())
    assert set(known) == {"a", "b", "p", "q", "x", "y"}


@pytest.mark.parametrize(
    ("recipe", "change", "reason"),
    [
        (V1, {"hpoConfig": {"hpoObjective": {"metricName": "ndcg"}}}, "hpoObjective"),
        (V1, {"hpoConfig": {"hpoResourceConfig": {"maxNumberOfTrainingJobs": "41"}}}, "between 1 and 40"),
        (V1, {"hpoConfig": {"hpoResourceConfig": {"maxParallelTrainingJobs": "many"}}}, "between 1 and 10"),
        (V1, {"algorithmHyperParameters": {"bptt": "33"}}, "an integer between 2 and 32"),
        (V1, {"algorithmHyperParameters": {"bptt": "2.5"}}, "an integer between 2 and 32"),
        (V1, {"algorithmHyperParameters": {"recency_mask": "maybe"}}, "true or false"),
        ("aws-similar-items", {"algorithmHyperParameters": {"item_id_hidden_dim": "50"}}, "no hyperparameter"),
        ("aws-trending-now", {"featureTransformationParameters": {"trend_discovery_frequency": "1 week"}}, "1 day"),
        (V1, {"eventsConfig": {"eventParametersList": [{"eventType": "view", "weight": 1.0}]}}, "eventsConfig"),
        (V2, {"eventsConfig": {"eventParametersList": [{"eventType": "view", "weight": 0.0}]}}, "greater than 0"),
        (V2, {"eventsConfig": {"eventParametersList": [{"eventType": "a"}, {"eventType": "A"}]}}, "twice"),
        (V2, {"eventsConfig": {"eventParametersList": [{"weight": 0.5}]}}, "needs an eventType"),
        (V2, {"optimizationObjective": {"itemAttribute": "PRICE"}}, "does not support optimizationObjective"),
        (V1, {"optimizationObjective": {"objectiveSensitivity": "LOW"}}, "needs an itemAttribute"),
        (V1, {"optimizationObjective": {"itemAttribute": "CATEGORY"}}, "numeric column"),
        (V1, {"optimizationObjective": {"itemAttribute": "STOCK"}}, "cannot be null"),
        (V1, {"trainingDataConfig": {"excludedDatasetColumns": {"ITEMS": ["COLOUR"]}}}, "no column COLOUR"),
        (V1, {"trainingDataConfig": {"excludedDatasetColumns": {"Users": ["AGE"]}}}, "does not have"),
        (V1, {"trainingDataConfig": {"excludedDatasetColumns": {"INTERACTIONS": ["USER_ID"]}}}, "cannot be excluded"),
        (
            V1,
            {"trainingDataConfig": {f"{way}DatasetColumns": {"ITEMS": ["PRICE"]} for way in ("included", "excluded")}},
            "not in both",
        ),
        (
            V1,
            {"autoTrainingConfig": {"schedulingExpression": "rate(31 days)"}},
            "between rate(1 day) and rate(30 days)",
        ),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(
    shop: shops.Shop, recipe: str, change: dict[str, Any], reason: str
) -> None:
    request = {"name": "s", "datasetGroupArn": shop.group, "recipeArn": RECIPE + recipe, "solutionConfig": change}
    code, message, _ = refused(shop.client("personalize").create_solution, **request)
    assert (code, reason in message) == ("InvalidInputException", True), message


@pytest.mark.parametrize(
    ("listed", "entry", "reason"),
    [
        ("integer", {"name": "bptt", "minValue": 1, "maxValue": 8}, "must lie within 2 and 32"),
        ("integer", {"name": "bptt", "minValue": 9, "maxValue": 8}, "must lie within 2 and 32"),
        ("continuous", {"name": "bptt", "minValue": 2.0, "maxValue": 8.0}, "integerHyperParameterRanges"),
        ("integer", {"name": "depth", "minValue": 1, "maxValue": 8}, "cannot tune 'depth'"),
        ("categorical", {"name": "recency_mask", "values": ["perhaps"]}, "among true, false"),
    ],
)
def test_a_range_outside_the_recipes_is_refused(
    shop: shops.Shop, listed: str, entry: dict[str, Any], reason: str
) -> None:
    config = {"hpoConfig": {"algorithmHyperParameterRanges": {f"{listed}HyperParameterRanges": [entry]}}}
    request = {"name": "s", "datasetGroupArn": shop.group, "recipeArn": RECIPE + V1, "solutionConfig": config}
    assert reason in refused(shop.client("personalize").create_solution, **request, performHPO=True)[1]
