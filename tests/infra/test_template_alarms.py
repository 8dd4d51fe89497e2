"""The template's alarms and dashboard: each watches something that is there, says what to do, and tells somebody."""

import json
import re
from typing import Any

import pytest

from recsys.deploy.template import PARTS, content

# What each alarm is about: metric, statistic, seconds of one datapoint, datapoints that breach, of how many, threshold.
EXPECTED = {
    "StreamSlow": ("AWS/Lambda Duration", "Average", 60, 2, 2, 30_000),
    "StreamErrors": ("AWS/Lambda Errors", "Sum", 60, 1, 1, 5),
    "StreamThrottled": ("AWS/Lambda Throttles", "Sum", 60, 1, 1, 0),
    "StreamBehind": ("AWS/Lambda IteratorAge", "Maximum", 60, 2, 2, 60_000),
    "ProfileReadsThrottled": ("AWS/DynamoDB ReadThrottleEvents", "Sum", 60, 1, 1, 10),
    "ProfileWritesThrottled": ("AWS/DynamoDB WriteThrottleEvents", "Sum", 60, 1, 1, 10),
    "FailureQueueFilled": ("AWS/SQS ApproximateNumberOfMessagesVisible", "Maximum", 60, 1, 1, 0),
    "ApiFailing": ("AWS/ApiGateway 5XXError", "Average", 60, 2, 5, 0.01),
    "ApiSlow": ("AWS/ApiGateway Latency", "p99", 60, 3, 3, 2000),
    "ApiFallsBack": ("Recsys CampaignsFailed", "Sum", 60, 2, 2, 5),
    "CampaignFailing": ("AWS/Personalize GetRecommendations5xxErrors", "Sum", 60, 2, 2, 5),
    "CampaignRefusing": ("AWS/Personalize GetRecommendations4xxErrors", "Sum", 60, 2, 2, 5),
    "CampaignSlow": ("AWS/Personalize GetRecommendationsLatency", "Average", 60, 3, 3, 500),
    "EndpointFailing": ("AWS/SageMaker Invocation5XXErrors", "Sum", 60, 2, 2, 5),
    "EndpointSlow": ("AWS/SageMaker ModelLatency", "Average", 60, 3, 3, 5_000_000),
    "BatchErrors": ("AWS/Lambda Errors", "Sum", 3600, 1, 1, 0),
    "BatchMissed": ("Recsys BatchInvocations", "Sum", 3600, 25, 25, 1),
    "BatchUsersFailed": ("Recsys UsersFailed", "Sum", 3600, 1, 1, 0),
    "ModelOld": ("Recsys ModelAgeDays", "Maximum", 3600, 1, 25, ["Ref", "ModelMaxAgeDays"]),
}
STAGES = {"HasTracker": {"HasTracker"}, "HasApi": {"HasApi"}, "HasBatch": {"HasTracker", "HasApi", "HasBatch"}}
# Dimensions of what is not the template's own: the parameter that names it, the condition that it was given.
GIVEN = {"CampaignArn": "HasCampaign", "EndpointName": "HasEndpoint"}
# What a dimension names, by the type of the resource that has to be there and the property it is called by.
NAMED = {
    "FunctionName": ("AWS::Lambda::Function", "FunctionName"),
    "TableName": ("AWS::DynamoDB::Table", "TableName"),
    "QueueName": ("AWS::SQS::Queue", "QueueName"),
    "ApiName": ("AWS::ApiGateway::RestApi", "Name"),
    "Stage": ("AWS::ApiGateway::Stage", "StageName"),
}
Resource = dict[str, Any]


def resources() -> dict[str, Resource]:
    return content(PARTS["WatchingKey"])["Resources"]


def alarms() -> dict[str, Resource]:
    return {name: each for name, each in resources().items() if each["Type"] == "AWS::CloudWatch::Alarm"}


def dimensions(alarm: Resource) -> dict[str, Any]:
    return {each["Name"]: each["Value"] for each in alarm["Properties"]["Dimensions"]}


def watched(kind: str, value: Any) -> Resource | None:
    """The resource of the template that a dimension names: by what the template gives the nested part."""
    type_, field = NAMED[kind]
    whole = content()["Resources"]
    _, given, otherwise = whole["Watching"]["Properties"]["Parameters"][value[1]][1]
    assert (value[0], otherwise) == ("Ref", "")
    if given[0] in ("Ref", "GetAtt"):
        found = whole.get(given[1].partition(".")[0])
        return found if found and found["Type"] == type_ else None
    of_type = [each for each in whole.values() if each["Type"] == type_]
    return next((each for each in of_type if each["Properties"][field] == given), None)


