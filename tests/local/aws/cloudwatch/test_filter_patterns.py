"""Log lines found by the terms in them, by their JSON fields, and by their streams."""

import json
import re
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from recsys.local.aws.cloudwatch import json_patterns

LINES = ('{"level":"ERROR","reason":"gone"}', '{"level":"WARNING","reason":"An error occurred"}', "all is well")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", [0, 1, 2]),
        ("ERROR", [0]),
        ("error", [1]),
        ("?ERROR ?WARNING", [0, 1]),
        ('"An error occurred"', [1]),
        ("level -WARNING", [0]),
        ("%is (un)?well%", "Invalid filter pattern"),
        ("%is [a-z]ell$%", [2]),
        ('{ $.level = "ERROR" }', [0]),
        ("{ $.level = error }", []),
        ('{ $.level = "ERROR"', "If a filter pattern starts with '{' it must end with '}'"),
        ("{ $.level EXISTS }", "Invalid filter pattern"),
        ("[level, ...]", "Invalid filter pattern: the embedded AWS reads no space-delimited ones"),
    ],
)
def test_a_pattern_finds_what_it_finds_on_aws_or_is_refused(client: Any, pattern: str, found: list[int] | str) -> None:
    logs, group = client("logs"), f"/patterns/{time.time_ns()}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": line} for line in LINES]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    if isinstance(found, str):
        with pytest.raises(ClientError, match=rf"\(InvalidParameterException\).*: {re.escape(found)}$"):
            logs.filter_log_events(logGroupName=group, filterPattern=pattern)
        return
    told = logs.filter_log_events(logGroupName=group, filterPattern=pattern)["events"]
    assert [each["message"] for each in told] == [LINES[number] for number in found]


@pytest.mark.parametrize(("prefix", "found"), [("job-1/", ["one"]), ("job-", ["one", "twelve"]), ("job-2/", [])])
def test_a_prefix_finds_what_is_in_the_streams_that_begin_so(client: Any, prefix: str, found: list[str]) -> None:
    logs, group, now = client("logs"), f"/prefixes/{time.time_ns()}", int(time.time() * 1000)
    logs.create_log_group(logGroupName=group)
    for stream, message in {"job-1/algo": "one", "job-12/algo": "twelve", "other": "other"}.items():
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        event = {"timestamp": now, "message": message}
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])
    told = logs.filter_log_events(logGroupName=group, logStreamNamePrefix=prefix)["events"]
    assert [each["message"] for each in told] == found
    with pytest.raises(ClientError, match="InvalidParameterException"):
        logs.filter_log_events(logGroupName=group, logStreamNamePrefix=prefix, logStreamNames=["other"])


# Of the user guide, with a number, a flag and a decimal beside.
LINE = {
    "eventType": "UpdateTrail",
    "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": None,
    "cluster.name": "c",
    "ThisFlag": True,
    "latency": 512.5,
    "account": "123456789012",
    "user": {"id": 1, "email": "John.Stiles@example.com"},
    "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]],
}


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "UpdateTrail" }',
        "{$.eventType=UpdateTrail}",
        "{ $.eventType = Update* }",
        "{ $.eventType = %Trail% }",
        "{ $.sourceIPAddress != 123.123.* }",
        '{ $.arrayKey[0] = "value" }',
        "{ $.arrayKey[*] = %val.{2}% }",
        "{ $.* = %111\\.111\\.111\\.1[0-9]{1,2}% }",
        "{ $.objectList[1].id = 2 }",
        "{ $.objectList[*].name = b }",
        "{ $.['cluster.name'] = \"c\" }",
        "{ $.SomeObject IS NULL }",
        "{ $.ThisFlag IS TRUE }",
        "{ $.SomeOtherObject NOT EXISTS }",
        "{ $.latency = * }",
        "{ $.latency = 5.125e+2 }",
        "{ $.latency >= .5 && $.latency < 513. }",
        "{ $.latency > +500 && $.latency <= 512.5 }",
        "{ $.latency != 500 }",
        "{ $.account = 123456789012 }",
        "{ $.coordinates[0][1] = 1 }",
        '{ ($.user.id = 1) && ($.user.email = "John.Stiles@example.com") }',
        "{ $.user.id = 1 || $.coordinates[0][1] = nonmatch && $.eventType = nonmatch }",
    ],
)
def test_a_line_is_found_by_its_fields(pattern: str) -> None:
    assert json_patterns.compiled(pattern)(json.dumps(LINE))


@pytest.mark.parametrize(
    "pattern",
    [
        "{ $.eventType = Update }",
        "{ $.eventType != *Trail }",
        "{ $.arrayKey = value }",
        "{ $.arrayKey != value }",
        "{ $.arrayKey[2] NOT EXISTS && $.arrayKey[1] = value }",
        "{ $.missing != value }",
        "{ $.SomeObject NOT EXISTS }",
        "{ $.ThisFlag IS FALSE }",
        "{ $.latency < 512.5 }",
        "{ $.eventType > 1 }",
        "{ ($.user.id = 1 || $.coordinates[0][1] = nonmatch) && $.eventType = nonmatch }",
    ],
)
def test_a_line_is_not_found_by_what_its_fields_are_not(pattern: str) -> None:
    assert not json_patterns.compiled(pattern)(json.dumps(LINE))


@pytest.mark.parametrize("line", ["all is well", "", "[]", "1", "{"])
def test_what_is_no_json_object_has_no_fields_to_be_found_by(line: str) -> None:
    assert not json_patterns.compiled("{ $.a NOT EXISTS }")(line)


@pytest.mark.parametrize(
    "pattern",
    [
        "{ }",
        "{ $.a }",
        "{ a = 1 }",
        "{ $.a = 1 $.b = 2 }",
        "{ ($.a = 1 }",
        "{ $.a > word }",
        '{ $.a > "1" }',
        "{ $.a IS NOT NULL }",
        "{ $.a EXISTS }",
        "{ $.a[*].b[*] = 1 }",
        "{ $.a.* = 1 || $.b.* = 1 || $.c.* = 1 || $.d.* = 1 }",
        "{ $.a = %(a|b)% }",
        "{ $.a = %a% || $.b = %b% || $.c = %c% }",
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(json_patterns.InvalidPattern, match=r"^Invalid filter pattern$"):
        json_patterns.compiled(pattern)


def test_a_metric_filter_and_a_subscription_refuse_what_is_no_pattern(client: Any) -> None:
    logs, group = client("logs"), f"/patterns/{time.time_ns()}"
    logs.create_log_group(logGroupName=group)
    asked = {"logGroupName": group, "filterName": "f", "filterPattern": "{ $.a }"}
    metric = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
    with pytest.raises(ClientError, match="Invalid filter pattern"):
        logs.put_metric_filter(**asked, metricTransformations=[metric])
    with pytest.raises(ClientError, match="Invalid filter pattern"):
        logs.put_subscription_filter(**asked, destinationArn="arn:aws:lambda:us-east-1:000000000000:function:f")
