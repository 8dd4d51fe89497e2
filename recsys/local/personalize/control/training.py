"""From a solution version or a recommender to a training in the worker, and away with what it left."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.local.personalize import recipes
from recsys.local.personalize.control.kinds.datasets import dataset_schema, group_datasets
from recsys.local.personalize.control.store import Resource
from recsys.local.personalize.schemas import DATASET_TYPES

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control


WEIGHTS = ("_folder", "_seen", "_metrics", "tunedHPOParams")


def training_spec(control: "Control", resource: Resource, attempt: int = 0) -> dict[str, Any]:
    """What the worker needs to train a SolutionVersion or a Recommender; a JSON document.

    attempt: of a resource that is trained more than once, a number of its own for each time, so that what serves is
    never written over.

    recipe, config (a solutionConfig), eventType, performHPO: what is asked for. group: the dataset group's ARN. files,
    datasets, schemas: by dataset type, the columnar file of what was imported in bulk (None where nothing was), the
    dataset's ARN and its schema. events: the SQLite file of all that was put one by one. folder, result: where the
    artefacts and the result go.
    """
    document = resource.document
    group = document["datasetGroupArn"]
    found = {kind: each for kind, each in group_datasets(control, group).items() if kind in DATASET_TYPES}
    stem = _folder(control) / (f"{resource.number}-{attempt}" if attempt else str(resource.number))
    return {
        "recipe": recipes.by_arn(document["recipeArn"]).name,
        "config": document.get("solutionConfig", document.get("recommenderConfig", {})),
        "eventType": document.get("eventType"),
        "performHPO": document.get("performHPO", False),
        "group": group,
        "files": {kind: dataset.document.get("_file") for kind, dataset in found.items()},
        "datasets": {kind: dataset.arn for kind, dataset in found.items()},
        "schemas": {kind: dataset_schema(control, dataset) for kind, dataset in found.items()},
        "events": str(control.folder / "events.sqlite"),
        "folder": str(stem),
        "result": f"{stem}.json",
    }


def weights_of(version: Resource) -> dict[str, Any]:
    """What an update takes over from an earlier training: the `previous` of its spec."""
    return {name: version.document[name] for name in WEIGHTS if name in version.document}


def start_training(control: "Control", resource: Resource, **more: Any) -> None:
    """Train what is in CREATE_IN_PROGRESS; the worker's result ends its creation. `more` goes into the spec."""
    control.tell("training", resource)
    control.run_job(resource.arn, "train", training_spec(control, resource) | more)


def forget_training(control: "Control", resource: Resource) -> None:
    """Delete every artefact of a resource that is gone."""
    folder = _folder(control)
    for path in (
        folder / str(resource.number),
        folder / f"{resource.number}.json",
        *folder.glob(f"{resource.number}-*"),
    ):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _folder(control: "Control") -> Path:
    folder = control.folder / "versions"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