def test_every_alarm_is_on_the_metric_that_means_it_at_the_threshold_agreed() -> None:
    found = {}
    for name, alarm in alarms().items():
        is_ = alarm["Properties"]
        statistic = is_.get("ExtendedStatistic") or is_["Statistic"]
        needed = is_.get("DatapointsToAlarm", is_["EvaluationPeriods"])
        metric = f"{is_['Namespace']} {is_['MetricName']}"
        found[name] = (metric, statistic, is_["Period"], needed, is_["EvaluationPeriods"], is_["Threshold"])
    assert found == EXPECTED


@pytest.mark.parametrize("name", EXPECTED)
def test_an_alarm_tells_the_topic_when_it_comes_and_when_it_goes(name: str) -> None:
    is_ = alarms()[name]["Properties"]
    assert is_["AlarmActions"] == is_["OKActions"] == [["Ref", "AlarmTopic"]]


@pytest.mark.parametrize("name", EXPECTED)
def test_an_alarm_says_what_it_means_and_what_to_do_first(name: str) -> None:
    description = alarms()[name]["Properties"]["AlarmDescription"]
    assert 30 < len(description) < 120
    assert not description.endswith(".")


def test_only_the_run_that_is_missed_is_seen_by_the_lack_of_data() -> None:
    treated = {name: alarm["Properties"]["TreatMissingData"] for name, alarm in alarms().items()}
    assert treated == {name: "breaching" if name == "BatchMissed" else "notBreaching" for name in EXPECTED}
    compared = {
        name for name, alarm in alarms().items() if alarm["Properties"]["ComparisonOperator"].startswith("Less")
    }
    assert compared == {"BatchMissed"}


@pytest.mark.parametrize("name", EXPECTED)
def test_an_alarm_watches_what_is_there_whenever_it_is(name: str) -> None:
    alarm = alarms()[name]
    for kind, value in dimensions(alarm).items():
        if kind in GIVEN:
            assert (value, alarm["Condition"]) == (["Ref", kind], GIVEN[kind])
        elif kind in NAMED:
            subject = watched(kind, value)
            assert subject, f"{kind} {value} is nothing of the template"
            assert subject["Condition"] in STAGES[alarm["Condition"]]


def test_no_alarm_is_told_to_a_topic_that_cloudwatch_cannot_write_to() -> None:
    assert "KmsMasterKeyId" not in resources()["AlarmTopic"]["Properties"]
    deny, allow = resources()["AlarmTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": ["Ref", "AWS::AccountId"]}}


def body() -> tuple[dict[str, Any], set[str], list[str]]:
    """The dashboard with every `${...}` in its place, what stood between the braces, and the alarms it names."""
    text, given = resources()["Dashboard"]["Properties"]["DashboardBody"][1]
    return json.loads(text), set(re.findall(r"\$\{([^}]+)\}", text)), re.findall(r"(\w+)\.Arn", str(given["Alarms"]))


def test_the_dashboard_shows_every_alarm_and_a_row_for_each_part() -> None:
    widgets, shown = body()[0]["widgets"], body()[2]
    assert (widgets[0]["properties"]["alarms"], shown) == (["${Alarms}"], list(EXPECTED))
    names = {name: alarm["Properties"]["AlarmName"][1] for name, alarm in alarms().items()}
    assert names == {name: f"recsys-{name}-${{EnvironmentSuffix}}" for name in EXPECTED}
    rows = [widget["properties"]["title"].partition(",")[0] for widget in widgets if widget["width"] == 24]
    assert rows == ["Alarms", "API", "Campaign", "Endpoint", "Stream", "Profiles", "Batch", "Model"]


def test_the_dashboard_names_only_what_the_nested_part_is_given() -> None:
    assert body()[1] <= set(content(PARTS["WatchingKey"])["Parameters"]) | {"Alarms", "AWS::Region"}


def test_provisioned_profiles_scale_between_5_and_100_units_at_70_percent() -> None:
    of = {kind: [] for kind in ("ScalableTarget", "ScalingPolicy")}
    for each in content()["Resources"].values():
        if each["Type"].startswith("AWS::ApplicationAutoScaling::"):
            assert each["Condition"] == "IsProvisioned"
            of[each["Type"].rpartition("::")[2]].append(each["Properties"])
    assert [(each["MinCapacity"], each["MaxCapacity"]) for each in of["ScalableTarget"]] == [(5, 100)] * 2
    tracked = [each["TargetTrackingScalingPolicyConfiguration"] for each in of["ScalingPolicy"]]
    assert [each["TargetValue"] for each in tracked] == [70, 70]
    assert len({json.dumps(each) for each in tracked}) == 2
