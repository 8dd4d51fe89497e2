"""Metric alarms that change state by themselves, and look at their own dimensions.

MiniStack evaluates an alarm when metric data or the alarm is put, so an alarm on a metric the services record
themselves (Lambda errors, iterator age, API latency) never fires and never recovers; and it mixes the data of every
dimension.
Here all alarms are looked at every few seconds by CloudWatch's rules: EvaluationPeriods windows of Period seconds, an
alarm when DatapointsToAlarm of them breach, TreatMissingData for windows without data.
"""

import logging
import operator
import threading
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

INTERVAL = 3.0  # seconds

COMPARISONS = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}

Alarm = dict[str, Any]
logger = logging.getLogger(__name__)


class AlarmClock:
    """The thread that looks at every alarm."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)

    def install(self) -> None:
        """Replace MiniStack's evaluation, also where data or an alarm is put."""
        cloudwatch._evaluate_alarm = evaluate

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL):
            for (account, region, _), alarm in cloudwatch._alarms.all_items():
                try:
                    with request_scope(account, region):
                        evaluate(alarm)
                except Exception:
                    logger.exception("the alarm %s cannot be evaluated", alarm.get("AlarmName"))


def evaluate(alarm: Alarm) -> None:
    """Bring an alarm's state up to date; on a change, write its history and notify."""
    if alarm.get("MetricName") and alarm.get("ComparisonOperator") in COMPARISONS:
        state, reason = judge(alarm, window_values(alarm, time.time()))
        if state != alarm["StateValue"]:
            _change(alarm, state, reason)


def window_values(alarm: Alarm, now: float) -> list[float | None]:
    """The alarm's statistic in each of its windows, the latest first; None for a window without data."""
    dimensions = {d["Name"]: d["Value"] for d in alarm.get("Dimensions") or ()}
    key = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
    points = list(cloudwatch._metrics.get(key) or ())
    period = int(alarm.get("Period") or 60)
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    windows: list[list[dict]] = [[] for _ in range(int(alarm.get("EvaluationPeriods") or 1))]
    for point in points:
        index = int((now - point["Timestamp"]) // period)
        if 0 <= index < len(windows):
            windows[index].append(point)
    return [
        cloudwatch._stat_value(cloudwatch._calc_stats(window), statistic, window) if window else None
        for window in windows
    ]


def judge(alarm: Alarm, values: list[float | None]) -> tuple[str, str]:
    """(state, reason) that follow from the windows' values."""
    missing = alarm.get("TreatMissingData") or "missing"
    needed = int(alarm.get("DatapointsToAlarm") or len(values))
    breaches = COMPARISONS[alarm["ComparisonOperator"]]
    known = [value for value in values if value is not None]
    if not known and missing in ("missing", "ignore"):
        return (
            "INSUFFICIENT_DATA" if missing == "missing" else alarm["StateValue"]
        ), "Insufficient Data: no datapoints"
    breaching = sum(breaches(value, alarm["Threshold"]) for value in known)
    if missing == "breaching":
        breaching += len(values) - len(known)
    shown = ", ".join(f"{value:g}" for value in known) or "missing data"
    reason = (
        f"Threshold Crossed: {breaching} of the last {len(values)} datapoints [{shown}] breach {alarm['Threshold']:g}"
    )
    return ("ALARM" if breaching >= needed else "OK"), reason


def _change(alarm: Alarm, state: str, reason: str) -> None:
    before = alarm["StateValue"]
    alarm["StateValue"], alarm["StateReason"] = state, reason
    alarm["StateUpdatedTimestamp"] = int(time.time())
    cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)
