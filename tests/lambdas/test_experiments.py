"""A/B tests behind the API: who is in which variant, and what answers when a variant's campaign does not."""

import importlib
import json
import math
import os
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pytest
from botocore.config import Config
from typer.testing import CliRunner

from recsys import deploy, serve
from recsys.cli import app
from recsys.errors import DataError, ParamsError, Refused, TimedOut
from recsys.lambdas.recommendation_api import experiments
from recsys.operate import exposures

ARN = "arn:aws:personalize:us-east-1:000000000000:campaign/"
TWO = {"a": f"{ARN}one", "b": f"{ARN}two"}
USERS = [f"user-{number}" for number in range(20_000)]
ONCE = Config(retries={"total_max_attempts": 1})
SUFFIX, STACK, TAGS = "lambdas", "recsys-lambdas", {"project": "recsys"}  # of the environment in conftest.py
Api = Callable[[str, str | None], tuple[dict[str, Any], dict[str, Any]]]


def running(name: str = "trial", **weights: float) -> experiments.Experiment:
    return experiments.configured(deploy.variant_parameters(name, TWO, weights or None)["Experiments"])[
        "recommendations"
    ]


@pytest.mark.parametrize(("weights", "share"), [({}, 0.5), ({"a": 9, "b": 1}, 0.9), ({"a": 0, "b": 2}, 0.0)])
def test_the_users_are_shared_as_the_weights_say(weights: dict[str, float], share: float) -> None:
    experiment = running(**weights)
    found = Counter(experiment.variant(user).name for user in USERS)["a"] / len(USERS)
    assert abs(found - share) <= 4 * math.sqrt(share * (1 - share) / len(USERS))


