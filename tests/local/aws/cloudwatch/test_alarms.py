"""Alarms that change state by themselves."""

import itertools
import json
import sqlite3
from contextlib import closing

import pytest
from stream_pipeline import function
from waiting import eventually

numbers = itertools.count()

FAILING = "def handler(event, context):\n    raise RuntimeError('always')\n"


@pytest.fixture(scope="module")
def judge():
    from recsys.local.aws.cloudwatch.alarms import judge

    return judge


def test_records_that_no_stream_holds_leave_the_disk_while_it_serves(tmp_path, monkeypatch):
    from recsys.local.aws.cloudwatch import alarms
    from recsys.local.aws.kinesis.stream_log import StreamLog

    monkeypatch.setattr(alarms, "INTERVAL", 0.01)
    monkeypatch.setattr(alarms, "PRUNE_EVERY", 0.0)
    log = StreamLog(tmp_path / "streams.sqlite", lambda arn: None)
    with closing(sqlite3.connect(tmp_path / "streams.sqlite", isolation_level=None)) as disk:
        disk.execute("INSERT INTO records VALUES ('a stream deleted', 'shard', '1', 0, 'key', 'data')")
        clock = alarms.AlarmClock(log.prune)
        clock.start()
        eventually(lambda: disk.execute("SELECT count(*) FROM records").fetchone() == (0,), 30)
        clock.stop()


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


@pytest.fixture
def notified(client):
    """`notified(KmsMasterKeyId="...")`: the ARN of a topic, removed at the end."""
    made = []

    def topic(**attributes):
        made.append(client("sns").create_topic(Name=f"notified-{len(made)}", Attributes=attributes)["TopicArn"])
        return made[-1]

    yield topic
    for arn in made:
        client("sns").delete_topic(TopicArn=arn)


@pytest.fixture
def told(client):
    """`told(topic)`: an alarm that comes at once, and what its history says about telling the topic."""
    names = []

    def history(topic):
        names.append(f"told-{next(numbers)}")  # the history of a deleted alarm stays, under its name
        client("cloudwatch").put_metric_alarm(AlarmName=names[-1], AlarmActions=[topic], **MISSING)
        asked = {"AlarmName": names[-1], "HistoryItemType": "Action"}
        items = eventually(lambda: client("cloudwatch").describe_alarm_history(**asked)["AlarmHistoryItems"], 10)
        return items[0]["HistorySummary"]

    yield history
    client("cloudwatch").delete_alarms(AlarmNames=names)


MISSING = {
    "Namespace": "Shop",
    "MetricName": "NeverPut",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "LessThanThreshold",
    "TreatMissingData": "breaching",
}


def test_a_new_alarm_knows_nothing_until_it_is_looked_at(client):
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName="new", **MISSING)
    (new,) = cloudwatch.describe_alarms(AlarmNames=["new"])["MetricAlarms"]
    assert (new["StateValue"], new["StateReason"]) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    eventually(lambda: cloudwatch.describe_alarms(AlarmNames=["new"])["MetricAlarms"][0]["StateValue"] == "ALARM", 10)
    cloudwatch.delete_alarms(AlarmNames=["new"])


def test_a_topic_of_ones_own_account_is_told(told, notified):
    assert told(topic := notified()) == f"Successfully executed action {topic}"


def test_a_topic_encrypted_with_a_key_cloudwatch_may_not_use_stays_silent(told, notified):
    error = '"CloudWatch Alarms does not have authorization to access the SNS topic encryption key."'
    assert told(topic := notified(KmsMasterKeyId="alias/aws/sns")) == (
        f"Failed to execute action {topic}. Received error: {error}"
    )


def test_a_topic_whose_policy_is_for_others_stays_silent(told, notified):
    statement = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Resource": "*"}]})
    assert "is not authorized to perform: SNS:Publish on resource" in told(notified(Policy=policy))


class TestARunThatIsDueDaily:
    """An alarm on 25 hours without an invocation, looked at as time goes by."""

    ALARM = alarm(
        Namespace="Shop",
        MetricName="Runs",
        Statistic="Sum",
        Period=3600,
        EvaluationPeriods=25,
        Threshold=1.0,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
    )

    @pytest.fixture
    def after(self, judge):
        """`after(24.5)`: the state so many hours after a run."""
        from ministack.services import cloudwatch

        from recsys.local.aws.cloudwatch.alarms import window_values

        key, then = ("Shop", "Runs", ""), 1_800_000_000.0
        cloudwatch._metrics[key] = [{"Timestamp": then, "Value": 1.0, "Unit": "Count", "Dimensions": {}}]
        yield lambda hours: judge(self.ALARM, window_values(self.ALARM, then + hours * 3600))[0]
        del cloudwatch._metrics[key]

    @pytest.mark.parametrize(("hours", "state"), [(0, "OK"), (23.9, "OK"), (24.5, "OK"), (25.1, "ALARM")])
    def test_is_missed_after_a_day_and_an_hour(self, after, hours, state):
        assert after(hours) == state


def test_a_percentile_is_judged_by_every_single_value(judge):
    from ministack.services import cloudwatch

    from recsys.local.aws.cloudwatch.alarms import window_values

    key, now = ("Shop", "Waits", ""), 1_800_000_000.0
    slow = alarm(Namespace="Shop", MetricName="Waits", ExtendedStatistic="p99", Period=60, EvaluationPeriods=2)
    cloudwatch._metrics[key] = [
        {"Timestamp": now - age, "Value": value, "Unit": "None", "Dimensions": {}, "Count": count}
        for age, value, count in [(10, 1.0, 98), (10, 9.0, 2), (70, 1.0, 100)]
    ]
    assert [round(value, 2) for value in window_values(slow, now)] == [9.0, 1.0]
    del cloudwatch._metrics[key]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (
            [9.0],
            "1 out of the last 1 datapoints [9.0] was greater than the threshold (5.0) (minimum 1 datapoint for",
        ),
        ([1.0, 2.0], "2 out of the last 2 datapoints [1.0, 2.0] were not greater than the threshold (5.0)"),
        ([None, None], "no datapoints were received for 2 periods and 2 missing datapoints were treated as [NonBrea"),
    ],
)
def test_the_reason_reads_as_on_aws(judge, values, reason):
    assert judge(alarm(TreatMissingData="notBreaching"), values)[1].startswith(f"Threshold Crossed: {reason}")
