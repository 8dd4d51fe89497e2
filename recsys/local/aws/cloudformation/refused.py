"""What a service refuses when it is asked, a template may not make either: MiniStack writes it past the service.

Event source mapping, function, rule, schedule, alarm and state machine; the resource fails with the service's message.
"""

from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import provisioners
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

from recsys.local.aws.cloudformation.answers import Created, Properties, accepted
from recsys.local.aws.cloudwatch import validation
from recsys.local.aws.eventbridge import schedules
from recsys.local.aws.kinesis import mapping
from recsys.local.aws.lambda_ import account_limits, limits
from recsys.local.aws.stepfunctions import definitions

Check = Callable[[Properties, str], None]  # the physical id of what is changed; none of what is made


def install() -> None:
    """Look at the properties before the resource is made or changed."""
    for kind, check in CHECKS.items():
        handlers = _RESOURCE_HANDLERS[f"AWS::{kind}"]
        for step in ("create", "update"):
            handlers[step] = _checked(handlers[step], check, step)
    alarm, machine = provisioners._cw_metric_alarm_record, provisioners._sfn_definition
    provisioners._cw_metric_alarm_record = lambda name, props: alarm(name, validation.settled(props))
    provisioners._sfn_definition = lambda props: _possible(machine(props))


def _checked(handle: Callable[..., Created], check: Check, step: str) -> Callable[..., Any]:
    """MiniStack's writes the resource past its service; here it fails where the service would refuse it."""

    def checked(subject: str, *rest: Any, **options: Any) -> Created:
        # create(logical id, properties, stack), update(physical id, old properties, new properties, stack, ...)
        props, changed = (rest[0], "") if step == "create" else (rest[1], subject)
        check(props, changed)
        return handle(subject, *rest, **options)

    return checked


def _mapping(props: Properties, changed: str) -> None:
    source = props.get("EventSourceArn", "")
    if changed:
        answer = mapping.refused_change(source, props)
    else:
        answer = mapping.refused(props) if ":kinesis:" in source else None
    if answer:
        accepted(answer)


def _function(props: Properties, changed: str) -> None:
    name = props.get("FunctionName") or changed
    share = account_limits.refused(name, props.get("ReservedConcurrentExecutions"))
    if answer := limits.refused(props) or share:
        accepted(answer)


def _rule(props: Properties, changed: str) -> None:
    if found := schedules.rule_fault(props.get("ScheduleExpression", "")):
        raise ValueError(found)


def _schedule(props: Properties, changed: str) -> None:
    if found := schedules.fault(props):
        raise ValueError(found)


def _possible(definition: str) -> str:
    if found := definitions.fault(definition):
        raise ValueError(found)
    return definition


CHECKS = {
    "Events::Rule": _rule,
    "Lambda::EventSourceMapping": _mapping,
    "Lambda::Function": _function,
    "Scheduler::Schedule": _schedule,
}
