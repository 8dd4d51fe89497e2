"""A/B tests behind the API: who is in which variant, and what answers when a variant's campaign does not."""

import importlib
import json
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from recsys import deploy
from recsys.lambdas.recommendation_api import experiments

ARN = "arn:aws:personalize:us-east-1:000000000000:campaign/"
TWO = {"a": f"{ARN}one", "b": f"{ARN}two"}
USERS = [f"user-{number}" for number in range(20_000)]
Api = Callable[..., tuple[int, dict[str, Any]]]


def running(name: str = "trial", **weights: float) -> experiments.Experiment:
    return experiments.configured(deploy.experiment(name, TWO, weights or None)["Experiments"])["recommendations"]


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
        ('{"similar-items": {}}', "expected an object with the routes recommendations"),
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


@pytest.fixture
def api(system: Any, client: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Api:
    """The function with an experiment of two campaigns: `a` is the one everybody has, `gone` does not exist."""
    deployed = client("lambda").get_function_configuration(FunctionName=system.RecommendationApiFunctionName)
    settings = deployed["Environment"]["Variables"]
    campaigns = {"a": settings["CAMPAIGN_ARN"], "gone": f"{ARN}gone"}
    for name, value in {**settings, "EXPERIMENTS": deploy.experiment("trial", campaigns)["Experiments"]}.items():
        monkeypatch.setenv(name, value)
    from recsys.lambdas.recommendation_api import handler

    module = importlib.reload(handler)

    def ask(path: str) -> tuple[int, dict[str, Any]]:
        event = {"path": path, "httpMethod": "GET", "headers": {}, "requestContext": {}, "body": None}
        answer = module.handler({**event, "queryStringParameters": None, "multiValueQueryStringParameters": None}, None)
        return answer["statusCode"], json.loads(answer["body"])

    return ask


def of(api: Api, variant: str) -> dict[str, Any]:
    """The answer to the first user who is in this variant."""
    answers = (api(f"/recommendations/user-{number}")[1] for number in range(60))
    return next(answer for answer in answers if answer["experiment"]["variant"] == variant)


def test_an_answer_names_experiment_and_variant(api: Api) -> None:
    answer = of(api, "a")
    assert answer["experiment"] == {"name": "trial", "variant": "a", "served": True}
    assert answer["source"] == "campaign"
    assert api("/health")[1]["experiments"] == {"recommendations": "trial"}


def test_where_the_variants_campaign_fails_the_default_one_answers(api: Api) -> None:
    answer = of(api, "gone")
    assert answer["experiment"] == {"name": "trial", "variant": "gone", "served": False}
    assert (answer["source"], len(answer["recommendations"])) == ("campaign", 5)
    assert answer["solutionVersionArn"]


def test_every_answer_in_a_variant_is_counted(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    answer = of(api, "gone")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"CloudWatchMetrics"' in line]
    last = lines[-1]
    assert (last["Exposures"], last["experiment"], last["variant"], last["served"]) == ([1.0], "trial", "gone", False)
    assert (last["userId"], last["recommendationId"]) == (answer["userId"], answer["recommendationId"])
    (dimensions,) = last["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert {"experiment", "variant"} <= set(dimensions)


def test_without_an_experiment_an_answer_says_nothing_of_one(url: str) -> None:
    assert "experiment" not in deploy.get(f"{url}/recommendations/user-1")[1]
