"""Solutions, versions and their metrics, and campaigns that change under way."""

import json
import threading
import time
from typing import Any

import numpy as np
import pandas as pd
import personalize_shop as shops
import pytest
from personalize_shop import INTERACTIONS, RECIPE, Client, refused, unique
from waiting import eventually

from recsys.models.transformer.training import available

V2, POPULAR = "aws-user-personalization-v2", "aws-popularity-count"
METRICS = {"coverage", "mean_reciprocal_rank_at_25"} | {
    f"{name}_at_{k}" for name in ("normalized_discounted_cumulative_gain", "precision") for k in (5, 10, 25)
}


@pytest.fixture
def personalize(client: Client) -> Any:
    return client("personalize")


@pytest.fixture(scope="module")
def clicks(client: Client) -> shops.Shop:
    """A group with an Interactions dataset whose content the tests replace."""
    shop = shops.open_shop(client)
    shops.add_dataset(shop, "Interactions", INTERACTIONS)
    return shop


def trained_on(shop: shops.Shop, table: pd.DataFrame, **solution: Any) -> dict[str, Any]:
    """The version of a popularity solution trained on a table."""
    job = shops.import_csv(shop, "Interactions", shops.put_csv(shop, "clicks.csv", table))
    assert job["status"] == "ACTIVE", job
    return shops.version_of(shop, shops.start_version(shop, POPULAR, **solution))


def test_metrics_have_awss_eight_names_and_lie_between_0_and_1(personalize: Any, versions: dict[str, str]) -> None:
    for version in versions.values():
        answer = personalize.get_solution_metrics(solutionVersionArn=version)
        assert set(answer["metrics"]) == METRICS
        assert all(0.0 <= value <= 1.0 for value in answer["metrics"].values())


def test_the_next_item_model_beats_popularity_by_far(personalize: Any, versions: dict[str, str]) -> None:
    name = "normalized_discounted_cumulative_gain_at_10"
    values = {
        recipe: personalize.get_solution_metrics(solutionVersionArn=versions[recipe])["metrics"][name]
        for recipe in (V2, POPULAR)
    }
    assert values[V2] > 2 * values[POPULAR]


def test_a_version_shows_what_it_was_made_from(personalize: Any, shop: shops.Shop, versions: dict[str, str]) -> None:
    described = personalize.describe_solution_version(solutionVersionArn=versions[V2])["solutionVersion"]
    assert described["recipeArn"] == RECIPE + V2
    assert described["datasetGroupArn"] == shop.group
    assert (described["trainingMode"], described["trainingType"]) == ("FULL", "MANUAL")
    assert described["trainingHours"] > 0


def test_what_was_tried_lies_beside_the_model(embedded: Any, versions: dict[str, str]) -> None:
    logs = [json.loads(path.read_text()) for path in embedded.state.glob("personalize/versions/*/trials.json")]
    tried = max(logs, key=len)
    assert {"settings", "ndcg", "seconds"} <= set(tried[0])


def test_the_log_marks_what_was_chosen_and_tells_whether_a_transformer_was_tried(
    embedded: Any, versions: dict[str, str]
) -> None:
    """Of every next-item model that has been trained here, by this test or another."""
    logs = [json.loads(path.read_text()) for path in embedded.state.glob("personalize/versions/*/trials.json")]
    marked = [log for log in logs if log and "chosen" in log[0]]
    assert marked
    for log in marked:
        for returning in {trial.get("returning", False) for trial in log}:
            tried = [trial for trial in log if trial.get("returning", False) is returning]
            (chosen,) = (trial for trial in tried if trial["chosen"])
            assert chosen["ndcg"] >= tried[0]["ndcg"]
    named = [any("transformer_weight" in trial["settings"] for trial in tried) for tried in marked]
    assert any(named) == available()


