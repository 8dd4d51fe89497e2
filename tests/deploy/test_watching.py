"""Alarms that come and go by themselves, and what they tell; the dashboard; scaling."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import privileges
import pytest
from function_settings import settings
from policies import policies
from waiting import eventually

from recsys import deploy, operate
from recsys.deploy.template import PARTS, content

STACK = "recsys-watched"
PART = content(PARTS["WatchingKey"])["Resources"]
KEPT = ("AlarmName", "Namespace", "MetricName", "Dimensions", "Threshold", "ComparisonOperator", "TreatMissingData")
KEPT += ("Statistic", "ExtendedStatistic", "AlarmDescription", "AlarmActions", "OKActions")
SPAN = ("EvaluationPeriods", "DatapointsToAlarm")
# Ten seconds are the shortest period CloudWatch takes. Whoever waits for a minute to pass in a test waits for long.
SHORT = {"Period": 10, "ActionsEnabled": True}
LATE = {"BatchMissed"}  # until a batch begins

Client = Callable[[str], Any]
Notices = Callable[[str], dict[str, dict[str, Any]]]


def alarms(client: Client, stack: str) -> dict[str, dict[str, Any]]:
    """The stack's alarms by their names in the template."""
    suffix = stack.removeprefix("recsys")
    pages = client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix="recsys-")
    found = [alarm for page in pages for alarm in page["MetricAlarms"]]  # other tests' environments have theirs
    return {short(alarm["AlarmName"]): alarm for alarm in found if alarm["AlarmName"].endswith(suffix)}


def alarm_of(client: Client, name: str) -> dict[str, Any]:
    """What a datapoint needs to be seen by an alarm."""
    alarm = alarms(client, STACK)[name]
    return {field: alarm[field] for field in ("MetricName", "Dimensions")}


def short(alarm: str) -> str:
    """`StreamSlow` of recsys-StreamSlow-dev."""
    return alarm.split("-")[1]


def messages(client: Client, url: str) -> int:
    counted = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(counted["Attributes"]["ApproximateNumberOfMessages"])


def shorten(client: Client, alarm: dict[str, Any], **instead: Any) -> None:
    """The alarm as it is deployed, but that ten seconds stand for its minutes."""
    client("cloudwatch").put_metric_alarm(**given(alarm, KEPT), **SHORT, **instead)


