"""What cannot be asked is told in one line, whichever way it is asked; and AWS itself is never something else."""

import itertools
import os
import time
import urllib.request
from collections.abc import Callable, Iterator

import ports
import pytest
from botocore.exceptions import ClientError

from recsys import aws
from recsys.deploy.cleanup.waiting import until
from recsys.errors import AwsError, Refused

WAYS: dict[str, Callable[[], object]] = {
    "call": lambda: aws.call(aws.client("personalize").list_schemas),
    "pages": lambda: list(aws.pages("personalize", "list_schemas", "schemas")),
    "client": lambda: aws.client("personalize").list_schemas and aws.region(),
}


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    aws.client.cache_clear()
    yield
    aws.client.cache_clear()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"AWS_PROFILE": "typo"}, r"profile \(typo\) could not be found"),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "AWS credentials are missing: run `aws configure`"),
        (aws.local_credentials(), "no AWS region: set aws.region"),
    ],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, way: str, environment: dict[str, str], said: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(AwsError, match=said):
        WAYS[way]()


@pytest.mark.parametrize("way", ["call", "pages"])
def test_where_nobody_answers_it_is_told(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # between the attempts
    port = ports.free_port()
    aws.connect("us-east-1", f"http://127.0.0.1:{port}")
    with pytest.raises(AwsError, match=f"is it running.* `recsys local up --port {port}`"):
        WAYS[way]()


def test_where_nobody_answers_elsewhere_no_embedded_aws_is_advised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://vpce-1.example.com")
    assert aws.remedy_for_silence() == "is https://vpce-1.example.com right?"


@pytest.mark.parametrize(("away", "ends"), [(aws.AWAY, True), (-1.0, False)])
def test_a_wait_outlasts_a_network_that_is_away_for_a_while(
    monkeypatch: pytest.MonkeyPatch, away: float, ends: bool
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(aws, "AWAY", away)
    aws.connect("us-east-1", f"http://127.0.0.1:{ports.free_port()}")
    asked = itertools.count()

    def describe() -> dict[str, str]:
        number = next(asked)
        if 1 <= number <= 3:
            aws.call(aws.client("personalize").list_schemas)  # nobody is there
        return {"status": "ACTIVE" if number else "CREATE IN_PROGRESS"}

    if ends:
        assert aws.wait("training", describe)["status"] == "ACTIVE"
    else:
        with pytest.raises(AwsError, match="is it running"):
            aws.wait("training", describe)


@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 400), ("Whatever", 429), ("Whatever", 503)])
def test_a_wait_outlasts_a_service_that_is_busy_and_no_other_refusal(code: str, status: int) -> None:
    assert waited_through(code, status) == "ACTIVE"
    with pytest.raises(Refused, match="ExpiredTokenException"):
        waited_through("ExpiredTokenException", 400)


def waited_through(code: str, status: int) -> str:
    """The status that is waited for, where the second answer is this refusal."""
    answers = iter([{"status": "CREATE PENDING"}, code, {"status": "ACTIVE"}])

    def describe() -> dict[str, str]:
        answer = next(answers)
        if answer != code:
            return answer
        told = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
        with aws.readable():
            raise ClientError(told, "DescribeSolutionVersion")

    return aws.wait("training", describe)["status"]


def test_a_clean_up_outlasts_a_network_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    aws.connect("us-east-1", f"http://127.0.0.1:{ports.free_port()}")
    asked = itertools.count()

    def gone() -> bool:
        number = next(asked)
        if number == 1:
            aws.call(aws.client("personalize").list_schemas)  # nobody is there
        return number == 2

    until(gone, "campaign: still in use", time.monotonic() + 60, lambda line: None)
    assert next(asked) == 3


def test_who_never_answered_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    aws.connect("us-east-1", f"http://127.0.0.1:{ports.free_port()}")
    asked: list[str] = []

    def describe() -> dict[str, str]:
        asked.append("once")
        return aws.call(aws.client("personalize").list_schemas)

    with pytest.raises(AwsError, match="is it running"):
        aws.wait("training", describe)
    assert asked == ["once"]


def test_an_address_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    aws.connect("us-east-1", "http://")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with pytest.raises(AwsError, match="Invalid endpoint"):
        aws.client("personalize")


def test_a_single_services_leftover_does_not_stand_in_for_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    private = "https://vpce-1.s3.us-east-1.vpce.amazonaws.com"
    monkeypatch.setenv("AWS_ENDPOINT_URL_PERSONALIZE", "http://127.0.0.1:4566")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", private)
    aws.connect("us-east-1")
    assert aws.address("personalize") == "https://personalize.us-east-1.amazonaws.com"
    assert aws.service_endpoints() == {"AWS_ENDPOINT_URL_S3": private}


@pytest.mark.parametrize("there", ["", "shop.example,127.0.0.1", "*"])
def test_no_proxy_is_asked_for_what_is_on_this_machine(monkeypatch: pytest.MonkeyPatch, there: str) -> None:
    monkeypatch.setenv("no_proxy", there)
    monkeypatch.setenv("NO_PROXY", there)
    aws.connect("us-east-1", "http://127.0.0.1:4566")
    assert urllib.request.proxy_bypass("127.0.0.1:4566")
    assert urllib.request.proxy_bypass("localhost")
    assert set(filter(None, there.split(","))) <= set(os.environ["NO_PROXY"].split(","))
