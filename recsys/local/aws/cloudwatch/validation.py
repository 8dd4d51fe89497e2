"""What CloudWatch refuses of an alarm and of metric data, and MiniStack takes: an alarm that would never look at its
metric, and values that are no numbers, after which no comparison holds.

An alarm on the list `Metrics` is made an alarm on the one metric in it. One with metric math is refused, which AWS
takes: nobody here would evaluate it.
"""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from ministack.services import cloudwatch

from recsys.local.aws.cloudwatch.alarms import COMPARISONS, TREATED, Alarm
from recsys.local.shared.errors import ServiceError

NEEDED = ("MetricName", "Namespace", "Period", "EvaluationPeriods", "ComparisonOperator", "Threshold")
OPTIONAL = ("Statistic", "ExtendedStatistic", "DatapointsToAlarm", "TreatMissingData")
STATISTICS = ("Average", "Maximum", "Minimum", "SampleCount", "Sum")
MISSING = (*TREATED, "ignore", "missing")
DAY, WEEK, HOUR = 86_400, 604_800, 3600  # seconds
NO_MATH = "The embedded CloudWatch evaluates no metric math: put an alarm on one metric"
NUMBER = re.compile(r"MetricData\.member\.\d+\.(Value|Values\.member\.\d+|StatisticValues\.\w+)")

Put = Callable[..., tuple]


def install() -> None:
    """Look before anything is put."""
    cloudwatch._put_metric_alarm = _looked_at(cloudwatch._put_metric_alarm, _checked_alarm)
    cloudwatch._put_metric_data = _looked_at(cloudwatch._put_metric_data, _checked_data)


def settled(given: Alarm) -> Alarm:
    """The alarm on one metric that is asked for. Raises ServiceError where AWS would refuse it, or for metric math."""
    if given.get("Metrics"):
        given = _of_one_metric(given)
    for member in NEEDED:
        _insist(given.get(member) not in (None, ""), f"The parameter {member} is required")
    operator, treated = given["ComparisonOperator"], given.get("TreatMissingData") or "missing"
    _insist(operator in COMPARISONS, f"Invalid ComparisonOperator: {operator}; use one of {', '.join(COMPARISONS)}")
    _insist(treated in MISSING, f"Invalid TreatMissingData: {treated}; use one of {', '.join(MISSING)}")
    period, periods = int(given["Period"]), int(given["EvaluationPeriods"])
    _insist(
        period in (10, 20, 30) or (period > 0 and period % 60 == 0), "Period must be 10, 20, 30 or a multiple of 60"
    )
    longest = WEEK if period >= HOUR else DAY
    _insist(
        0 < periods <= longest // period, f"EvaluationPeriods * Period must be at least one period and <= {longest}"
    )
    needed = int(given.get("DatapointsToAlarm") or periods)
    _insist(0 < needed <= periods, "DatapointsToAlarm must be at least 1 and no more than EvaluationPeriods")
    _check_statistic(given.get("Statistic"), given.get("ExtendedStatistic"))
    return given


def _insist(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ServiceError("ValidationError", otherwise)


def _check_statistic(plain: str | None, extended: str | None) -> None:
    _insist(bool(plain) != bool(extended), "Exactly one of Statistic and ExtendedStatistic must be given")
    _insist(not plain or plain in STATISTICS, f"Invalid Statistic: {plain}; use one of {', '.join(STATISTICS)}")
    percentile = not extended or cloudwatch._is_percentile_stat(extended)
    _insist(percentile, f"The embedded CloudWatch knows percentiles only, such as p99, not {extended}")


def _of_one_metric(given: Alarm) -> Alarm:
    metrics = given["Metrics"]
    stat = metrics[0].get("MetricStat") if len(metrics) == 1 else None
    if not stat:
        raise ServiceError("ValidationError", NO_MATH)
    kind = "Statistic" if stat["Stat"] in STATISTICS else "ExtendedStatistic"
    kept = {name: value for name, value in given.items() if name != "Metrics"}
    unit = {"Unit": stat["Unit"]} if stat.get("Unit") else {}
    return {**kept, **stat["Metric"], **unit, "Period": stat["Period"], kind: stat["Stat"]}


def _looked_at(put: Put, check: Callable[[dict, dict | None], dict]) -> Put:
    """MiniStack's puts what it is given; here `check` may refuse it first.

    The members come as MiniStack has them: in `params` of the query protocol, or in `given` of the others.
    """

    def checked(params: dict, given: dict, is_cbor: bool, is_json: bool = False) -> tuple:
        try:
            found = check(params, given if is_cbor or is_json else None)
        except ServiceError as error:
            return cloudwatch._error(error.code, error.message, 400, use_json=is_json, use_cbor=is_cbor)
        return put(params, found, is_cbor, is_json)

    return checked


def _checked_alarm(params: dict, given: dict | None) -> dict:
    return settled({name: cloudwatch._p(params, name) for name in NEEDED + OPTIONAL} if given is None else given)


def _checked_data(params: dict, given: dict | None) -> dict:
    numbers = _numbers(given["MetricData"]) if given else _texts(params)
    for name, value in numbers:
        if not math.isfinite(float(value)):
            raise ServiceError("InvalidParameterValue", f"The value {value} for parameter {name} is invalid.")
    return given or {}


def _numbers(data: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    for index, datum in enumerate(data, 1):
        values = [datum.get("Value"), *(datum.get("Values") or ()), *(datum.get("StatisticValues") or {}).values()]
        yield from ((f"MetricData.member.{index}.Value", value) for value in values if value is not None)


def _texts(params: dict) -> Iterator[tuple[str, str]]:
    return ((name, cloudwatch._p(params, name)) for name in params if NUMBER.fullmatch(name))