def test_a_user_stays_in_a_variant_and_another_experiment_draws_anew() -> None:
    first, again, other = (
        [experiment.variant(user).name for user in USERS] for experiment in (running(), running(), running("other"))
    )
    assert first == again
    same = sum(one == two for one, two in zip(first, other, strict=True)) / len(USERS)
    assert abs(same - 0.5) <= 4 * math.sqrt(0.25 / len(USERS))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not JSON"),
        ('{"events": {}}', "expected an object with the routes recommendations, similar-items, rankings"),
        ('{"recommendations": {"name": "", "campaigns": {}}}', "recommendations.name: expected a text"),
        ('{"recommendations": {"name": "t", "campaigns": {"a": "x"}}}', "expected two variants or more"),
        ('{"recommendations": {"name": "t", "campaign": "x"}}', "expected campaigns, name, weights"),
        (json.dumps({"recommendations": {"name": "t", "campaigns": TWO, "weights": {"a": 1}}}), "for each of a, b"),
        (json.dumps({"recommendations": {"name": "t", "campaigns": TWO, "weights": {"a": 0, "b": 0}}}), "not all 0"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(experiments.BadExperiments, match=reason):
        experiments.configured(text)


def test_experiments_are_deployed_together_one_a_route() -> None:
    trials = [deploy.variant_parameters(route, TWO, route=route) for route in deploy.parameters.EXPERIMENT_ROUTES]
    together = deploy.running_experiments(*trials)
    assert {route: each.name for route, each in experiments.configured(together["Experiments"]).items()} == {
        route: route for route in experiments.ROUTES
    }
    assert together["ExperimentCampaignArns"] == f"{ARN}one,{ARN}two"
    assert deploy.running_experiments(deploy.running_experiments()) == {
        "Experiments": "{}",
        "ExperimentCampaignArns": "",
    }
    with pytest.raises(ParamsError, match="one experiment a route"):
        deploy.running_experiments(trials[0], deploy.variant_parameters("another", TWO))
    with pytest.raises(ParamsError, match='no experiment can run on "events"'):
        deploy.variant_parameters("trial", TWO, route="events")


@pytest.fixture
def api(system: Any, client: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Api:
    """The function with an experiment on each route: `a` is the campaign everybody has, `gone` does not exist."""
    deployed = client("lambda").get_function_configuration(FunctionName=system.RecommendationApiFunctionName)
    settings = deployed["Environment"]["Variables"]
    everybodys = ("CAMPAIGN_ARN", "SIMILAR_ITEMS_CAMPAIGN_ARN", "RANKING_CAMPAIGN_ARN")
    trials = [
        deploy.variant_parameters("trial", {"a": settings[name], "gone": f"{ARN}gone"}, route=route)
        for route, name in zip(experiments.ROUTES, everybodys, strict=True)
    ]
    for name, value in {**settings, "EXPERIMENTS": deploy.running_experiments(*trials)["Experiments"]}.items():
        monkeypatch.setenv(name, value)
    from recsys.lambdas.recommendation_api import handler

    module = importlib.reload(handler)

    def ask(route: str, user: str | None) -> tuple[dict[str, str], dict[str, Any]]:
        """Headers and body of the answer that a route has for a user."""
        path = {"recommendations": f"/recommendations/{user}", "similar-items": "/similar-items/item-1"}
        query = {"userId": [user]} if route == "similar-items" and user else None
        event = {"path": path.get(route, f"/{route}"), "httpMethod": "POST" if route == "rankings" else "GET"}
        event |= {"headers": {}, "requestContext": {}, "multiValueQueryStringParameters": query}
        body = json.dumps({"userId": user, "itemIds": ["item-1", "item-2"]}) if route == "rankings" else None
        answer = module.handler({**event, "body": body, "queryStringParameters": None}, None)
        assert answer["statusCode"] == 200, answer
        return answer["multiValueHeaders"], json.loads(answer["body"])

    return ask


def someone(variant: str) -> str:
    """A user of this variant of `trial`."""
    two = experiments.configured(
        deploy.variant_parameters("trial", {"a": f"{ARN}a", "gone": f"{ARN}gone"})["Experiments"]
    )
    return next(user for user in USERS if two["recommendations"].variant(user).name == variant)


every_route = pytest.mark.parametrize("route", experiments.ROUTES)


@every_route
def test_an_answer_names_experiment_and_variant(api: Api, route: str) -> None:
    _, answer = api(route, someone("a"))
    assert answer["experiment"] == {"name": "trial", "variant": "a", "served": True}
    assert answer["source"] == "campaign"
    assert api("health", None)[1]["experiments"][route] == "trial"


@every_route
def test_where_the_variants_campaign_fails_the_default_one_answers(api: Api, route: str) -> None:
    _, answer = api(route, someone("gone"))
    assert answer["experiment"] == {"name": "trial", "variant": "gone", "served": False}
    assert answer["source"] == "campaign" and answer["recommendationId"]


@every_route
def test_every_answer_in_a_variant_is_counted(api: Api, capsys: pytest.CaptureFixture[str], route: str) -> None:
    _, answer = api(route, someone("gone"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"CloudWatchMetrics"' in line]
    last = lines[-1]
    said = {name: last[name] for name in ("Exposures", "route", "experiment", "variant", "served", "share")}
    expected = {"Exposures": [1.0], "route": route, "experiment": "trial", "variant": "gone", "served": False}
    assert said == {**expected, "share": 0.5}
    assert (last["userId"], last["recommendationId"]) == (someone("gone"), answer["recommendationId"])
    (dimensions,) = last["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert {"route", "experiment", "variant"} <= set(dimensions)


def test_similar_items_of_nobody_are_of_no_variant(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    _, answer = api("similar-items", None)
    assert answer["source"] == "campaign" and "experiment" not in answer
    assert '"CloudWatchMetrics"' not in capsys.readouterr().out


def test_what_is_kept_of_similar_items_is_kept_for_one_variant(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, of_a = api("similar-items", someone("a"))
    soon, of_gone = api("similar-items", someone("gone"))
    assert (kept["Cache-Control"], soon["Cache-Control"]) == (["private, max-age=300"], ["private, max-age=5"])
    assert of_a["recommendations"] == of_gone["recommendations"] and kept["ETag"] != soon["ETag"]
    from recsys.lambdas.recommendation_api import handler

    nobody = boto3.client("personalize-runtime", endpoint_url="http://127.0.0.1:9", config=ONCE)
    monkeypatch.setattr(handler, "runtime", nobody)
    monkeypatch.setattr(handler.similar_items, "runtime", nobody)
    for variant, before in (("a", of_a), ("gone", of_gone)):
        _, answer = api("similar-items", someone(variant))
        assert (answer["source"], answer["experiment"]) == ("cached", before["experiment"])


def test_without_an_experiment_an_answer_says_nothing_of_one(url: str) -> None:
    assert "experiment" not in deploy.get(f"{url}/recommendations/user-1")[1]


def test_what_an_experiment_found_is_told_from_the_log(system: Any, tmp_path: Path) -> None:
    """Deployed, asked as shoppers ask, and told: of everybody who was answered, and of nobody else."""
    two = {"now": system.CampaignArn, "gone": f"{ARN}gone"}
    trial = deploy.variant_parameters("found", two, {"now": 3, "gone": 1})
    url = deploy.deploy(STACK, trial, TAGS)["ApiUrl"]
    try:
        users = [f"shopper-{number}" for number in range(40)]
        answers = {user: deploy.get(deploy.recommendations_url(url, user, 5))[1] for user in users}
        variants = {user: answer["experiment"]["variant"] for user, answer in answers.items()}
        first = {user: answer["recommendations"][0]["itemId"] for user, answer in answers.items()}
        taken = deploy.visits(url, {user: [item, "nowhere"] for user, item in first.items()}, 5)
        exposed = exposures(system.RecommendationApiFunctionName, "found", users=len(users), timeout=30)
        later = datetime.now(UTC) + timedelta(minutes=1)
        with pytest.raises(DataError, match="no answer in experiment found"):
            exposures(system.RecommendationApiFunctionName, "found", since=later)
        file = tmp_path / "clicks.csv"
        buyers = [user for user in users if variants[user] == "now"][:5]
        rows = [(user, "café", int(time.time()) + 5, kind) for kind in ("click", "buy") for user in buyers]
        orders = pd.DataFrame(rows, columns=["customer", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"])
        orders.to_csv(file, index=False, encoding="cp1252")
        command = ["experiment", "found", "--events", str(file), "--type", "buy", "--baseline", "now", "--json"]
        where = [f"--set=aws.endpoint={os.environ['AWS_ENDPOINT_URL']}", f"--set=aws.environment_suffix={SUFFIX}"]
        where += ["--set=data.column_mapping={USER_ID: customer, TITLE: name}", "--set=data.encoding=cp1252"]
        answer = CliRunner().invoke(app, [*command, *where])
        told = {row["variant"]: row for row in json.loads(answer.stdout)}
        command[command.index("buy")] = "bye"
        refused = CliRunner().invoke(app, [*command, *where])
        assert "no event of type bye; there are buy, click" in str(refused.exception)
    finally:
        deploy.deploy(STACK, deploy.running_experiments(), TAGS)
    assert {name: int(row["users"]) for name, row in told.items()} == Counter(variants.values())
    assert "TIMESTAMP read as epoch seconds" in answer.stderr
    assert exposed.groupby("VARIANT")["SHARE"].unique().str[0].to_dict() == {"now": 0.75, "gone": 0.25}
    assert (told["now"]["served"], told["gone"]["served"]) == ("100.0%", "0.0%")
    assert told["now"]["events a user"].startswith(f"{5 / Counter(variants.values())['now']:.3f} ")
    assert told["gone"]["over now"].startswith("× 0.00 (")
    assert len(exposed) == 2 * len(users) and dict(zip(taken["USER_ID"], taken["ITEM_ID"], strict=True)) == first
    assert (taken["TIMESTAMP"] >= taken["USER_ID"].map(exposed.groupby("USER_ID")["TIMESTAMP"].min())).all()


def test_a_line_that_only_has_the_word_in_it_is_none_of_an_experiment(embedded: Any, client: Callable) -> None:
    group = {"logGroupName": "/aws/lambda/wordy", "logStreamName": "one"}
    client("logs").create_log_group(logGroupName=group["logGroupName"])
    client("logs").create_log_stream(**group)
    own = {"Exposures": [1.0], "experiment": "e", "variant": "a", "userId": "u", "served": True}
    lines = [json.dumps(own), json.dumps({"question": ["user", "Exposures"]}), "cannot import Exposures", '"Exposures"']
    events = [{"timestamp": int(1000 * time.time()), "message": line} for line in lines]
    client("logs").put_log_events(**group, logEvents=events)
    assert list(exposures("wordy", "e")["USER_ID"]) == ["u"]


def test_an_experiment_nobody_was_in_is_told_with_those_the_log_knows(system: Any) -> None:
    with pytest.raises(DataError, match="no answer in experiment other on recommendations; the log tells of"):
        exposures(system.RecommendationApiFunctionName, "other")


def test_users_the_log_does_not_tell_of_are_waited_for_and_told(system: Any) -> None:
    with pytest.raises(TimedOut, match="2 users in the log is still 0 THERE"):
        exposures(system.RecommendationApiFunctionName, "other", users=2, timeout=0.1)


def test_a_campaign_is_gone_once_its_removal_returns(system: Any, client: Callable[[str], Any]) -> None:
    version = client("personalize").describe_campaign(campaignArn=system.CampaignArn)["campaign"]["solutionVersionArn"]
    campaign = serve.ensure_campaign(f"brief-{SUFFIX}", version, 1, TAGS)["campaignArn"]
    serve.remove_campaign(campaign)
    with pytest.raises(Refused, match="ResourceNotFoundException"):
        serve.campaigns.describe(campaign)
    serve.remove_campaign(campaign)
