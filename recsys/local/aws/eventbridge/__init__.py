"""EventBridge and its Scheduler: what AWS refuses of rules, schedules and events, and what a target's role may do.

MiniStack takes rules and schedules that would never be due, passes on events that are none, and lets a rule do what the
role of its target may not. Its rules go by the real time; here their clock can be set ahead.

schedules   what AWS refuses of rules and schedules
entries     what AWS refuses of the entries of PutEvents
targets     what a rule or a schedule does, checked by its target's role
clock       the clock of rules, which can be set ahead

How a rule calls a function is Lambda's matter (lambda_/async_calls.py).
"""

from recsys.local.aws.eventbridge import clock, entries, schedules, targets


def install() -> None:
    """Change what is put, what is done when it is due, and when that is; in any order."""
    schedules.install()
    entries.install()
    targets.install()
    clock.install()
