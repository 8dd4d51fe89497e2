"""Automatic training: a solution with performAutoTraining gets a new version when its schedule is due.

The first one comes an hour after the solution's creation, and after an update that turns automatic training on or
changes how often it comes, unless a version is created by hand before: then, and after every automatic one, the next
comes after as many days as the schedule says, if interactions were imported or put since the newest version. A day is
as long as the clock says, an hour its twenty-fourth part. When a training is due while another one is under way, it is
left out. [AWS: "within one hour", "the solution skips the first automatic training", "only if you imported bulk or
real-time interaction data since the last training"; whether the first one after an update needs such data and what
happens beside a training under way is not said.]
"""

import logging
import math
import time
from typing import TYPE_CHECKING, Any

from recsys.local.personalize import recipes
from recsys.local.personalize.control import increments
from recsys.local.personalize.control.kinds import recommenders
from recsys.local.personalize.control.kinds.configs import days_between
from recsys.local.personalize.control.kinds.datasets import group_data
from recsys.local.personalize.control.resources import ACTIVE, BUSY
from recsys.local.personalize.events.reading import newest
from recsys.local.personalize.wire.protocol import TARGET, find_operation
from recsys.local.shared.errors import ServiceError
from recsys.local.shared.store import Resource

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

log = logging.getLogger(__name__)

NEXT = "_nextTraining"  # epoch seconds, in the solution's document
FIRST = "_firstTraining"  # whether that one is the schedule's first
AUTOMATIC = "_automatic"  # in a request that comes from here
HOURS = 24  # of a day
EVENTS = (("INTERACTIONS", "events"), ("ACTION_INTERACTIONS", "action_events"))  # dataset types, tables of the log
LOOK = 5.0  # seconds between two looks at what is due, fewer where days are short


def schedule_first_training(control: "Control", document: dict[str, Any]) -> None:
    """Begin a schedule: a solution is new, or its schedule is."""
    document.update({NEXT: control.clock.after(1 / HOURS), FIRST: True})


def postpone_after_manual_training(control: "Control", solution: Resource) -> None:
    """A version was created by hand: it stands in for the solution's first automatic one."""
    if solution.document.get(FIRST):
        _put_off(control, solution)


def train_what_is_due(control: "Control") -> None:
    """Create what versions are due, updates too, and look again later."""
    control.actor.later(lambda: train_what_is_due(control), min(LOOK, control.clock.day_seconds / HOURS / 4))
    for solution in control.store.find("Solution", status=ACTIVE, performAutoTraining=1):
        if solution.document.get(NEXT, math.inf) <= time.time():
            _train(control, solution)
    increments.update_what_is_due(control)
    recommenders.renew(control)


def _train(control: "Control", solution: Resource) -> None:
    versions = control.store.find("SolutionVersion", solutionArn=solution.arn)
    wanted = solution.document[FIRST] or not versions or _outdated(control, versions[-1])
    with control.store.transaction():
        _put_off(control, solution)
    if not wanted or any(version.status in BUSY for version in versions):
        return
    operation = find_operation("POST", "/", f"{TARGET}CreateSolutionVersion")
    try:
        control.handle(operation, {"solutionArn": solution.arn, AUTOMATIC: True})
    except ServiceError as error:  # a quota; the next turn comes
        log.warning("%s was not trained: %s", solution.arn, error.message)


def _outdated(control: "Control", version: Resource) -> bool:
    """Whether there are interactions that a version has not seen: with items or, if it recommends them, actions."""
    if "_seen" not in version.document:
        return True
    actions = recipes.by_arn(version.document["recipeArn"]).type == recipes.ACTIONS
    before, now = version.document["_seen"], group_data(control, version.document["datasetGroupArn"])
    reached = newest(now["events"], now["group"])
    return any(
        before["files"].get(kind) != now["files"].get(kind) or before["newest"][table] != reached[table]
        for kind, table in (EVENTS if actions else EVENTS[:1])
    )


def _put_off(control: "Control", solution: Resource) -> None:
    days = days_between(solution.document.get("solutionConfig", {}))
    solution.document.update({NEXT: control.clock.after(days), FIRST: False})
    control.store.save(solution)
