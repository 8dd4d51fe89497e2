"""Alarms that change state by themselves."""

import pytest
from stream_pipeline import eventually, function

FAILING = "def handler(event, context):\n    raise RuntimeError('always')\n"


@pytest.fixture(scope="module")
def judge():
    from recsys.local.aws.alarms import judge

    return judge


def alarm(**changes):
    return {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 5.0, "StateValue": "OK", **changes}


def test_an_alarm_on_errors_of_a_function_fires_by_itself(client):
    function(client, "alarming", FAILING)
    client("cloudwatch").put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": "alarming"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )

    def state():
        return client("cloudwatch").describe_alarms(AlarmNames=["errors"])["MetricAlarms"][0]["StateValue"]

    eventually(lambda: state() == "OK")
    client("lambda").invoke(FunctionName="alarming", Payload=b"{}")
    eventually(lambda: state() == "ALARM")
    client("cloudwatch").delete_alarms(AlarmNames=["errors"])
    client("lambda").delete_function(FunctionName="alarming")


def test_an_alarm_needs_as_many_breaching_datapoints_as_it_says(judge):
    assert judge(alarm(DatapointsToAlarm=2), [9.0, 1.0, 9.0])[0] == "ALARM"
    assert judge(alarm(), [9.0, 1.0, 9.0])[0] == "OK"


@pytest.mark.parametrize(
    ("treatment", "state"),
    [("missing", "INSUFFICIENT_DATA"), ("ignore", "OK"), ("notBreaching", "OK"), ("breaching", "ALARM")],
)
def test_windows_without_data_are_treated_as_told(judge, treatment, state):
    assert judge(alarm(TreatMissingData=treatment), [None, None])[0] == state


def test_an_alarm_recovers_when_its_metric_does(judge):
    assert judge(alarm(StateValue="ALARM"), [1.0])[0] == "OK"
