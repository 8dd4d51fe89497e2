"""A whole small environment on the embedded AWS: trained campaigns, stream, profiles, API."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_shop import shop

from recsys import aws, deploy, serve, stream, train
from recsys.deploy import cleanup

SUFFIX = "lambdas"
STACK, GROUP = f"recsys-{SUFFIX}", f"shop-{SUFFIX}"
TAGS = {"project": "recsys"}


@dataclass(frozen=True)
class System:
    """Outputs of the stack, and the tables the campaigns were trained on."""

    outputs: dict[str, str]
    interactions: pd.DataFrame
    items: pd.DataFrame

    def __getattr__(self, name: str) -> Any:
        return self.outputs[name]


@pytest.fixture(scope="session")
def streaming(embedded: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Imported tables, an event tracker, and the stack with stream, profiles and processor."""
    aws.client.cache_clear()
    interactions, items = shop()
    outputs = deploy.deploy(STACK, {"EnvironmentSuffix": SUFFIX, "ProfileDays": 30}, TAGS)
    imported({"Interactions": interactions, "Items": items}, outputs, tmp_path_factory.mktemp("tables"))
    _, tracking_id = stream.tracker(group(), f"clicks-{SUFFIX}", TAGS)
    yield System(deploy.deploy(STACK, {"TrackingId": tracking_id}, TAGS), interactions, items)
    assert cleanup.destroy(GROUP, STACK) == []


@pytest.fixture(scope="session")
def system(streaming: System) -> System:
    """Trained campaigns, filters and the API besides."""
    versions = trained()
    main, similar, ranking = (
        serve.ensure_campaign(f"{name}-{SUFFIX}", version, 1, TAGS, metadata=True)["campaignArn"]
        for name, version in versions.items()
    )
    deploy.publish_popular(streaming.BucketName, streaming.interactions, streaming.items, versions["main"])
    bought = ["purchase"]
    seen = serve.ensure_filter(group(), named("exclude-purchased"), serve.excluding(bought), TAGS)
    filters = serve.offer_filters(group(), seen, named, bought, TAGS)
    arns = {"CampaignArn": main, "SimilarItemsCampaignArn": similar, "RankingCampaignArn": ranking}
    arns |= {"SolutionVersionArn": versions["main"], **deploy.filter_parameters(STACK, filters)}
    return System(deploy.deploy(STACK, arns, TAGS), streaming.interactions, streaming.items)


@pytest.fixture(scope="session")
def url(system: System) -> Iterator[str]:
    """Where the API answers; at the end, every status seen on the way must be in the OpenAPI document."""
    answers = Answers(system.ApiUrl)
    urllib.request.install_opener(urllib.request.build_opener(answers))
    yield system.ApiUrl
    urllib.request.install_opener(urllib.request.build_opener())
    with urllib.request.urlopen(f"{system.ApiUrl}/openapi.json") as response:
        paths = json.load(response)["paths"]
    for verb, path, status in sorted(answers.seen):
        documented = [entry[verb]["responses"] for name, entry in paths.items() if fits(name, path) and verb in entry]
        assert not documented or str(status) in documented[0], f"{verb} {path} answered {status}"


class Answers(urllib.request.BaseHandler):
    """Notes what each request to the API was answered."""

    handler_order = 100  # before a refusal is made an error

    def __init__(self, address: str) -> None:
        self.address, self.seen = address, set()

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        if request.full_url.startswith(self.address):
            path = request.full_url.removeprefix(self.address).split("?")[0]
            self.seen.add((request.get_method().lower(), path, response.status))
        return response


def fits(name: str, path: str) -> bool:
    """Whether a path of the document, such as /recommendations/{userId}, is that of a request."""
    pairs = zip(name.split("/"), path.split("/"), strict=False)
    return name.count("/") == path.count("/") and all(part == given or "{" in part for part, given in pairs)


def named(name: str) -> str:
    return f"{name}-{SUFFIX}"


def group() -> str:
    return train.ensure_dataset_group(GROUP, TAGS)


def imported(tables: dict[str, pd.DataFrame], outputs: dict[str, str], folder: Path) -> None:
    for kind, table in tables.items():
        name = f"shop-{kind.lower()}-{SUFFIX}"
        schema = train.ensure_schema(name, train.schema(kind, list(table.columns)))
        dataset = train.ensure_dataset(group(), kind, name, schema, TAGS)
        table.to_csv(folder / f"{kind}.csv", index=False)
        address = train.upload(outputs["BucketName"], folder / f"{kind}.csv", "tables")
        train.import_table(dataset, address, outputs["RoleArn"], "FULL", TAGS)


def trained() -> dict[str, str]:
    """Solution versions of the main, the similar-items and the ranking solution."""
    recipes = {"main": "aws-user-personalization-v2", "similar": "aws-similar-items"}
    recipes |= {"ranking": "aws-personalized-ranking-v2"}
    solutions = {
        name: train.ensure_solution(group(), f"{name}-{SUFFIX}", recipe, TAGS) for name, recipe in recipes.items()
    }
    versions = {name: train.begin_training(solution, TAGS) for name, solution in solutions.items()}
    for version in versions.values():
        train.await_training(version)
    return versions
