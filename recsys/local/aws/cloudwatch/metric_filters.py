"""Metrics that metric filters make of log lines; MiniStack keeps the filters and counts nothing.

A line that a filter's pattern finds is worth the filter's value, a number or a field of the line, at the line's moment;
lines that come together and of which it finds none are worth its default value, if it has one.
Source: "Creating metrics from log events using filters" of the CloudWatch Logs user guide.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs

from recsys.local.aws.cloudwatch import filter_patterns, json_patterns

Stream, Event, Transformation = dict[str, Any], dict[str, Any], dict[str, Any]


def install() -> None:
    """Count at the one point where lines are kept."""
    cloudwatch_logs._append_log_events = _counted(cloudwatch_logs._append_log_events)


def _counted(append: Callable[[Stream, list[Event]], None]) -> Callable[[Stream, list[Event]], None]:
    """MiniStack's keeps lines; here its group's filters look at them, too."""

    def appended(stream: Stream, events: list[Event]) -> None:
        append(stream, events)
        for each in _filters_of(stream) if events else ():
            _count(each, events)

    return appended


def _filters_of(stream: Stream) -> Iterator[dict[str, Any]]:
    for (group, _), each in cloudwatch_logs._metric_filters.items():
        streams = (cloudwatch_logs._log_groups.get(group) or {}).get("streams") or {}
        if any(known is stream for known in list(streams.values())):
            yield each


def _count(metric_filter: dict[str, Any], events: Sequence[Event]) -> None:
    try:
        finds = filter_patterns.compiled(metric_filter["filterPattern"])
    except json_patterns.InvalidPattern:  # from before they were refused
        return
    found = [event for event in events if finds(event["message"])]
    for each in metric_filter["metricTransformations"]:
        for event in found:
            _put(each, event["timestamp"] / 1000, event["message"], each["metricValue"])
        if not found and each.get("defaultValue") is not None:
            _put(each, time.time(), "", str(each["defaultValue"]))


def _put(to: Transformation, moment: float, line: str, value: str) -> None:
    """Record a value, a number or the selector of a field, unless a field that it or a dimension needs is not there."""
    told = {name: _field(line, selector) for name, selector in (to.get("dimensions") or {}).items()}
    number = _number(_field(line, value) if value.startswith("$") else value)
    if number is None or None in told.values():
        return
    dimensions = {name: str(field) for name, field in told.items()}
    unit = to.get("unit", "None")
    cloudwatch._store_datum(
        to["metricNamespace"], to["metricName"], dimensions, moment, unit, None, [number], None, None
    )


def _field(line: str, selector: str) -> Any:
    return next(json_patterns.fields(line, selector), None)


def _number(text: Any) -> float | None:
    try:
        number = float(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
