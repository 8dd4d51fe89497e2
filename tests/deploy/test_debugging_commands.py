"""The commands people type when something is wrong, by the ordinary AWS CLI, in awscli's own driver in this process."""

import contextlib
import functools
import io
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from waiting import eventually

from recsys import deploy

clidriver = pytest.importorskip("awscli.clidriver", reason="the aws command is in the dependency group dev")

Aws = Callable[..., str]
API = "recommendation-api-watched"
LOGS = f"/aws/lambda/{API}"


@pytest.fixture(scope="module")
def aws(watched: dict[str, str]) -> Aws:
    """What `aws ...` printed; it must have ended well. One request has failed before."""
    assert deploy.get(f"{watched['ApiUrl']}/recommendations/u")[0] == 503
    driver = clidriver.create_clidriver()

    def printed(*arguments: str) -> str:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = driver.main(list(arguments))
        assert status == 0, err.getvalue()
        return out.getvalue().strip()

    return printed


def test_the_address_of_the_api_is_an_output_of_the_stack(aws: Aws, watched: dict[str, str]) -> None:
    picked = ("--query", "Stacks[0].Outputs[?OutputKey=='ApiUrl'].OutputValue", "--output", "text")
    assert aws("cloudformation", "describe-stacks", "--stack-name", "recsys-watched", *picked) == watched["ApiUrl"]


def test_each_function_has_a_log_group(aws: Aws) -> None:
    picked = ("--query", "logGroups[].[logGroupName,retentionInDays]", "--output", "text")
    assert f"{LOGS}\t30" in aws("logs", "describe-log-groups", *picked).splitlines()


def test_a_log_is_read_in_the_order_of_time_without_repetition(aws: Aws) -> None:
    """What `aws logs tail --follow` of version 2 asks, again and again; it shows an eventId once."""
    since = str(int((time.time() - 600) * 1000))
    command = ("logs", "filter-log-events", "--log-group-name", LOGS, "--start-time", since)
    first, second = (json.loads(aws(*command))["events"] for _ in range(2))
    assert any("unavailable" in event["message"] for event in first)
    assert len({event["eventId"] for event in first}) == len(first)
    assert [event["eventId"] for event in second][: len(first)] == [event["eventId"] for event in first]


@pytest.fixture
def tail(watched: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen]]:
    """`tail("--since", "1h")`: `aws logs tail` at work on the API's log; only version 2 of the AWS CLI has it."""
    command = [second_version(), "--endpoint-url", os.environ["AWS_ENDPOINT_URL"], "logs", "tail", LOGS]
    environment = {name: value for name, value in os.environ.items() if name != "AWS_DATA_PATH"}  # version 1's, in here
    environment["PYTHONUNBUFFERED"] = "1"  # into a pipe, too, line by line
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as ended:

        def begun(*options: str) -> subprocess.Popen:
            tailing = ended.enter_context(subprocess.Popen([*command, *options], env=environment, **pipes))
            ended.callback(tailing.kill)
            longest = threading.Timer(60, tailing.kill)
            ended.callback(longest.cancel)
            longest.start()
            return tailing

        yield begun


@functools.cache
def second_version() -> str:
    """Path of an AWS CLI of version 2."""
    found = (shutil.which("aws", path=folder) for folder in os.environ["PATH"].split(os.pathsep))
    for command in dict.fromkeys(path for path in found if path):
        if subprocess.run([command, "--version"], capture_output=True, text=True).stdout.startswith("aws-cli/2"):
            return command
    pytest.skip("no AWS CLI of version 2 is installed, which alone has `aws logs tail`")


def test_a_log_is_shown_from_its_tail(aws: Aws, tail: Callable[..., subprocess.Popen]) -> None:
    tailing = tail("--since", "10m")
    shown, refused = tailing.communicate()
    assert tailing.returncode == 0, refused
    assert "unavailable" in shown


def test_a_log_is_followed(watched: dict[str, str], aws: Aws, tail: Callable[..., subprocess.Popen]) -> None:
    following = tail("--follow", "--since", "10m")
    assert following.stdout.readline()  # what was there before: it has begun
    assert deploy.get(f"{watched['ApiUrl']}/recommendations/followed")[0] == 503
    assert any("followed" in line for line in following.stdout)


@pytest.mark.parametrize("stage", [(), ("Name=Stage,Value=watched",)])
def test_requests_are_counted_by_the_api_and_by_its_stage(aws: Aws, stage: tuple[str, ...]) -> None:
    minutes = ("--start-time", iso(time.time() - 3600), "--end-time", iso(time.time() + 60), "--period", "60")
    metric = ("--namespace", "AWS/ApiGateway", "--metric-name", "Count", "--statistics", "Sum")
    dimensions = ("--dimensions", f"Name=ApiName,Value={API}", *stage)
    found = json.loads(aws("cloudwatch", "get-metric-statistics", *metric, *minutes, *dimensions))
    assert found["Label"] == "Count"
    assert sum(point["Sum"] for point in found["Datapoints"]) >= 1


def test_alarms_and_their_states_are_listed(aws: Aws) -> None:
    picked = ("--query", "MetricAlarms[?ends_with(AlarmName,'-watched')].[AlarmName,StateValue]", "--output", "text")
    lines = aws("cloudwatch", "describe-alarms", "--alarm-name-prefix", "recsys-", *picked).splitlines()
    states: dict[str, Any] = dict(line.split("\t") for line in lines)
    assert len(states) == 19
    assert set(states.values()) <= {"OK", "ALARM", "INSUFFICIENT_DATA"}


def test_the_history_of_an_alarm_says_whom_it_told(aws: Aws, watched: dict[str, str]) -> None:
    history = ("cloudwatch", "describe-alarm-history", "--alarm-name", "recsys-BatchMissed-watched")
    picked = ("--history-item-type", "Action", "--query", "AlarmHistoryItems[].HistorySummary", "--output", "text")
    assert f"Successfully executed action {watched['AlarmTopicArn']}" in eventually(lambda: aws(*history, *picked))


def iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