def given(alarm: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The members that a request may name: the embedded CloudWatch describes a Statistic beside a percentile."""
    wanted = {name: alarm[name] for name in names if alarm.get(name) not in (None, "")}
    return {name: value for name, value in wanted.items() if name != "Statistic" or "ExtendedStatistic" not in wanted}


@pytest.fixture
def quick(watched: dict[str, str], client: Client) -> Callable[[str], None]:
    """`quick("ApiFailing")`: one look of ten seconds is enough for the alarm."""
    deployed = alarms(client, STACK)

    def once(name: str) -> None:
        shorten(client, deployed[name], EvaluationPeriods=1, DatapointsToAlarm=1)

    return once


@contextmanager
def listening(watched: dict[str, str], client: Client) -> Iterator[Notices]:
    """`notices("ALARM")`: what alarms that came to a state told the topic, by the alarm's name in the template."""
    sqs, sns, told = client("sqs"), client("sns"), []
    eventually(
        lambda: not any(each["StateValue"] == "INSUFFICIENT_DATA" for each in alarms(client, STACK).values()), 10
    )
    url = sqs.create_queue(QueueName="alarms-are-told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscribed = sns.subscribe(TopicArn=watched["AlarmTopicArn"], Protocol="sqs", Endpoint=arn)["SubscriptionArn"]

    def come_to(state: str) -> dict[str, dict[str, Any]]:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            told.append(json.loads(json.loads(message["Body"])["Message"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        came = [notice for notice in told if notice["NewStateValue"] == state]
        return {short(notice["AlarmName"]): notice for notice in came}

    try:
        yield come_to
    finally:
        sns.unsubscribe(SubscriptionArn=subscribed)
        sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def notices(watched: dict[str, str], client: Client) -> Iterator[Notices]:
    with listening(watched, client) as come_to:
        yield come_to


def telling(alarm: dict[str, Any]) -> list[float]:
    """Values of one period whose statistic, the alarm's own, lies beyond the threshold, or at a lowest one."""
    threshold = alarm["Threshold"]
    if alarm["ComparisonOperator"] == "LessThanThreshold":
        return [threshold]
    values = {"Sum": [threshold, 1.0], "Average": [2 * threshold + 1, 1.0]}
    return values.get(given(alarm, KEPT).get("Statistic", "p99"), [threshold + 1, threshold + 1, 0.0])


def put_period(client: Client, alarm: dict[str, Any], periods_ago: int, values: list[float]) -> None:
    at = time.time() - periods_ago * SHORT["Period"] - 0.5
    datum = {"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Timestamp": at}
    data = [{**datum, "Value": value} for value in values]
    client("cloudwatch").put_metric_data(Namespace=alarm["Namespace"], MetricData=data)


@pytest.fixture(scope="module")
def tried(watched: dict[str, str], client: Client) -> dict[str, dict[str, dict[str, Any]]]:
    """What all alarms told, side by side, when their metrics went wrong in as many periods as they wait for.

    State -> alarm -> notice. These periods are the earliest that an alarm looks at, so that it is soon over. That no
    batch began is wrong from the first, so that one's data are of a batch.
    """
    deployed = alarms(client, STACK)
    for alarm in deployed.values():
        shorten(client, alarm, **given(alarm, SPAN))
    with listening(watched, client) as come_to:
        eventually(lambda: {name for name, each in alarms(client, STACK).items() if each["StateValue"] != "OK"} == LATE)
        for name, alarm in deployed.items():
            most = alarm["EvaluationPeriods"]
            needed = 1 if name in LATE else alarm.get("DatapointsToAlarm") or most
            for periods_ago in range(most - needed, most):
                put_period(client, alarm, periods_ago, telling(alarm))
        eventually(lambda: all(deployed.keys() <= come_to(state).keys() for state in ("ALARM", "OK")), 60)
        return {state: come_to(state) for state in ("ALARM", "OK")}


@pytest.mark.parametrize("name", [name for name, each in PART.items() if each["Type"] == "AWS::CloudWatch::Alarm"])
def test_an_alarm_goes_off_by_its_own_metric_and_comes_back(
    tried: dict[str, dict[str, dict[str, Any]]], name: str
) -> None:
    gone, back = tried["ALARM"][name], tried["OK"][name]
    assert gone["AlarmDescription"] == back["AlarmDescription"] == PART[name]["Properties"]["AlarmDescription"]
    assert gone["Trigger"]["MetricName"] == PART[name]["Properties"]["MetricName"]
    assert (gone["OldStateValue"], back["OldStateValue"]) == ("OK", "ALARM")


def test_what_goes_wrong_is_told_and_that_it_is_over_too(
    watched: dict[str, str], client: Client, quick: Callable[[str], None], notices: Notices
) -> None:
    names = {"StreamErrors", "FailureQueueFilled", "ApiFailing", "ApiFallsBack", "ModelOld"}
    for name in names:
        quick(name)
    for _ in range(12):  # of two periods of ten seconds one has six
        assert deploy.get(f"{watched['ApiUrl']}/recommendations/u")[0] == 503
    client("cloudwatch").put_metric_data(Namespace="Recsys", MetricData=[{**alarm_of(client, "ModelOld"), "Value": 31}])
    with settings(client, watched["StreamProcessorFunctionName"], PROFILE_DAYS="none"):  # it cannot start
        for shard in range(4):  # each one's batch fails four times
            where = {"StreamName": watched["StreamName"], "PartitionKey": "p", "ExplicitHashKey": str(shard << 126)}
            client("kinesis").put_record(Data=b"{}", **where)
        eventually(lambda: names <= notices("ALARM").keys() and messages(client, watched["QueueUrl"]) == 4)
    client("sqs").purge_queue(QueueUrl=watched["QueueUrl"])
    eventually(lambda: names <= notices("OK").keys(), 60)
    notice, queue = notices("ALARM")["FailureQueueFilled"], watched["QueueUrl"].rpartition("/")[2]
    assert notice["Trigger"]["Dimensions"] == [{"value": queue, "name": "QueueName"}]
    assert notice["NewStateReason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [")
    assert notice["AlarmDescription"].endswith("the queue's messages say which; it rings until they are gone")
    assert notices("OK")["ApiFailing"]["OldStateValue"] == "ALARM"


def test_every_alarm_says_what_to_do_and_whom_it_tells(watched: dict[str, str]) -> None:
    table = operate.alarms("watched")
    assert len(table) == 19 and set(table["tells"]) == {watched["AlarmTopicArn"].rpartition(":")[2]}
    assert table["says"].str.len().gt(20).all()


def test_the_dashboards_metrics_are_told_by_what_they_watch(watched: dict[str, str]) -> None:
    deploy.get(f"{watched['ApiUrl']}/health")
    signs = operate.vital_signs("recsys-watched", minutes=5)
    asked = signs[(signs["panel"] == "API") & (signs["sign"] == "Count")]
    assert asked["value"].sum() >= 1 and asked["unit"].unique() == ["count"]
    assert set(signs.loc[(signs["panel"] == "API") & (signs["unit"] == "ms"), "sign"]) == {"Latency p50", "Latency p99"}


def test_alarms_come_with_what_they_watch(environment: Any, client: Client) -> None:
    environment.grown("bucket")
    assert alarms(client, environment.stack) == {}
    environment.grown("stream")
    assert len(alarms(client, environment.stack)) == 7
    environment.grown("api")
    assert len(alarms(client, environment.stack)) == 17
    environment.deploy(CampaignArn="")
    assert len(alarms(client, environment.stack)) == 7


def test_the_dashboard_names_what_is_deployed(watched: dict[str, str], client: Client) -> None:
    body = json.loads(client("cloudwatch").get_dashboard(DashboardName="recsys-watched")["DashboardBody"])
    shown = set(body["widgets"][0]["properties"]["alarms"])
    assert shown == {alarm["AlarmArn"] for alarm in alarms(client, STACK).values()}
    text = json.dumps(body["widgets"][1:])
    for name in ("StreamProcessorFunctionName", "TableName", "CampaignArn"):
        assert f'"{watched[name]}"' in text


def test_provisioned_profiles_are_scaled_and_an_address_is_subscribed(environment: Any, client: Client) -> None:
    outputs = environment.deploy(TrackingId="t", ProfilesBillingMode="PROVISIONED", AlarmEmail="ops@example.com")
    units = client("dynamodb").describe_table(TableName=outputs["TableName"])["Table"]["ProvisionedThroughput"]
    assert (units["ReadCapacityUnits"], units["WriteCapacityUnits"]) == (5, 5)
    resources = client("cloudformation").list_stack_resources(StackName=environment.stack)["StackResourceSummaries"]
    assert sum(each["ResourceType"].startswith("AWS::ApplicationAutoScaling::") for each in resources) == 4
    topic = client("sns").list_subscriptions_by_topic(TopicArn=outputs["AlarmTopicArn"])["Subscriptions"]
    assert [(each["Protocol"], each["Endpoint"]) for each in topic] == [("email", "ops@example.com")]


def test_a_stream_may_scale_by_itself(environment: Any, client: Client) -> None:
    outputs = environment.deploy(TrackingId="t", StreamMode="ON_DEMAND")
    stream = client("kinesis").describe_stream_summary(StreamName=outputs["StreamName"])["StreamDescriptionSummary"]
    assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}


def test_beside_an_endpoint_the_batch_may_ask_how_old_a_campaigns_model_is(
    watched: dict[str, str], client: Client
) -> None:
    its = {"BatchProcessorRole": privileges.roles(client, STACK)["BatchProcessorRole"]}
    places = {"bucket": watched["BucketName"], "suffix": "watched", "endpoint": "not-there", "campaign": "not-there"}
    (written,) = policies("BatchProcessorRole with an endpoint and a campaign", **places).values()
    assert privileges.granted(client, its) == {"BatchProcessorRole": written}
