"""In the worker: a group's data become a fitted model, its metrics and the log of what was tried.

data.py        what is learned from
metadata.py    the columns of Items, Users and Actions
engines.py     a function per engine: fit, evaluate, fit on everyone
search.py      hyperparameter optimization
evaluation.py  the metrics of models of items

What a training leaves in its folder: model/ (read by recsys.models.load), popular/ (a Popularity over the same items;
not for actions), content/ (an ItemContent of the Items dataset, for the recipes that learn from it; of the Actions
dataset for actions), trials.json (every setting tried).
"""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from recsys.columns import USER_ID
from recsys.errors import ModelError
from recsys.local.personalize.jobs.training import metadata
from recsys.local.personalize.jobs.training.data import Data, TrainingFailed
from recsys.local.personalize.jobs.training.engines import ENGINES, Fitted

MIN_INTERACTIONS, MIN_USERS, MIN_SHARE = 1000, 25, 0.01
UNCHANGED = (
    "There should be updates to at least one dataset after last active solution version with training mode set to FULL"
)


def train(spec: dict[str, Any]) -> dict[str, Any]:
    """Train per `spec` (control/training.py). Returns the members a finished solution version has, or
    `{"failureReason"}`. The folder appears whole or not at all.
    """
    started = time.monotonic()
    try:
        data = Data(spec)
        members = _updated(data) if spec.get("previous") else _trained(data)
    except (TrainingFailed, ModelError) as error:
        return {"failureReason": str(error)}
    hours = round((time.monotonic() - started) / 3600, 6)
    return {**members, "_folder": spec["folder"], "_seen": data.seen(), "trainingHours": hours}


def _trained(data: Data) -> dict[str, Any]:
    """trainingMode FULL."""
    _check_minimums(data)
    fitted = ENGINES[data.recipe.engine](data)
    _write(Path(data.spec["folder"]), fitted)
    members: dict[str, Any] = {"_metrics": {name: round(float(value), 4) for name, value in fitted.metrics.items()}}
    if data.spec["performHPO"]:
        members["tunedHPOParams"] = {"algorithmHyperParameters": fitted.tuned}
    return members


def _updated(data: Data) -> dict[str, Any]:
    """trainingMode UPDATE: the weights of the previous version, with what items are like now.

    Items that came since are recommended through their metadata. Metrics are those of the weights. [AWS does not say
    whether a request without changed data is refused or its training fails; here it fails, with AWS's sentence.]
    """
    previous = data.spec["previous"]
    if previous["_seen"] == data.seen():
        raise TrainingFailed(UNCHANGED)
    folder = Path(data.spec["folder"])
    draft = _draft(folder)
    shutil.copytree(previous["_folder"], draft, copy_function=os.link, ignore=shutil.ignore_patterns("content"))
    content = metadata.content(data, "ITEMS")
    if content:
        content.save(draft / "content")
    draft.rename(folder)
    return {name: previous[name] for name in ("_metrics", "tunedHPOParams") if name in previous}


def _check_minimums(data: Data) -> None:
    """Personalize's minimum data. Raises TrainingFailed with the documented messages."""
    if data.recipe.engine == "semantic":
        return
    table, _ = data.chosen
    if len(table) < MIN_INTERACTIONS:
        after = "" if data.selection.everything else f" after filtering by event type: {data.selection.name}"
        raise TrainingFailed(f"Dataset has fewer than {MIN_INTERACTIONS} interactions{after or '.'}")
    if data.recipe.engine in ("trending", "actions"):
        return
    per_user = table.groupby(USER_ID, sort=False).size()
    with_two = int((per_user >= 2).sum())
    if with_two < MIN_USERS:
        message = f"Create failed. Dataset has fewer than {MIN_USERS} users with at least 2 interactions each."
        raise TrainingFailed(message)
    if with_two < MIN_SHARE * len(per_user):
        raise TrainingFailed("Create failed. Dataset has fewer than 1% of users with at least 2 interactions each.")


def _write(folder: Path, fitted: Fitted) -> None:
    """Put the artefacts in their place at once."""
    draft = _draft(folder)
    draft.mkdir(parents=True)
    for name, model in (("model", fitted.model), ("popular", fitted.popular), ("content", fitted.content)):
        if model is not None:
            model.save(draft / name)
    (draft / "trials.json").write_text(json.dumps(fitted.trials, indent=1, default=str))
    draft.rename(folder)


def _draft(folder: Path) -> Path:
    """Where to write what becomes `folder`; what an interrupted training left is gone."""
    draft = folder.with_name(f"{folder.name}.tmp")
    for path in (draft, folder):
        shutil.rmtree(path, ignore_errors=True)
    return draft
