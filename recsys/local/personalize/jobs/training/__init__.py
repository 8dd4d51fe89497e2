"""In the worker: a group's data become a fitted model, its metrics and the log of what was tried.

data.py        what is learned from
metadata.py    the columns of Items, Users and Actions
engines.py     a function per engine: fit, evaluate, fit on everyone
search.py      hyperparameter optimization
evaluation.py  the metrics of models of items
updates.py     trainingMode UPDATE

What a training leaves in its folder, each but the last read by recsys.models.load: model/, returning/ (a model for who
has not been seen for a while, where that is another one), popular/ (a Popularity over the same items; not for actions),
content/ (an ItemContent of the Items dataset, for the recipes that learn from it; of the Actions dataset for actions),
trials.json (every setting tried).
"""

import json
import shutil
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from recsys.columns import USER_ID
from recsys.errors import ModelError
from recsys.local.personalize.jobs.training.data import Data, TrainingFailed
from recsys.local.personalize.jobs.training.engines import ENGINES
from recsys.local.personalize.jobs.training.updates import update
from recsys.models import NextItem, Sequences

MIN_INTERACTIONS, MIN_USERS, MIN_SHARE = 1000, 25, 0.01


def warm() -> None:
    """Fit a tiny model: what fitting imports, and compiles when first called, no training needs to wait for again."""
    import_module("scipy.sparse.linalg")
    users, items, events = np.arange(40), np.arange(7), np.arange(200)
    codes = (events % len(items)).astype(np.int32)
    NextItem.fit(Sequences(users.astype(str), items.astype(str), np.arange(0, 201, 5), codes, events), threads=1)


def train(spec: dict[str, Any]) -> dict[str, Any]:
    """Train per `spec` (control/training.py). Returns the members a finished solution version has, or
    `{"failureReason"}`. The folder appears whole or not at all.
    """
    started = time.monotonic()
    folder = Path(spec["folder"])
    draft = folder.with_name(f"{folder.name}.tmp")
    for path in (draft, folder):  # what an interrupted training left
        shutil.rmtree(path, ignore_errors=True)
    try:
        data = Data(spec)
        seen = data.seen()  # first: what comes while it trains is news
        members = (update if spec.get("previous") else _full)(data, draft)
    except (TrainingFailed, ModelError) as error:
        return {"failureReason": str(error)}
    draft.rename(folder)
    hours = round((time.monotonic() - started) / 3600, 6)
    return {**members, "_folder": str(folder), "_seen": seen, "trainingHours": hours}


def _full(data: Data, draft: Path) -> dict[str, Any]:
    """Write the artefacts of a training into `draft`; returns members of the version."""
    _check_minimums(data)
    fitted = ENGINES[data.recipe.engine](data)
    draft.mkdir(parents=True)
    for name in ("model", "returning", "popular", "content"):
        if (model := getattr(fitted, name)) is not None:
            model.save(draft / name)
    (draft / "trials.json").write_text(json.dumps(fitted.trials, indent=1, default=str))
    members: dict[str, Any] = {"_metrics": {name: round(float(value), 4) for name, value in fitted.metrics.items()}}
    if data.spec["performHPO"]:
        members["tunedHPOParams"] = {"algorithmHyperParameters": fitted.tuned}
    return members


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
