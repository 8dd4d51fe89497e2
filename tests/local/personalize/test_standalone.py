"""Personalize on its own beside a stock MiniStack, with nothing but service-specific endpoints in the environment."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import personalize_shop as shops
import pytest
from botocore.exceptions import ClientError
from ports import free_port

from recsys.errors import LocalError
from recsys.local import launcher
from recsys.local.options import Options
from recsys.local.shared.cloudwatch import CloudWatch

POISON = "from pathlib import Path\nPath(__file__).with_name('imported').touch()\nraise ImportError('not here')\n"


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MiniStack as it comes; its URL."""
    port, command = free_port(), Path(sys.executable).with_name("ministack")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}
    log = (tmp_path_factory.mktemp("ministack") / "log").open("wb")
    process = subprocess.Popen([str(command)], env=plain | settings, stdout=log, stderr=log)
    while not answers(port):
        assert process.poll() is None
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(timeout=30)


@pytest.fixture(scope="module")
def poison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `ministack` is a module that cannot be imported, and remembers who tried."""
    folder = tmp_path_factory.mktemp("poison")
    (folder / "ministack.py").write_text(POISON)
    return folder


@pytest.fixture(scope="module")
def alone(ministack: str, poison: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[launcher.Status]:
    """A standalone server, its S3 and CloudWatch in MiniStack; the environment speaks of single services only."""
    state = tmp_path_factory.mktemp("alone") / "state"
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", ministack)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(poison), *filter(None, [os.environ.get("PYTHONPATH")])]))
        options = Options("personalize", ministack, "111122223333", auto_training=False, day_seconds=60)
        found = launcher.up(free_port(), state, options=options)
        for name, value in launcher.exports(state).items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL_S3", ministack)
        yield found
        launcher.down(state)


@pytest.fixture(scope="module")
def shop(alone: launcher.Status) -> shops.Shop:
    """A shop with data from MiniStack's S3."""
    return shops.stocked_shop(boto3.client)


@pytest.fixture(scope="module")
def campaign(shop: shops.Shop) -> str:
    """A campaign of what is popular there."""
    return shops.deploy(shop, shops.trained_version(shop, "aws-popularity-count"))


def test_it_trains_on_the_other_emulators_s3_and_answers(campaign: str) -> None:
    answer = boto3.client("personalize-runtime").get_recommendations(campaignArn=campaign, userId="u1")
    assert len(answer["itemList"]) == 25


def test_arns_have_the_account_asked_for(shop: shops.Shop) -> None:
    assert shop.group == f"arn:aws:personalize:us-east-1:111122223333:dataset-group/{shop.name}"


def test_put_events_is_accepted(shop: shops.Shop) -> None:
    event = {"eventType": "view", "itemId": "i1", "sentAt": time.time()}
    answer = boto3.client("personalize-events").put_events(
        trackingId=shops.add_tracker(shop), sessionId="s", userId="u1", eventList=[event]
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_browser_is_told_that_web_pages_may_call_it(alone: launcher.Status) -> None:
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    with urlopen(
        Request(f"{os.environ['AWS_ENDPOINT_URL_PERSONALIZE']}/events", None, asked, method="OPTIONS")
    ) as answer:
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "authorization" in answer.headers["access-control-allow-headers"]


def test_metrics_go_to_the_other_emulators_cloudwatch(shop: shops.Shop) -> None:
    cloudwatch = boto3.client("cloudwatch")
    while not (found := cloudwatch.list_metrics(Namespace="AWS/Personalize", MetricName="DatasetSize")["Metrics"]):
        time.sleep(0.1)
    assert {"Name": "DatasetGroupArn", "Value": shop.group} in found[0]["Dimensions"]


@pytest.mark.parametrize(
    "words", ["personalize list-schemas", "personalize-runtime get-recommendations --user-id u1 --campaign-arn {}"]
)
def test_the_aws_command_honours_the_same_variables(campaign: str, words: str) -> None:
    command = Path(sys.executable).with_name("aws")
    if not command.exists():
        pytest.skip("the aws command is not installed beside this interpreter (dependency group dev)")
    done = subprocess.run([str(command), *words.format(campaign).split()], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_ministack_is_never_imported(campaign: str, poison: Path) -> None:
    assert not (poison / "imported").exists()


def test_a_request_for_another_service_is_told_where_it_went_wrong(alone: launcher.Status) -> None:
    for service, call in (("dynamodb", "list_tables"), ("s3", "list_buckets"), ("sts", "get_caller_identity")):
        asking = getattr(boto3.client(service, endpoint_url=alone.endpoint), call)
        with pytest.raises(ClientError, match=f"Personalize only, not {service}: point AWS_ENDPOINT_URL_PERSONALIZE"):
            asking()


def test_metrics_that_are_refused_are_not_tried_again(alone: launcher.Status) -> None:
    assert CloudWatch(alone.endpoint, "us-east-1", "AWS/Personalize").put([{"MetricName": "m", "Value": 1}])


def test_any_signing_scope_will_do_for_an_operation_of_personalize(alone: launcher.Status) -> None:
    scope = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/execute-api/aws4_request"
    headers = {"X-Amz-Target": "AmazonPersonalize.ListSchemas", "Authorization": scope}
    with urlopen(Request(alone.endpoint, b"{}", headers)) as answer:
        assert b"schemas" in answer.read()


def test_the_exports_name_personalize_and_nothing_else(alone: launcher.Status) -> None:
    services = ("", "_RUNTIME", "_EVENTS")
    assert launcher.exports(alone.state) == {f"AWS_ENDPOINT_URL_PERSONALIZE{name}": alone.endpoint for name in services}
    port = int(alone.endpoint.rsplit(":", 1)[1])
    assert launcher.exports(alone.state / "elsewhere", port) == launcher.exports(alone.state)


def test_its_health_says_what_it_reads_and_how_time_passes(alone: launcher.Status, ministack: str) -> None:
    health = launcher.status(alone.state).health
    assert (health["services"], health["s3"], health["personalize"]["cloudwatch"]) == (
        "personalize",
        ministack,
        ministack,
    )
    assert health["personalize"]["clock"] == {"day_seconds": 60.0, "auto_training": False}


def test_a_server_of_other_services_needs_a_state_of_its_own(alone: launcher.Status) -> None:
    with pytest.raises(LocalError, match=r"Amazon Personalize runs on .* already; .*--state"):
        launcher.up(int(alone.endpoint.rsplit(":", 1)[1]), alone.state)


def test_without_any_endpoint_s3_is_aws_and_cloudwatch_is_left_alone(
    alone: launcher.Status, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_CLOUDWATCH"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    health = launcher.up(free_port(), tmp_path, options=Options("personalize")).health
    launcher.down(tmp_path)
    assert health["s3"].endswith("amazonaws.com")
    assert health["personalize"]["region"] == "eu-central-1"
    assert health["personalize"]["cloudwatch"].startswith("off")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"services": "s3"}, "--services s3: choose one of all, personalize"),
        ({"s3_endpoint": "http://127.0.0.1:1"}, "are for --services personalize"),
        ({"services": "personalize", "s3_endpoint": "localhost:4566"}, "give a URL such as"),
        ({"services": "personalize", "account": "1"}, "an account number has 12 digits"),
        ({"requests_per_second": 0}, "nothing would be answered"),
        ({"day_seconds": 0}, "a day must last longer than nothing"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_words(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(LocalError, match=reason):
        Options(**wrong)