def test_a_solution_knows_its_latest_version(personalize: Any, shop: shops.Shop, versions: dict[str, str]) -> None:
    solution = versions[V2].rpartition("/")[0]
    described = personalize.describe_solution(solutionArn=solution)["solution"]
    assert described["latestSolutionVersion"]["solutionVersionArn"] == versions[V2]
    assert described["performAutoTraining"] is True
    (listed,) = personalize.list_solution_versions(solutionArn=solution)["solutionVersions"]
    assert listed["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ({"recipeArn": None}, "InvalidInputException", "recipeArn must be given"),
        ({"recipeArn": RECIPE + "aws-magic"}, "ResourceNotFoundException", "does not exist"),
        ({"performAutoML": True}, "InvalidInputException", "AutoML"),
        ({"performHPO": True}, "InvalidInputException", "does not support hyperparameter optimization"),
        ({"solutionConfig": {"eventValueThreshold": "dear"}}, "InvalidInputException", "must be a number"),
        (
            {"solutionConfig": {"algorithmHyperParameters": {"depth": "3"}}},
            "InvalidInputException",
            "no hyperparameter",
        ),
        (
            {
                "recipeArn": RECIPE + "aws-sims",
                "solutionConfig": {"algorithmHyperParameters": {"popularity_discount_factor": "1.5"}},
            },
            "InvalidInputException",
            "between 0.0 and 1.0",
        ),
    ],
)
def test_a_solution_that_cannot_be_trained_is_refused(
    personalize: Any, shop: shops.Shop, change: dict[str, Any], code: str, reason: str
) -> None:
    request = {"name": "s", "datasetGroupArn": shop.group, "recipeArn": RECIPE + POPULAR, **change}
    request = {name: value for name, value in request.items() if value is not None}
    found, message, _ = refused(personalize.create_solution, **request)
    assert found == code
    assert reason in message


def test_a_campaign_needs_an_active_version(personalize: Any, shop: shops.Shop) -> None:
    version = shops.start_version(shop, POPULAR)
    code, message, _ = refused(personalize.create_campaign, name="early", solutionVersionArn=version)
    assert code == "ResourceInUseException"
    assert "must be ACTIVE" in message
    assert refused(personalize.get_solution_metrics, solutionVersionArn=version)[0] == "ResourceInUseException"
    solution = version.rpartition("/")[0]
    assert refused(personalize.delete_solution, solutionArn=solution)[0] == "ResourceInUseException"
    shops.version_of(shop, version)
    personalize.delete_solution(solutionArn=solution)


def test_too_few_users_fail_with_the_documented_words(clicks: shops.Shop) -> None:
    rows = [(f"u{n}", f"i{n % 50}", 1_700_000_000 + n, "view", 1.0) for n in range(1200)]
    described = trained_on(clicks, pd.DataFrame(rows, columns=shops.interactions().columns))
    assert described["status"] == "CREATE FAILED"
    message = "Create failed. Dataset has fewer than 25 users with at least 2 interactions each."
    assert described["failureReason"] == message


def test_too_few_interactions_of_an_event_type_fail_with_the_documented_words(clicks: shops.Shop) -> None:
    described = trained_on(clicks, shops.interactions(), eventType="purchase")
    assert described["status"] == "CREATE FAILED"
    assert described["failureReason"] == (
        "Dataset has fewer than 1000 interactions after filtering by event type: purchase"
    )
    code, message, _ = refused(
        clicks.client("personalize").get_solution_metrics, solutionVersionArn=described["solutionVersionArn"]
    )
    assert (code, "CREATE FAILED" in message) == ("InvalidInputException", True)


