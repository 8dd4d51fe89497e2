"""What happens to a solution after its first training: on its own, by updates of its options, and by cheap updates."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import personalize_shop as shops
import pytest
from alone import Server
from personalize_shop import RECIPE, refused
from waiting import eventually

V1, V2, POPULAR = "aws-user-personalization", "aws-user-personalization-v2", "aws-popularity-count"
DAY = 8.0  # seconds: an hour is a third of one
HOUR = 3600.0


@pytest.fixture(scope="module")
def server(embedded: Any) -> Iterator[Server]:
    server = Server(embedded.endpoint, DAY)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def shop(server: Server) -> shops.Shop:
    return shops.stocked_shop(server.client)


@pytest.fixture(scope="module")
def daily(shop: shops.Shop) -> str:
    """A solution that trains every day, made before the other tests so that a day has passed after them."""
    return create(shop, POPULAR, every=1)


def create(shop: shops.Shop, recipe: str, every: int | None = None, **more: Any) -> str:
    """The ARN of an ACTIVE solution that trains every so many days; None: not on its own."""
    personalize, config = shop.client("personalize"), more.pop("solutionConfig", {})
    if every:
        config["autoTrainingConfig"] = {"schedulingExpression": f"rate({every} day{'s' if every > 1 else ''})"}
    request = {"name": shops.unique(recipe), "datasetGroupArn": shop.group, "recipeArn": RECIPE + recipe}
    arn = personalize.create_solution(**request, performAutoTraining=bool(every), solutionConfig=config, **more)
    shops.settled(personalize.describe_solution, "solution", solutionArn=arn["solutionArn"])
    return arn["solutionArn"]


def train(shop: shops.Shop, solution: str, **more: Any) -> dict[str, Any]:
    arn = shop.client("personalize").create_solution_version(solutionArn=solution, **more)["solutionVersionArn"]
    return shops.version_of(shop, arn)


def versions(shop: shops.Shop, solution: str) -> list[dict[str, Any]]:
    return shop.client("personalize").list_solution_versions(solutionArn=solution)["solutionVersions"]


def due(server: Any, solution: str) -> float:
    """When a solution trains itself, epoch seconds. server: the one that stands alone, or the embedded AWS."""
    with closing(sqlite3.connect(server.state / "personalize" / "control.sqlite")) as state:
        (text,) = state.execute("SELECT document FROM resources WHERE arn = ?", (solution,)).fetchone()
    return json.loads(text)["_nextTraining"]


def hours_to(moment: float) -> int:
    return round((moment - time.time()) / HOUR)


def update(shop: shops.Shop, solution: str, **change: Any) -> dict[str, Any]:
    """UpdateSolution, waited for; the solution as it is described then."""
    personalize = shop.client("personalize")
    personalize.update_solution(solutionArn=solution, **change)
    return eventually(lambda: _updated(personalize.describe_solution(solutionArn=solution)["solution"]))


def _updated(solution: dict[str, Any]) -> dict[str, Any] | None:
    return solution if solution["latestSolutionUpdate"]["status"] == "ACTIVE" else None


def test_a_solution_trains_itself_within_the_hour(shop: shops.Shop, daily: str) -> None:
    first = eventually(lambda: versions(shop, daily))[0]
    assert (first["trainingType"], first["trainingMode"]) == ("AUTOMATIC", "FULL")
    assert shops.version_of(shop, first["solutionVersionArn"])["status"] == "ACTIVE"


def test_it_trains_itself_again_only_with_new_interactions(server: Server, shop: shops.Shop, daily: str) -> None:
    trained = versions(shop, daily)
    before = due(server, daily)
    shops.put_items(shop, {"unheard-of": {"creationTimestamp": 5}})
    assert eventually(lambda: due(server, daily) != before)
    assert versions(shop, daily) == trained


def test_a_version_made_by_hand_stands_in_for_the_first_automatic_one(client: shops.Client, embedded: Any) -> None:
    """On a server with real days: due an hour after its creation, then a week after the version."""
    far = shops.open_shop(client)
    solution = create(far, POPULAR, every=7)
    assert hours_to(due(embedded, solution)) == 1
    client("personalize").create_solution_version(solutionArn=solution)
    assert hours_to(due(embedded, solution)) == 7 * 24


def test_a_schedule_that_is_changed_or_turned_on_begins_within_the_hour(client: shops.Client, embedded: Any) -> None:
    """On a server with real days; what else is updated leaves the schedule as it is."""
    far = shops.open_shop(client)
    solution = create(far, V2, every=7)
    client("personalize").create_solution_version(solutionArn=solution)
    update(far, solution, solutionUpdateConfig={"eventsConfig": {"eventParametersList": [{"eventType": "view"}]}})
    assert hours_to(due(embedded, solution)) == 7 * 24
    schedule = {"autoTrainingConfig": {"schedulingExpression": "rate(3 days)"}}
    update(far, solution, solutionUpdateConfig=schedule)
    assert hours_to(due(embedded, solution)) == 1
    client("personalize").create_solution_version(solutionArn=solution)
    update(far, solution, performAutoTraining=False)
    assert hours_to(due(embedded, solution)) == 3 * 24
    update(far, solution, performAutoTraining=True)
    assert hours_to(due(embedded, solution)) == 1


def test_a_schedule_outlives_a_kill(server: Server, shop: shops.Shop) -> None:
    solution = create(shop, POPULAR, every=30)
    server.kill()
    server.start()
    assert eventually(lambda: versions(shop, solution))[0]["trainingType"] == "AUTOMATIC"


def test_without_automatic_training_nothing_comes(shop: shops.Shop) -> None:
    solution = create(shop, POPULAR)
    time.sleep(DAY / 12)
    assert versions(shop, solution) == []
    shop.client("personalize").delete_solution(solutionArn=solution)


def test_a_solution_is_updated_and_shows_its_update(shop: shops.Shop) -> None:
    solution = create(shop, V2)
    weights = {"eventParametersList": [{"eventType": "view", "weight": 0.5}]}
    schedule = {"schedulingExpression": "rate(3 days)"}
    config = {"eventsConfig": weights, "autoTrainingConfig": schedule}
    described = update(shop, solution, performAutoTraining=True, solutionUpdateConfig=config)
    assert described["performAutoTraining"] is True
    assert described["solutionConfig"] == config
    assert described["latestSolutionUpdate"]["solutionUpdateConfig"] == config
    described = update(shop, solution, performAutoTraining=False)
    assert (described["performAutoTraining"], described["solutionConfig"]) == (False, config)
    version = train(shop, solution)
    assert version["solutionConfig"]["eventsConfig"] == weights
    shop.client("personalize").delete_solution(solutionArn=solution)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"performIncrementalUpdate": True}, "aws-semantic-similarity"),
        ({"solutionUpdateConfig": {"eventsConfig": {"eventParametersList": [{"eventType": "v"}]}}}, "eventsConfig"),
        ({"solutionUpdateConfig": {"autoTrainingConfig": {"schedulingExpression": "rate(0 days)"}}}, "rate(1 day)"),
    ],
)
def test_an_update_that_makes_no_sense_is_refused(
    shop: shops.Shop, daily: str, change: dict[str, Any], reason: str
) -> None:
    assert reason in refused(shop.client("personalize").update_solution, solutionArn=daily, **change)[1]


def test_an_update_takes_over_weights_and_takes_in_items(server: Server, shop: shops.Shop) -> None:
    solution = create(shop, V1)
    full = train(shop, solution)
    failed = train(shop, solution, trainingMode="UPDATE")
    assert failed["failureReason"] == (
        "There should be updates to at least one dataset after last active solution version with training mode set to "
        "FULL"
    )
    item = {"itemId": "young", "properties": json.dumps({"category": "c1"})}
    shop.client("personalize-events").put_items(datasetArn=shop.datasets["Items"], items=[item])
    updated = train(shop, solution, trainingMode="UPDATE")
    assert (updated["status"], updated["trainingMode"]) == ("ACTIVE", "UPDATE")
    assert shops.metrics_of(shop, updated) == shops.metrics_of(shop, full)
    known = max(
        server.state.glob("personalize/versions/*/content/item_ids.json"), key=lambda path: path.stat().st_mtime
    )
    assert "young" in json.loads(known.read_text())
    shop.client("personalize").delete_solution(solutionArn=solution)


def test_an_update_needs_a_recipe_that_can_and_something_to_update(shop: shops.Shop, daily: str) -> None:
    call = shop.client("personalize").create_solution_version
    assert "use FULL" in refused(call, solutionArn=daily, trainingMode="UPDATE")[1]
    solution = create(shop, V1)
    assert "trained with FULL" in refused(call, solutionArn=solution, trainingMode="UPDATE")[1]
    shop.client("personalize").delete_solution(solutionArn=solution)


def test_a_name_is_given_once(shop: shops.Shop) -> None:
    solution = create(shop, POPULAR)
    assert train(shop, solution, name="first")["name"] == "first"
    call = shop.client("personalize").create_solution_version
    assert refused(call, solutionArn=solution, name="first")[0] == "ResourceAlreadyExistsException"
    shop.client("personalize").delete_solution(solutionArn=solution)


def test_an_incremental_update_reaches_the_campaign(shop: shops.Shop) -> None:
    """A new item, and a known one that says something else now."""
    solution = create(shop, "aws-semantic-similarity", performIncrementalUpdate=True)
    campaign = shops.deploy(shop, train(shop, solution)["solutionVersionArn"])
    ask = shop.client("personalize-runtime").get_recommendations

    def similar() -> list[str]:
        answer = ask(campaignArn=campaign, itemId="i3", numResults=100)
        return [entry["itemId"] for entry in answer["itemList"]]

    assert "fresh" not in similar()
    item = {"itemId": "fresh", "properties": json.dumps({"title": "Item 3"})}
    shop.client("personalize-events").put_items(datasetArn=shop.datasets["Items"], items=[item])
    assert eventually(lambda: "fresh" in similar())
    assert similar()[0] == "fresh"
    assert len(versions(shop, solution)) == 1


def test_trends_are_looked_at_again_every_two_hours_also_by_daily_intervals(shop: shops.Shop) -> None:
    daily_trends = {"featureTransformationParameters": {"trend_discovery_frequency": "1 day"}}
    solution = create(shop, "aws-trending-now", solutionConfig=daily_trends)
    campaign = shops.deploy(shop, train(shop, solution)["solutionVersionArn"])
    assert shops.recommended(shop, campaign)[0] != "i9"
    for _ in range(40):
        shops.put_events(shop, "crowd", [{"itemId": "i9", "eventType": "view", "sentAt": 1_700_030_000}] * 10)
    assert eventually(lambda: shops.recommended(shop, campaign)[0] == "i9", seconds=DAY / 2)


def test_a_campaign_that_follows_gets_what_the_schedule_trains(shop: shops.Shop, daily: str) -> None:
    personalize, latest = shop.client("personalize"), {"syncWithLatestSolutionVersion": True}
    campaign = shops.deploy(shop, f"{daily}/$LATEST", campaignConfig=latest)
    trained, click = len(versions(shop, daily)), {"itemId": "i1", "eventType": "view"}

    def trained_since() -> list[dict[str, Any]]:
        return versions(shop, daily)[trained:]

    def trained_on_a_click() -> list[dict[str, Any]]:
        shops.put_events(shop, "u1", [click])  # each time: a training under way may take the first
        return trained_since()

    def serves_one_of_them() -> bool:
        serving = personalize.describe_campaign(campaignArn=campaign)["campaign"]["solutionVersionArn"]
        return serving in [each["solutionVersionArn"] for each in trained_since()]

    assert eventually(trained_on_a_click)[0]["trainingType"] == "AUTOMATIC"
    assert eventually(serves_one_of_them)
