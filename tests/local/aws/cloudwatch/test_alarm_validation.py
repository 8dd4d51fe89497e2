"""Alarms that would never look at their metric are refused, and what is no number is no metric data."""

import json
import math

import pytest
from botocore.exceptions import ClientError
from waiting import eventually

ALARM = {
    "Namespace": "Rules",
    "MetricName": "m",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanThreshold",
}
STAT = {"Metric": {"Namespace": "Rules", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
MATH = [
    {"Id": "a", "Expression": "b * 2", "ReturnData": True},
    {"Id": "b", "MetricStat": STAT, "ReturnData": False},
]
REFUSED = [
    ({"Period": 7}, "Period must be 10, 20, 30 or a multiple of 60"),
    ({"Period": None}, "Period is required"),
    ({"DatapointsToAlarm": 2}, "no more than EvaluationPeriods"),
    ({"EvaluationPeriods": 1441}, "<= 86400"),
    ({"ComparisonOperator": "GreaterThan"}, "Invalid ComparisonOperator: GreaterThan"),
    ({"Statistic": None}, "Exactly one of Statistic and ExtendedStatistic"),
    ({"Statistic": None, "ExtendedStatistic": "tm90"}, "percentiles only"),
    ({"TreatMissingData": "never"}, "Invalid TreatMissingData"),
    ({"MetricName": None, "Namespace": None, "Metrics": MATH}, "no metric math"),
]


def without_none(members):
    return {name: value for name, value in members.items() if value is not None}


@pytest.mark.parametrize(("changed", "message"), REFUSED)
def test_an_alarm_that_would_never_be_looked_at_is_refused(client, changed, message):
    with pytest.raises(ClientError, match=message):
        client("cloudwatch").put_metric_alarm(AlarmName="refused", **without_none(ALARM | changed))


@pytest.mark.parametrize(("changed", "message"), REFUSED)
def test_a_template_with_such_an_alarm_fails_with_the_reason(client, changed, message):
    cloudformation = client("cloudformation")
    alarm = {"Type": "AWS::CloudWatch::Alarm", "Properties": without_none(ALARM | changed)}
    cloudformation.create_stack(StackName="refused-alarm", TemplateBody=json.dumps({"Resources": {"A": alarm}}))
    events = cloudformation.describe_stack_events(StackName="refused-alarm")["StackEvents"]
    assert any(message in event.get("ResourceStatusReason", "") for event in events)
    cloudformation.delete_stack(StackName="refused-alarm")


def test_an_alarm_on_a_list_of_one_metric_is_looked_at(client):
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_data(Namespace="Rules", MetricData=[{"MetricName": "m", "Value": 5, "Unit": "Count"}])
    asked = {name: ALARM[name] for name in ("EvaluationPeriods", "Threshold", "ComparisonOperator")}
    for name, unit in (("listed", "Count"), ("of-another-unit", "Seconds")):
        metrics = [{"Id": "m", "MetricStat": {**STAT, "Unit": unit}}]
        cloudwatch.put_metric_alarm(AlarmName=name, Metrics=metrics, TreatMissingData="notBreaching", **asked)

    def states():
        found = cloudwatch.describe_alarms(AlarmNames=["listed", "of-another-unit"])["MetricAlarms"]
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}

    eventually(lambda: states() == {"listed": "ALARM", "of-another-unit": "OK"}, 10)
    cloudwatch.delete_alarms(AlarmNames=["listed", "of-another-unit"])


@pytest.mark.parametrize(
    "datum",
    [
        {"Value": math.nan},
        {"Value": math.inf},
        {"Values": [1.0, -math.inf]},
        {"StatisticValues": {"SampleCount": 1, "Sum": math.nan, "Minimum": 1, "Maximum": 1}},
    ],
)
def test_what_is_no_number_is_refused(client, datum):
    with pytest.raises(ClientError, match=r"is invalid\."):
        client("cloudwatch").put_metric_data(Namespace="Rules", MetricData=[{"MetricName": "none", **datum}])
    assert client("cloudwatch").list_metrics(Namespace="Rules", MetricName="none")["Metrics"] == []
