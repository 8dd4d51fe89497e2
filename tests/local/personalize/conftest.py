"""One stocked shop and one set of trained campaigns for the whole area."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import personalize_shop as shops
import pytest
from alone import Server
from botocore.config import Config


@pytest.fixture(scope="session")
def raw(embedded: Any) -> Callable[[str], Any]:
    """Clients that do not check parameters themselves, so that the server has to."""
    config = Config(parameter_validation=False, retries={"max_attempts": 1})
    made: dict[str, Any] = {}

    def client_of(service: str) -> Any:
        return made.setdefault(service, boto3.client(service, config=config))

    return client_of


@pytest.fixture(scope="module")
def mortal(embedded: Any) -> Iterator[Server]:
    """Personalize that may be killed and started again; S3 and CloudWatch are those of the embedded AWS."""
    server = Server(embedded.endpoint)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def shop(client: shops.Client) -> shops.Shop:
    """A dataset group with interactions, items and users."""
    return shops.stocked_shop(client)


@pytest.fixture(scope="session")
def versions(shop: shops.Shop) -> Iterator[dict[str, str]]:
    """An ACTIVE solution version per recipe."""
    recipes = ("aws-user-personalization-v2", "aws-similar-items", "aws-popularity-count", "aws-personalized-ranking")
    started = {recipe: shops.start_version(shop, recipe) for recipe in recipes}
    for arn in started.values():
        described = shops.version_of(shop, arn)
        assert described["status"] == "ACTIVE", described
    yield started


@pytest.fixture(scope="session")
def campaigns(shop: shops.Shop, versions: dict[str, str]) -> dict[str, str]:
    """An ACTIVE campaign per recipe."""
    return {recipe: shops.deploy(shop, version) for recipe, version in versions.items()}


@pytest.fixture(scope="session")
def tracker(shop: shops.Shop) -> str:
    """The tracking id of the shop's event tracker."""
    return shops.add_tracker(shop)


@pytest.fixture(scope="session")
def post(embedded: Any) -> Callable[[str, Any], tuple[int, dict[str, Any]]]:
    """A bare request to the control plane: target and body in, status and answer out."""

    def send(target: str, body: Any) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        scope = "Credential=test/20260101/us-east-1/personalize/aws4_request"
        headers = {"X-Amz-Target": target, "Authorization": f"AWS4-HMAC-SHA256 {scope}"}
        request = urllib.request.Request(embedded.endpoint, data, headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    return send


@pytest.fixture(scope="session")
def aws(embedded: Any) -> Callable[..., str]:
    """The ordinary `aws` command, told where to go by --endpoint-url alone."""
    command = Path(sys.executable).with_name("aws")
    if not command.exists():
        pytest.skip("the aws command is not installed beside this interpreter (dependency group dev)")
    environment = {name: value for name, value in os.environ.items() if name != "AWS_ENDPOINT_URL"}

    def run(*arguments: str) -> str:
        line = [str(command), "--endpoint-url", embedded.endpoint, *arguments, "--output", "json"]
        return subprocess.run(line, env=environment, check=True, capture_output=True, text=True).stdout

    return run
