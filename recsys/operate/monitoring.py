"""What is watched, and what CloudWatch saw: the alarms with their states, and the dashboard's metrics as a table."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from recsys import aws
from recsys.errors import TimedOut

CALENDAR = ("BatchMissed", "ModelOld")  # they say that time has passed, not that something fails
PERIOD = 60  # seconds, the finest in which AWS's services tell their metrics
ABOVE = {"GreaterThanThreshold": "above", "GreaterThanOrEqualToThreshold": "at least"}
BELOW = {"LessThanThreshold": "below", "LessThanOrEqualToThreshold": "at most"}
SPANS = {60: "minute", 3600: "hour", 86_400: "day"}
RIGHT = re.compile(r"(?P<panel>.+), right: (?P<unit>\w+)")  # the title of a widget that has two axes
IN_MS = {"us": 0.001}
UNITS = {  # of a threshold
    **dict.fromkeys(("Duration", "IteratorAge", "Latency", "GetRecommendationsLatency"), " ms"),
    **{"ModelLatency": " microseconds", "ModelAgeDays": " days"},
}


def alarms(suffix: str) -> pd.DataFrame:
    """The environment's alarms: alarm, says (what to do first), rings when, state, tells (its topics)."""
    name = re.compile(rf"recsys-(\w+)-{re.escape(suffix)}")
    found = aws.pages("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix="recsys-")
    rows = [
        {
            "alarm": match[1],
            "says": alarm.get("AlarmDescription", ""),
            "rings when": _rule(alarm),
            "state": alarm["StateValue"],
            "tells": ", ".join(arn.split(":")[-1] for arn in alarm.get("AlarmActions", ()) if alarm["ActionsEnabled"]),
        }
        for alarm in found
        if (match := name.fullmatch(alarm["AlarmName"]))
    ]
    return pd.DataFrame(rows, columns=["alarm", "says", "rings when", "state", "tells"])


def settled(suffix: str, *, timeout: float = 300, report: aws.Report | None = None) -> pd.DataFrame:
    """`alarms`, once CloudWatch has looked at each and none says that something fails; at the latest after `timeout` s.

    A new alarm is first looked at within a minute, and metrics come up to some minutes late.
    """
    found = alarms(suffix)

    def look() -> dict[str, str]:
        nonlocal found
        found = alarms(suffix)
        return {"status": "SETTLING" if failing(found) or "INSUFFICIENT_DATA" in set(found["state"]) else "SETTLED"}

    with suppress(TimedOut):
        aws.wait("alarms", look, until="SETTLED", timeout=timeout, report=report)
    return found


def failing(watched: pd.DataFrame) -> list[str]:
    """Alarms of the table that say that something fails, is slow or refused; not those that wait for a day to come."""
    on = watched[(watched["state"] == "ALARM") & ~watched["alarm"].isin(CALENDAR)]
    return [str(alarm) for alarm in on["alarm"]]


def dashboard_address(dashboard: str) -> str:
    """Where AWS's console shows the dashboard."""
    region = aws.region()
    return f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#dashboards/dashboard/{dashboard}"


def vital_signs(dashboard: str, minutes: float) -> pd.DataFrame:
    """What the dashboard's metrics were in each of the last `minutes`: panel, unit, sign, stat, minute (UTC), value.

    unit is count, or that of the panel's right axis, us told as ms. A minute of which CloudWatch was told nothing has
    no row; on AWS the latest come some minutes late.
    """
    body = json.loads(aws.call(aws.client("cloudwatch").get_dashboard, DashboardName=dashboard)["DashboardBody"])
    signs = [sign for widget in body["widgets"] if widget["type"] == "metric" for sign in _signs(widget["properties"])]
    until = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    asked: dict[str, Any] = {"StartTime": until - timedelta(minutes=minutes), "EndTime": until}
    asked["MetricDataQueries"] = [{"Id": f"m{place}", "MetricStat": sign["asked"]} for place, sign in enumerate(signs)]
    rows: list[dict[str, Any]] = []
    for result in aws.pages("cloudwatch", "get_metric_data", "MetricDataResults", **asked):
        place = int(result["Id"][1:])
        told = {name: signs[place][name] for name in ("panel", "unit", "sign", "stat")}
        for moment, value in zip(result["Timestamps"], result["Values"], strict=True):
            minute = pd.Timestamp(moment).tz_convert(None)
            rows.append({"place": place, **told, "minute": minute, "value": value * signs[place]["scale"]})
    table = pd.DataFrame(rows, columns=["place", "panel", "unit", "sign", "stat", "minute", "value"])
    return table.sort_values(["place", "minute"], kind="stable", ignore_index=True).drop(columns="place")


def _rule(alarm: dict[str, Any]) -> str:
    """`Errors (Sum) above 5 in one minute`, `Latency (p99) above 2,000 ms in 3 of 3 minutes`."""
    statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    word = (ABOVE | BELOW)[alarm["ComparisonOperator"]]
    of, span = alarm["EvaluationPeriods"], SPANS.get(alarm["Period"], f"{alarm['Period']} s")
    needed = alarm.get("DatapointsToAlarm", of)
    threshold = f"{alarm['Threshold']:,.2f}".rstrip("0").rstrip(".")
    unit = UNITS.get(alarm["MetricName"], "")
    when = f"one {span}" if of == 1 else f"{needed} of {of} {span}s"
    silent = ", or silence" if alarm.get("TreatMissingData") == "breaching" else ""
    return f"{alarm['MetricName']} ({statistic}) {word} {threshold}{unit} in {when}{silent}"


def _signs(properties: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The metrics of a widget: where they stand, and what to ask CloudWatch for."""
    two_axes = RIGHT.fullmatch(properties["title"])
    panel, unit = (two_axes["panel"], two_axes["unit"]) if two_axes else (properties["title"], "count")
    for words, options in _written_out(properties["metrics"]):
        namespace, name, *pairs = words
        stat = options.get("stat", properties.get("stat", "Average"))
        dimensions = [{"Name": key, "Value": value} for key, value in zip(pairs[::2], pairs[1::2], strict=True)]
        metric = {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}
        of_right = options.get("yAxis") == "right"
        yield {
            "panel": panel,
            "unit": ("ms" if unit in IN_MS else unit) if of_right else "count",
            "sign": f"{name} {stat}" if stat.startswith("p") else name,
            "stat": stat,
            "scale": IN_MS.get(unit, 1) if of_right else 1,
            "asked": {"Metric": metric, "Period": PERIOD, "Stat": stat},
        }


def _written_out(metrics: list[list[Any]]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """A widget's metrics without short forms: `.` is the word that stands there above, `...` all that stand there."""
    above: list[str] = []
    for entry in metrics:
        options = entry[-1] if isinstance(entry[-1], dict) else {}
        words = [word for word in entry if not isinstance(word, dict)]
        if words[0] == "...":
            words = [*above[: len(above) - len(words) + 1], *words[1:]]
        above = [above[place] if word == "." else word for place, word in enumerate(words)]
        yield above, options
