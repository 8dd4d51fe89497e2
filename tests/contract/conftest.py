"""Plain boto3 clients whose every answer is held against botocore's output shapes, and one of everything."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
import shapes
from botocore.config import Config
from botocore.model import OperationModel
from world import World

SERVICES = ("personalize", "personalize-runtime", "personalize-events")


def _hold(operation_model: OperationModel, response_dict: dict[str, Any], **_: Any) -> None:
    """Before botocore parses an answer: the bare body must be what the model says, and an error one it models."""
    body = json.loads(response_dict["body"] or b"{}")
    name = operation_model.name
    if response_dict["status_code"] >= 300:
        code = body.get("__type", "")
        assert code in shapes.modelled(operation_model), f"{name} answered {code}, which it does not model: {body}"
        assert body["message"], f"{name} answered {code} without a message"
    elif operation_model.output_shape:
        found = shapes.problems(body, operation_model.output_shape)
        assert not found, f"{name}: {found}"


def _clients(**config: Any) -> Callable[[str], Any]:
    made: dict[str, Any] = {}

    def client_of(service: str) -> Any:
        if service not in made:
            made[service] = boto3.client(service, config=Config(retries={"max_attempts": 1}, **config))
            if service in SERVICES:
                made[service].meta.events.register("before-parse", _hold)
        return made[service]

    return client_of


@pytest.fixture(scope="session")
def checked(embedded: Any) -> Callable[[str], Any]:
    """`checked("personalize")`: boto3 as users have it."""
    return _clients(max_pool_connections=8)


@pytest.fixture(scope="session")
def unchecked(embedded: Any) -> Callable[[str], Any]:
    """The same without the client's own parameter validation: the server has to refuse."""
    return _clients(parameter_validation=False)


@pytest.fixture(scope="session")
def world(checked: Callable[[str], Any]) -> Iterator[World]:
    yield World(checked).build()


@pytest.fixture(autouse=True)
def tidy(request: pytest.FixtureRequest) -> Iterator[None]:
    """Quotas are small: what a test made of a scarce kind goes when it ends."""
    yield
    if "world" in request.fixturenames:
        request.getfixturevalue("world").tidy()
