"""Requests per second: AWS's limit, for who asks for it, so that the retries of a program can be tried."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import ports
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from granted import MODELS, SERVICES, call
from shapes import modelled

from recsys.local import launcher
from recsys.local.options import Options
from recsys.local.personalize.wire import rate
from recsys.local.personalize.wire.protocol import operations

ONE_AN_HOUR = 1 / 3600
LIMIT = "The limit on the number of requests per second has been exceeded."


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Clients that neither check nor retry, of a server that takes one request of each operation an hour."""
    state = tmp_path_factory.mktemp("rate")
    options = Options("personalize", "http://127.0.0.1:1", requests_per_second=ONE_AN_HOUR)
    server = launcher.up(ports.free_port(), state, options=options)
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    placeholder = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    made = {each: boto3.client(each, endpoint_url=server.endpoint, config=config, **placeholder) for each in SERVICES}
    yield made.__getitem__
    launcher.down(state)


@pytest.mark.parametrize("name", MODELS)
def test_a_request_beyond_the_rate_is_over_the_limit(name: str, impatient: Callable[[str], Any]) -> None:
    path = {"trackingId": "none"} if "trackingId" in MODELS[name].input_shape.members else {}
    first, second = (refused(impatient, name, path) for _ in range(2))
    assert first != second
    code = "LimitExceededException"
    assert second == (code if code in modelled(MODELS[name]) else "ThrottlingException", LIMIT)


def test_step_functions_names_a_throttled_request_after_the_service(
    impatient: Callable[[str], Any], client: Callable[[str], Any]
) -> None:
    """The model has no such error; one that it has keeps its name."""
    assert [task_error(impatient("personalize")) for _ in range(2)][-1] == "Personalize.PersonalizeException"
    assert task_error(client("personalize")) == "Personalize.ResourceNotFoundException"


def task_error(client: Any) -> str:
    """What a task that describes a campaign which is not there fails with."""
    from ministack.services import stepfunctions

    from recsys.local.aws.stepfunctions import personalize_tasks

    arn = "arn:aws:personalize:us-east-1:000000000000:campaign/not-there"
    with pytest.raises(stepfunctions._ExecutionError) as raised:
        personalize_tasks._call(client, "Personalize", "describeCampaign", {"CampaignArn": arn})
    return raised.value.error


def refused(client_of: Callable[[str], Any], name: str, request: dict[str, Any]) -> tuple[str, str] | None:
    """Code and message of what a call is refused with, if it is."""
    try:
        call(client_of, name, request)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return None


def test_waiting_is_answered_and_as_many_may_come_at_once_as_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(rate.time, "monotonic", lambda: now[0])
    listing, creating = (operations()[f"AmazonPersonalize.{name}"] for name in ("ListSchemas", "CreateSchema"))
    three = rate.Rate(3)

    def taken(operation: Any) -> int:
        return sum(_admitted(three, operation) for _ in range(5))

    assert (taken(listing), taken(creating)) == (3, 3)
    now[0] = 0.5
    assert taken(listing) == 1
    now[0] = 100.0
    assert (taken(listing), taken(creating)) == (3, 3)


def _admitted(limit: rate.Rate, operation: Any) -> bool:
    try:
        limit.admit(operation)
    except rate.ServiceError:
        return False
    return True
