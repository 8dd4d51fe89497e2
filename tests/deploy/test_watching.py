"""Alarms that come and go by themselves, and what they tell; the dashboard; scaling."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from function_settings import settings
from waiting import eventually

from recsys import deploy, operate

STACK = "recsys-watched"
KEPT = ("AlarmName", "Namespace", "MetricName", "Dimensions", "Threshold", "ComparisonOperator", "TreatMissingData")
TOLD = ("AlarmDescription", "AlarmActions", "OKActions")
# Ten seconds are the shortest period CloudWatch takes. Whoever waits for a minute to pass in a test waits for long.
SHORT = {"Period": 10, "EvaluationPeriods": 1, "DatapointsToAlarm": 1, "ActionsEnabled": True}

Client = Callable[[str], Any]
Notices = Callable[[str], dict[str, dict[str, Any]]]


def alarms(client: Client, stack: str) -> dict[str, dict[str, Any]]:
    """The stack's alarms by their names in the template."""
    suffix = stack.removeprefix("recsys")
    found = client("cloudwatch").describe_alarms(AlarmNamePrefix="recsys-")["MetricAlarms"]
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


@pytest.fixture
def quick(watched: dict[str, str], client: Client) -> Callable[[str], None]:
    """`quick("ApiFailing")`: the alarm as it is deployed, but that ten seconds stand for its minutes."""

    def shorten(name: str) -> None:
        alarm = alarms(client, STACK)[name]
        kept = {field: alarm[field] for field in (*KEPT, *TOLD, "Statistic")}
        client("cloudwatch").put_metric_alarm(**kept, **SHORT)

    return shorten


@pytest.fixture
def notices(watched: dict[str, str], client: Client) -> Iterator[Notices]:
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

    yield come_to
    sns.unsubscribe(SubscriptionArn=subscribed)
    sqs.delete_queue(QueueUrl=url)


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
        eventually(lambda: names <= notices("ALARM").keys() and messages(client, watched["QueueUrl"]) == 4, 30)
    client("sqs").purge_queue(QueueUrl=watched["QueueUrl"])
    eventually(lambda: names <= notices("OK").keys(), 30)
    notice, queue = notices("ALARM")["FailureQueueFilled"], watched["QueueUrl"].rpartition("/")[2]
    assert notice["Trigger"]["Dimensions"] == [{"value": queue, "name": "QueueName"}]
    assert notice["NewStateReason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [")
    assert notice["AlarmDescription"] == "Events could not be processed; the queue's messages say which"
    assert notices("OK")["ApiFailing"]["OldStateValue"] == "ALARM"


def test_every_alarm_tells_the_topic_when_it_is_tried_and_comes_back_by_itself(
    watched: dict[str, str], client: Client, notices: Notices
) -> None:
    tried = {name: alarm["AlarmName"] for name, alarm in alarms(client, STACK).items() if name != "BatchMissed"}
    for name in tried.values():
        client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a trial")
    eventually(lambda: tried.keys() <= notices("ALARM").keys(), 30)
    eventually(lambda: tried.keys() <= notices("OK").keys(), 30)
    assert alarms(client, STACK)["BatchMissed"]["StateValue"] == "ALARM"  # as long as no batch has begun


def test_every_alarm_says_what_to_do_and_whom_it_tells(watched: dict[str, str]) -> None:
    table = operate.alarms("watched")
    assert len(table) == 17 and set(table["tells"]) == {watched["AlarmTopicArn"].rpartition(":")[2]}
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
