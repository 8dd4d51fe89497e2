"""Alarms, a dashboard's metrics and a rehearsal, against the embedded AWS."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from recsys import aws, operate
from recsys.errors import AwsError, TimedOut
from recsys.operate import rehearsal

Client = Callable[[str], Any]
WATCHES = {
    "Namespace": "Shop",
    "MetricName": "Lost",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 1_500.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}


@pytest.fixture(autouse=True)
def connected(embedded: Any) -> None:
    aws.client.cache_clear()


@pytest.fixture
def topic(client: Client) -> Iterator[str]:
    arn = client("sns").create_topic(Name="watch")["TopicArn"]
    yield arn
    client("sns").delete_topic(TopicArn=arn)


@pytest.fixture
def alarm(client: Client, topic: str) -> Iterator[Callable[..., str]]:
    """`alarm("Lost")` makes the alarm recsys-Lost-w, which tells the topic; other settings by name."""
    made = []

    def make(name: str, suffix: str = "w", **settings: Any) -> str:
        tells = {"AlarmActions": [topic], "OKActions": [topic], "AlarmDescription": "look for it"}
        made.append(f"recsys-{name}-{suffix}")
        client("cloudwatch").put_metric_alarm(AlarmName=made[-1], **{**WATCHES, **tells, **settings})
        return made[-1]

    yield make
    client("cloudwatch").delete_alarms(AlarmNames=made)


def left(client: Client) -> tuple[list[Any], list[Any]]:
    """Queues of rehearsals, and subscriptions to queues, that are there."""
    queues = client("sqs").list_queues(QueueNamePrefix="recsys-rehearsal").get("QueueUrls", [])
    subscribed = client("sns").list_subscriptions()["Subscriptions"]
    return queues, [each for each in subscribed if "recsys-rehearsal" in each["Endpoint"]]


def test_alarms_are_told_in_words_and_of_this_environment_only(alarm: Callable[..., str]) -> None:
    alarm("Lost")
    alarm("Lost", suffix="other-w")
    silent = {"EvaluationPeriods": 25, "DatapointsToAlarm": 1, "Period": 3600, "TreatMissingData": "breaching"}
    alarm("Slow", MetricName="ModelLatency", Threshold=5e6)
    alarm("BatchMissed", ActionsEnabled=False, ComparisonOperator="LessThanThreshold", Threshold=0.5, **silent)
    missed, lost, slow = operate.settled("w", timeout=10).to_dict("records")
    assert lost == {
        "alarm": "Lost",
        "says": "look for it",
        "rings when": "Lost (Sum) above 1,500 in 2 of 2 minutes",
        "state": "OK",
        "tells": "watch",
    }
    assert slow["rings when"] == "ModelLatency (Sum) above 5,000,000 microseconds in 2 of 2 minutes"
    assert missed["rings when"] == "Lost (Sum) below 0.5 in 1 of 25 hours, or silence"
    assert (missed["state"], missed["tells"]) == ("ALARM", "")


def test_an_alarm_that_waits_for_a_day_says_of_no_failure() -> None:
    table = pd.DataFrame(
        {"alarm": ["BatchMissed", "ModelOld", "ApiSlow", "ApiFailing"], "state": ["ALARM"] * 3 + ["OK"]}
    )
    assert operate.failing(table) == ["ApiSlow"]


def test_what_rings_is_waited_for_no_longer_than_said(alarm: Callable[..., str], client: Client) -> None:
    alarm("Lost", TreatMissingData="breaching", ComparisonOperator="LessThanThreshold")
    found = operate.settled("w", timeout=1.5)
    assert operate.failing(found) == ["Lost"]


def test_a_rehearsed_alarm_is_heard_and_comes_back_and_nothing_stays(alarm: Callable[..., str], client: Client) -> None:
    names = [alarm("Lost"), alarm("Slow")]
    operate.settled("w", timeout=10)
    heard = operate.rehearse(names, {"project": "recsys"}, timeout=20)
    assert {(name, state) for name in names for state in ("ALARM", "OK")} == set(
        zip(heard["alarm"], heard["state"], strict=True)
    )
    first = heard.iloc[0]
    assert first["subject"].startswith(f'ALARM: "{first["alarm"]}" in ') and first["says"] == "look for it"
    assert first["reason"].startswith("A rehearsal: nothing is wrong")
    assert left(client) == ([], [])


def test_what_a_retraining_tells_the_topic_meanwhile_is_no_alarm(
    alarm: Callable[..., str], topic: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening, name = rehearsal._listening, alarm("Lost")
    operate.settled("w", timeout=10)

    @contextmanager
    def beside(*asked: Any) -> Iterator[str]:
        with listening(*asked) as queue:
            client("sns").publish(TopicArn=topic, Subject="Retraining", Message=json.dumps({"outcome": "live"}))
            yield queue

    monkeypatch.setattr(rehearsal, "_listening", beside)
    assert set(operate.rehearse([name], {}, timeout=20)["alarm"]) == {name}


def test_a_rehearsal_that_nobody_hears_leaves_nothing_either(
    alarm: Callable[..., str], topic: str, client: Client
) -> None:
    name = alarm("Lost")
    operate.settled("w", timeout=10)
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": topic}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    with pytest.raises(TimedOut, match="the rehearsal is still NOT HEARD YET"):
        operate.rehearse([name], {}, timeout=0.5)
    assert left(client) == ([], [])


def test_an_alarm_that_is_not_there_or_tells_nobody_is_not_rehearsed(alarm: Callable[..., str]) -> None:
    with pytest.raises(AwsError, match="there is no alarm recsys-None-w"):
        operate.rehearse(["recsys-None-w"], {})
    with pytest.raises(AwsError, match="tells no topic when it begins and ends: nobody would hear it"):
        operate.rehearse([alarm("Mute", OKActions=[])], {})


def test_an_alarm_that_is_on_is_not_rehearsed(alarm: Callable[..., str], client: Client) -> None:
    name = alarm("Lost", TreatMissingData="breaching", ComparisonOperator="LessThanThreshold")
    client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="it is lost")
    with pytest.raises(AwsError, match="recsys-Lost-w is on, which is no rehearsal: "):
        operate.rehearse([name], {})


def test_nothing_to_rehearse_is_nothing_heard() -> None:
    assert operate.rehearse([], {}).empty


def test_vital_signs_are_the_dashboards_metrics_also_in_its_short_form(client: Client) -> None:
    body = {
        "widgets": [
            {"type": "text", "properties": {"markdown": "none"}},
            {
                "type": "metric",
                "properties": {
                    "title": "Shop, right: us",
                    "stat": "Sum",
                    "metrics": [
                        ["Vital", "Asked", "Shop", "a", "Stage", "live"],
                        [".", "Took", ".", ".", ".", ".", {"stat": "p50", "yAxis": "right"}],
                        ["...", {"stat": "p99", "yAxis": "right"}],
                        ["...", "test"],
                    ],
                },
            },
        ]
    }
    client("cloudwatch").put_dashboard(DashboardName="vital", DashboardBody=json.dumps(body))
    now = time.time() // 60 * 60
    for minute, values in ((now - 120, [1000, 2000, 3000]), (now - 60, [500])):
        for name, stage, numbers in (("Asked", "live", [len(values)]), ("Took", "live", values), ("Took", "test", [7])):
            dimensions = [{"Name": "Shop", "Value": "a"}, {"Name": "Stage", "Value": stage}]
            point = {"MetricName": name, "Dimensions": dimensions, "Timestamp": datetime.fromtimestamp(minute, UTC)}
            data = [{**point, "Value": value} for value in numbers]
            client("cloudwatch").put_metric_data(Namespace="Vital", MetricData=data)
    found = operate.vital_signs("vital", minutes=10)
    assert found["minute"].unique().tolist() == [pd.Timestamp(now - 120, unit="s"), pd.Timestamp(now - 60, unit="s")]
    told = found.groupby(["panel", "unit", "sign"], sort=False)["value"].agg(list).to_dict()
    assert told == {
        ("Shop", "count", "Asked"): [3, 1],
        ("Shop", "ms", "Took p50"): [2, 0.5],
        ("Shop", "ms", "Took p99"): [pytest.approx(2.98), 0.5],
        ("Shop", "count", "Took"): [7, 7],
    }
    client("cloudwatch").delete_dashboards(DashboardNames=["vital"])


def test_the_dashboard_is_found_in_the_console_of_the_region() -> None:
    assert operate.dashboard_address("recsys-dev").startswith("https://us-east-1.console.aws.amazon.com/cloudwatch/")
