"""Log lines found by the terms in them."""

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
