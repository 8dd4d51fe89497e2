"""Log lines found by the terms in them, and by their streams."""

import time
from typing import Any

import pytest

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
    ],
)
def test_a_pattern_finds_what_it_finds_on_aws(client: Any, pattern: str, found: list[int]) -> None:
    logs, group = client("logs"), f"/patterns/{time.time_ns()}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": line} for line in LINES]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
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
