"""Rules and schedules that AWS refuses and MiniStack takes, which would never be due, or take their targets with them.

[A schedule of EventBridge Scheduler goes by UTC, whatever its time zone.]
"""

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from ministack.core.responses import error_response_json
from ministack.services import eventbridge, scheduler

from recsys.local.aws import MiniStackResponse

RATE = re.compile(r"rate\((1 (minute|hour|day)|(?!1 )[1-9]\d* (minutes|hours|days))\)")
BAD_RULE = "Parameter ScheduleExpression is not valid."
NEITHER = "Parameter(s) EventPattern or ScheduleExpression must be specified."
HAS_TARGETS = "Rule can't be deleted since it has targets."


def install() -> None:
    """Look at them before they are put or deleted."""
    known = eventbridge._validate_schedule_expression
    eventbridge._validate_schedule_expression = lambda text: known(text) and rule_fault(text) is None
    eventbridge._put_rule = _with_something(eventbridge._put_rule)
    eventbridge._delete_rule = _without_targets(eventbridge._delete_rule)
    scheduler._create_schedule = _possible(scheduler._create_schedule)
    scheduler._update_schedule = _possible(scheduler._update_schedule)


def rule_fault(expression: str) -> str | None:
    """Why EventBridge refuses the schedule of a rule; None for a good one or none."""
    if not expression or RATE.fullmatch(expression) or eventbridge._parse_cron_fields(expression):
        return None
    return BAD_RULE


def fault(given: dict[str, Any]) -> str | None:
    """Why EventBridge Scheduler refuses a schedule; None for a good one, or where MiniStack misses the expression."""
    expression, zone = given.get("ScheduleExpression"), given.get("ScheduleExpressionTimezone")
    readers = (scheduler._at_time_epoch, eventbridge._parse_rate_seconds, eventbridge._parse_cron_fields)
    if expression and not any(read(expression) for read in readers):
        return f"Invalid Schedule Expression {expression}."
    if zone and zone not in available_timezones():
        return f"Invalid Timezone {zone}."
    return None


def _with_something(put: Callable[[dict], MiniStackResponse]) -> Callable[[dict], MiniStackResponse]:
    """MiniStack's takes a rule that nothing can set off; here it is refused."""

    def checked(given: dict) -> MiniStackResponse:
        if not given.get("EventPattern") and not given.get("ScheduleExpression"):
            return error_response_json("ValidationException", NEITHER, 400)
        return put(given)

    return checked


def _without_targets(delete: Callable[[dict], MiniStackResponse]) -> Callable[[dict], MiniStackResponse]:
    """MiniStack's deletes a rule with its targets; here that is refused."""

    def checked(given: dict) -> MiniStackResponse:
        if eventbridge._targets.get(eventbridge._rule_key(given.get("Name"), given.get("EventBusName", "default"))):
            return error_response_json("ValidationException", HAS_TARGETS, 400)
        return delete(given)

    return checked


def _possible(put: Callable[[str, dict], MiniStackResponse]) -> Callable[[str, dict], MiniStackResponse]:
    """MiniStack's takes a schedule that is never due; here it is refused."""

    def checked(name: str, given: dict) -> MiniStackResponse:
        if found := fault(given):
            return scheduler._error(400, "ValidationException", found)
        return put(name, given)

    return checked