def test_a_solution_learns_only_from_its_event_type_and_values(client: Client, clicks: shops.Shop) -> None:
    """i0 is viewed by everyone, i1 bought for 50, i2 bought for 5: three solutions, three favourites."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(420):
        rows += [(f"u{user}", "i0", 1_700_000_000 + n, "view", 1.0) for n in range(3)]
        rows += [(f"u{user}", f"i{int(rng.integers(3, 40))}", 1_700_000_100 + n, "purchase", 50.0) for n in range(3)]
        rows += [(f"u{user}", "i2", 1_700_000_200, "purchase", 5.0)]
        rows += [(f"u{user}", "i1", 1_700_000_300, "Purchase", 50.0)] if user % 2 else []
    table = pd.DataFrame(rows, columns=shops.interactions().columns)
    favourites = []
    for solution in (
        {"eventType": "view"},
        {"eventType": "purchase"},
        {"eventType": "purchase", "solutionConfig": {"eventValueThreshold": "10"}},
    ):
        described = trained_on(clicks, table, **solution)
        assert described["status"] == "ACTIVE", described
        campaign = shops.deploy(clicks, described["solutionVersionArn"])
        answer = client("personalize-runtime").get_recommendations(campaignArn=campaign, userId="new", numResults=1)
        favourites.append(answer["itemList"][0]["itemId"])
        client("personalize").delete_campaign(campaignArn=campaign)
    assert favourites == ["i0", "i2", "i1"]


def test_events_are_part_of_the_next_training(client: Client) -> None:
    shop = shops.open_shop(client)
    personalize, events = client("personalize"), client("personalize-events")
    made = personalize.create_event_tracker(name=unique("tracker"), datasetGroupArn=shop.group)
    shops.settled(personalize.describe_event_tracker, "eventTracker", eventTrackerArn=made["eventTrackerArn"])
    for user in range(30):
        for batch in range(4):
            listed = [
                {"eventType": "view", "itemId": f"i{(user + 10 * batch + n) % 45}", "sentAt": 1_700_000_000 + n}
                for n in range(10)
            ]
            ids = {"trackingId": made["trackingId"], "userId": f"u{user}", "sessionId": f"s{user}"}
            events.put_events(**ids, eventList=listed)
    described = shops.version_of(shop, shops.start_version(shop, POPULAR))
    assert described["status"] == "ACTIVE", described


def test_a_session_is_learned_from_once_a_user_has_joined_it(client: Client) -> None:
    shop, events = shops.stocked_shop(client), client("personalize-events")
    tracker = shops.add_tracker(shop)
    for session in ("passer-by", "guest"):
        event = {"eventType": "view", "itemId": f"of-{session}", "sentAt": 1_700_000_000}
        events.put_events(trackingId=tracker, sessionId=session, eventList=[event])
    login = {"eventType": "login", "sentAt": 1_700_000_100}
    events.put_events(trackingId=tracker, sessionId="guest", userId="u1", eventList=[login])
    with shops.serving(shop, POPULAR) as recommend:
        assert set(recommend(userId="u1", numResults=500)) - {f"i{n}" for n in range(60)} == {"of-guest"}


def test_a_training_that_has_not_begun_is_stopped_at_once(personalize: Any, shop: shops.Shop) -> None:
    version = shops.start_version(shop, POPULAR)
    personalize.stop_solution_version_creation(solutionVersionArn=version)
    described = personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert described["status"] == "CREATE STOPPED"
    solution = version.rpartition("/")[0]
    shops.settled(personalize.describe_solution, "solution", solutionArn=solution)
    personalize.delete_solution(solutionArn=solution)


def test_a_training_can_be_stopped(personalize: Any, shop: shops.Shop) -> None:
    version = shops.start_version(shop, V2)
    describe = personalize.describe_solution_version
    while (status := describe(solutionVersionArn=version)["solutionVersion"]["status"]) != "CREATE IN_PROGRESS":
        assert status == "CREATE PENDING"
        time.sleep(0.01)
    personalize.stop_solution_version_creation(solutionVersionArn=version)
    assert describe(solutionVersionArn=version)["solutionVersion"]["status"] == "CREATE STOPPING"
    assert shops.version_of(shop, version)["status"] == "CREATE STOPPED"
    code, _, _ = refused(personalize.stop_solution_version_creation, solutionVersionArn=version)
    assert code == "InvalidInputException"
    solution = version.rpartition("/")[0]
    shops.settled(personalize.describe_solution, "solution", solutionArn=solution)
    personalize.delete_solution(solutionArn=solution)


def test_a_campaign_is_updated_while_it_serves(client: Client, shop: shops.Shop, versions: dict[str, str]) -> None:
    """Every answer comes from the old version or from the new one, none fails; at the end all come from the new."""
    personalize, runtime = client("personalize"), client("personalize-runtime")
    campaign = shops.deploy(shop, versions[POPULAR])
    scored: list[bool] = []
    done = threading.Event()

    def ask() -> None:
        while not done.wait(0.01):
            answer = runtime.get_recommendations(campaignArn=campaign, userId="u5", numResults=2)
            scored.append("score" in answer["itemList"][0])

    asking = threading.Thread(target=ask)
    asking.start()
    personalize.update_campaign(campaignArn=campaign, solutionVersionArn=versions[V2])
    code, message, _ = refused(personalize.update_campaign, campaignArn=campaign, minProvisionedTPS=2)
    described = personalize.describe_campaign(campaignArn=campaign)["campaign"]
    assert (code, "being updated" in message) == ("ResourceInUseException", True)
    assert described["status"] == "ACTIVE"
    assert described["solutionVersionArn"] == versions[POPULAR]
    assert described["latestCampaignUpdate"]["solutionVersionArn"] == versions[V2]
    seen = []
    while described["latestCampaignUpdate"]["status"] != "ACTIVE":
        seen.append(described["latestCampaignUpdate"]["status"])
        time.sleep(0.01)
        described = personalize.describe_campaign(campaignArn=campaign)["campaign"]
    runtime.get_recommendations(campaignArn=campaign, userId="u5")
    done.set()
    asking.join()
    assert set(seen) <= {"CREATE PENDING", "CREATE IN_PROGRESS"}
    assert seen == sorted(seen, key="CREATE IN_PROGRESS".__eq__)  # the first may be over before it is looked for
    assert described["solutionVersionArn"] == versions[V2]
    assert scored == sorted(scored)
    assert scored[0] is False
    assert "score" in runtime.get_recommendations(campaignArn=campaign, userId="u5")["itemList"][0]
    personalize.delete_campaign(campaignArn=campaign)
    assert shops.gone(client, personalize.describe_campaign, campaignArn=campaign)
    assert refused(runtime.get_recommendations, campaignArn=campaign, userId="u5")[0] == "ResourceNotFoundException"


def test_a_configuration_alone_can_be_updated(client: Client, shop: shops.Shop, versions: dict[str, str]) -> None:
    personalize = client("personalize")
    campaign = shops.deploy(shop, versions[POPULAR])
    personalize.update_campaign(campaignArn=campaign, campaignConfig={"enableMetadataWithRecommendations": True})
    described = personalize.describe_campaign(campaignArn=campaign)["campaign"]
    assert described["campaignConfig"] == {"enableMetadataWithRecommendations": True}
    shops.updated(personalize.describe_campaign, "campaign", "latestCampaignUpdate", campaignArn=campaign)
    answer = client("personalize-runtime").get_recommendations(
        campaignArn=campaign, userId="u1", metadataColumns={"ITEMS": ["TITLE"]}
    )
    assert answer["itemList"][0]["metadata"]
    personalize.delete_campaign(campaignArn=campaign)


@pytest.mark.parametrize("weight", ["-0.1", "1.1", "much"])
def test_an_exploration_weight_out_of_range_is_refused(personalize: Any, versions: dict[str, str], weight: str) -> None:
    config = {"itemExplorationConfig": {"explorationWeight": weight}}
    request = {"name": "c", "solutionVersionArn": versions[V2], "campaignConfig": config}
    assert "explorationWeight must be a number between" in refused(personalize.create_campaign, **request)[1]


def test_a_new_import_reaches_the_campaigns_that_serve(client: Client) -> None:
    shop = shops.stocked_shop(client)
    campaign = shops.deploy(shop, shops.version_of(shop, shops.start_version(shop, V2))["solutionVersionArn"])
    ask = client("personalize-runtime").get_recommendations

    def answer() -> list[str]:
        return [entry["itemId"] for entry in ask(campaignArn=campaign, userId="u1", numResults=60)["itemList"]]

    before = answer()
    table = shops.interactions().assign(USER_ID=lambda rows: "v" + rows["USER_ID"])
    shops.import_csv(shop, "Interactions", shops.put_csv(shop, "others.csv", table))
    eventually(lambda: answer() != before)
    assert answer()[:5] == [e["itemId"] for e in ask(campaignArn=campaign, userId="nobody", numResults=5)["itemList"]]
