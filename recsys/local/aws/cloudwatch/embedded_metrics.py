"""Metrics in log lines: CloudWatch's embedded metric format, which aws-lambda-powertools writes.

A JSON line with `_aws.CloudWatchMetrics` names members of itself that are metrics and members that are dimensions.
MiniStack keeps such a line as text; AWS also makes metrics of it, whoever wrote the line, a Lambda function or
PutLogEvents. A line that breaks the format is a line of text and nothing else.
Source: "Specification: Embedded metric format" of the CloudWatch user guide.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs

MARK = '"CloudWatchMetrics"'
Datum = tuple[str, str, dict[str, str], str, list[float]]  # namespace, name, dimensions, unit, values


def install() -> None:
    """Read every line at the one point where lines are kept."""
    cloudwatch_logs._append_log_events = _read(cloudwatch_logs._append_log_events)


def _read(append: Callable[[dict, list[dict]], None]) -> Callable[[dict, list[dict]], None]:
    """MiniStack's keeps a line as text; here a line in the format is also made metrics of."""

    def appended(stream: dict, events: list[dict]) -> None:
        append(stream, events)
        for event in events:
            if MARK in event["message"]:
                _record(event["message"])

    return appended


def _record(line: str) -> None:
    try:
        document = json.loads(line)
        moment = document["_aws"].get("Timestamp", time.time() * 1000) / 1000
        found = list(metrics(document))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return
    for namespace, name, dimensions, unit, given in found:
        values = [value for value in given if math.isfinite(value)]
        cloudwatch._store_datum(namespace, name, dimensions, moment, unit, None, values, None, None)


def metrics(document: dict[str, Any]) -> Iterator[Datum]:
    """What a document in this format says; raises TypeError or KeyError where it names what it does not hold."""
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"] or [[]]:
            dimensions = {name: str(document[name]) for name in names}
            for metric in directive["Metrics"]:
                value = document[metric["Name"]]
                values = [float(each) for each in (value if isinstance(value, list) else [value])]
                yield directive["Namespace"], metric["Name"], dimensions, metric.get("Unit", "None"), values
