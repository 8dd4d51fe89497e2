"""Incremental updates: a semantic-similarity solution that asks for them knows new items without a full training.

Every two hours (the twelfth part of a day, as long as the clock says) the newest ACTIVE version takes in the items that
were imported or put since, if any, and the campaigns that serve it go on with what came out. [AWS: "more frequently
without requiring full retraining"; two hours is the pace of its automatic updates. Those make no new version either.]
"""

import logging
import shutil
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.local.personalize.control.kinds.turns import being_read
from recsys.local.personalize.control.resources import ACTIVE
from recsys.local.personalize.control.training import training_spec, weights_of
from recsys.local.shared.store import Resource

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

log = logging.getLogger(__name__)

PER_DAY = 12
COUNT, SINCE = "_increments", "_incremented"  # how many there were, and when the last began (epoch seconds)


def update_what_is_due(control: "Control") -> None:
    """Begin the updates that are due."""
    every = control.clock.day_seconds / PER_DAY
    for solution in control.store.find("Solution", status=ACTIVE, performIncrementalUpdate=1):
        versions = control.store.find("SolutionVersion", solutionArn=solution.arn, status=ACTIVE)
        if (
            versions
            and time.time() >= versions[-1].document.get(SINCE, versions[-1].document["creationDateTime"]) + every
        ):
            _begin(control, versions[-1])


def _begin(control: "Control", version: Resource) -> None:
    count = version.document.get(COUNT, 0) + 1
    with control.store.transaction():
        version.document.update({COUNT: count, SINCE: time.time()})
        control.store.save(version)
    spec = training_spec(control, version, count) | {"previous": weights_of(version)}

    def done(result: dict[str, Any]) -> None:
        control.actor.later(partial(_end, control, version.arn, result))

    control.jobs.submit(f"{version.arn}/increment", "train", spec, done)


def _end(control: "Control", arn: str, result: dict[str, Any]) -> None:
    version = control.store.get(arn)
    if version is None or "failureReason" in result:  # mostly that no dataset has changed
        log.info("%s was not updated: %s", arn, result.get("failureReason"))
        return
    old = Path(version.document["_folder"])
    with control.store.transaction():
        version.document.update({name: result[name] for name in ("_folder", "_seen")})
        control.store.save(version)
    for campaign in control.store.find("Campaign", solutionVersionArn=arn, status=ACTIVE):
        control.tell("deploy", campaign)
    if old != control.folder / "versions" / str(version.number) and not _held(control, version):
        shutil.rmtree(old, ignore_errors=True)


def _held(control: "Control", version: Resource) -> bool:
    """Whether a job or a campaign may be about to read the version's folder; it goes with the version then."""
    campaigns = control.store.find("Campaign", solutionVersionArn=version.arn)
    return being_read(control, version.document["datasetGroupArn"]) or any(map(control.busy, campaigns))
