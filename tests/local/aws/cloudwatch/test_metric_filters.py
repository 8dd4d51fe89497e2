"""Metrics that filters make of log lines, read back through CloudWatch."""

import json
import sys
import threading
import time

import pytest
from ministack.services import cloudwatch_logs

from recsys.local.aws.cloudwatch import metric_filters

LINES = [
    {"level": "ERROR", "ms": 12.5, "route": "a"},
    {"level": "ERROR", "ms": 7.5},
    {"level": "INFO", "ms": 90, "huge": 10**400},
]


@pytest.fixture
def group(client):
    """A log group with a stream `s`."""
    name = f"/filters/{time.time_ns()}"
    client("logs").create_log_group(logGroupName=name)
    client("logs").create_log_stream(logGroupName=name, logStreamName="s")
    yield name
    client("logs").delete_log_group(logGroupName=name)


@pytest.fixture
def measured(client, group):
    """`measured(lines, pattern, value)`: sum and count of the metric that a filter makes of the lines; None without."""

    def of(lines, pattern, **transformation):
        space = group.strip("/")
        metric = {"metricName": "m", "metricNamespace": space, **transformation}
        client("logs").put_metric_filter(
            logGroupName=group, filterName="f", filterPattern=pattern, metricTransformations=[metric]
        )
        events = [{"timestamp": int(time.time() * 1000), "message": json.dumps(line)} for line in lines]
        if events:
            client("logs").put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
        dimensions = [{"Name": name, "Value": "a"} for name in transformation.get("dimensions", ())]
        found = client("cloudwatch").get_metric_statistics(
            Namespace=space,
            MetricName="m",
            Dimensions=dimensions,
            StartTime=time.time() - 600,
            EndTime=time.time() + 60,
            Period=3600,
            Statistics=["Sum", "SampleCount"],
        )["Datapoints"]
        return (sum(each["Sum"] for each in found), sum(each["SampleCount"] for each in found)) if found else None

    return of


@pytest.mark.parametrize(
    ("pattern", "transformation", "expected"),
    [
        ('{ $.level = "ERROR" }', {"metricValue": "1"}, (2, 2)),
        ("ERROR", {"metricValue": "2"}, (4, 2)),
        ('{ $.level = "ERROR" }', {"metricValue": "$.ms"}, (20, 2)),
        ("{ $.ms >= 10 }", {"metricValue": "1", "dimensions": {"route": "$.route"}}, (1, 1)),
        ("{ $.level = FATAL }", {"metricValue": "1"}, None),
        ("{ $.level = FATAL }", {"metricValue": "1", "defaultValue": 0.0}, (0, 1)),
        ('{ $.level = "ERROR" }', {"metricValue": "$.route"}, None),
        ("{ $.huge >= 10 }", {"metricValue": "$.huge"}, None),
    ],
)
def test_a_filter_counts_the_lines_that_its_pattern_finds(measured, pattern, transformation, expected):
    assert measured(LINES, pattern, **transformation) == expected


def test_a_filter_of_another_group_counts_nothing(client, group, measured):
    client("logs").create_log_group(logGroupName=f"{group}-other")
    client("logs").create_log_stream(logGroupName=f"{group}-other", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": json.dumps(LINES[0])}
    measured([LINES[2]], "ERROR", metricValue="1")
    client("logs").put_log_events(logGroupName=f"{group}-other", logStreamName="s", logEvents=[event])
    assert measured([LINES[2]], "ERROR", metricValue="1") is None
    client("logs").delete_log_group(logGroupName=f"{group}-other")


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"CloudWatchMetrics": ' + "[" * 100_000,
        '{"_aws": {"Timestamp": 1%s, "CloudWatchMetrics": []}}' % ("0" * 400),
    ],
    ids=["deep", "deep-metrics", "late-metrics"],
)
def test_a_line_that_cannot_be_read_is_kept_all_the_same(client, group, measured, line):
    measured([], "{ $.ms > 1 }", metricValue="1")
    event = {"timestamp": int(time.time() * 1000), "message": line}
    client("logs").put_log_events(logGroupName=group, logStreamName="s", logEvents=[event])
    assert len(client("logs").filter_log_events(logGroupName=group)["events"]) == 1


def test_a_group_s_filters_are_found_while_streams_are_added_to_it(monkeypatch):
    streams = {number: {} for number in range(10_000)}
    monkeypatch.setattr(cloudwatch_logs, "_log_groups", {"g": {"streams": streams}})
    monkeypatch.setattr(cloudwatch_logs, "_metric_filters", {("g", "f"): {"filterName": "f"}})
    ended, interval = threading.Event(), sys.getswitchinterval()

    def adding():
        while not ended.is_set():
            streams[len(streams)] = {}

    thread = threading.Thread(target=adding)
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        found = [list(metric_filters._filters_of(streams[9_999])) for _ in range(50)]
    finally:
        ended.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert found == 50 * [[{"filterName": "f"}]]
