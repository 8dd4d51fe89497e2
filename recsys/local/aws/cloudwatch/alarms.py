"""Metric alarms that change state by themselves, and look at their own dimensions.

MiniStack evaluates an alarm when metric data or the alarm is put, so an alarm on a metric the services record
themselves (Lambda errors, iterator age, API latency) never fires and never recovers; and it mixes the data of every
dimension.
Here all alarms are looked at every second by CloudWatch's rules: EvaluationPeriods sliding windows of Period seconds,
an alarm when DatapointsToAlarm of them breach, TreatMissingData for windows without data, and data of another unit than
the alarm's do not count. A new alarm is
INSUFFICIENT_DATA until it is looked at for the first time, as on AWS, where that takes a minute.
"""

import logging
import operator
import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from recsys.local.aws.cloudwatch import datapoints, queue_metrics

INTERVAL = 1.0  # seconds
THIN_EVERY = 60.0  # seconds
PRUNE_EVERY = 3600.0  # seconds

COMPARISONS = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
WORDS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
TREATED = {"breaching": "[Breaching]", "notBreaching": "[NonBreaching]"}

Alarm = dict[str, Any]
logger = logging.getLogger(__name__)


def install() -> None:
    """Let nobody but the clock evaluate: MiniStack would at every put, of all dimensions together."""
    cloudwatch._evaluate_alarm = lambda alarm: None


class AlarmClock:
    """The thread that looks at every alarm, after it has looked how full the queues are.

    Now and then it thins old metrics, and calls `prune`, which forgets the records that no stream holds any more.
    """

    def __init__(self, prune: Callable[[], None]) -> None:
        self._prune = prune
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def _run(self) -> None:
        thinned = pruned = time.monotonic()
        while not self._stop.wait(INTERVAL):
            _attempt("queues", queue_metrics.sample, time.time())
            if time.monotonic() - thinned >= THIN_EVERY:
                thinned = time.monotonic()
                _attempt("metrics", datapoints.thin, time.time())
            if time.monotonic() - pruned >= PRUNE_EVERY:
                pruned = time.monotonic()
                _attempt("streams", self._prune)
            for (account, region, name), alarm in cloudwatch._alarms.all_items():
                with request_scope(account, region):
                    _attempt(f"the alarm {name}", evaluate, alarm)


def _attempt(what: str, act: Callable[..., None], *given: Any) -> None:
    try:
        act(*given)
    except Exception:
        logger.exception("%s could not be looked at", what)


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
        if alarm.get("Unit") and point["Unit"] != alarm["Unit"]:
            continue
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
    if breaching >= needed:
        return "ALARM", _reason(alarm, values, breaching, "was" if breaching == 1 else "were", needed)
    return "OK", _reason(alarm, values, len(values) - breaching, "was not" if len(values) == 1 else "were not", 1)


def _reason(alarm: Alarm, values: list[float | None], count: int, verb: str, needed: int) -> str:
    """What AWS says in NewStateReason, but for the datapoints' times."""
    known = ", ".join(str(float(value)) for value in values if value is not None)
    if not known:
        treated = TREATED[alarm["TreatMissingData"]]
        missing = _counted(len(values), "missing datapoint") + (" was" if len(values) == 1 else " were")
        periods = _counted(len(values), "period")
        return f"Threshold Crossed: no datapoints were received for {periods} and {missing} treated as {treated}."
    change = "ALARM -> OK" if "not" in verb else "OK -> ALARM"
    return (
        f"Threshold Crossed: {count} out of the last {len(values)} datapoints [{known}] {verb} "
        f"{WORDS[alarm['ComparisonOperator']]} the threshold ({float(alarm['Threshold'])}) "
        f"(minimum {_counted(needed, 'datapoint')} for {change} transition)."
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _change(alarm: Alarm, state: str, reason: str) -> None:
    before = alarm["StateValue"]
    alarm["StateValue"], alarm["StateReason"] = state, reason
    alarm["StateUpdatedTimestamp"] = int(time.time())
    cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)
