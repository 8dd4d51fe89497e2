"""From a solution version or a recommender to a training in the worker, and away with what it left."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.local.personalize import recipes
from recsys.local.personalize.control.kinds.datasets import group_data
from recsys.local.shared.store import Resource

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control


WEIGHTS = ("_folder", "_seen", "_metrics", "tunedHPOParams")


def training_spec(control: "Control", resource: Resource, attempt: int = 0) -> dict[str, Any]:
    """What the worker needs to train a SolutionVersion or a Recommender; a JSON document.

    attempt: of a resource that is trained more than once, a number of its own for each time, so that what serves is
    never written over.

    recipe, config (a solutionConfig), eventType, performHPO: what is asked for. folder, result: where the artefacts and
    the result go. The rest is that of `group_data`.
    """
    document = resource.document
    stem = _folder(control) / (f"{resource.number}-{attempt}" if attempt else str(resource.number))
    return {
        "recipe": recipes.by_arn(document["recipeArn"]).name,
        "config": document.get("solutionConfig", document.get("recommenderConfig", {})),
        "eventType": document.get("eventType"),
        "performHPO": document.get("performHPO", False),
        "folder": str(stem),
        "result": f"{stem}.json",
        **group_data(control, document["datasetGroupArn"]),
    }


def weights_of(version: Resource) -> dict[str, Any]:
    """What an update takes over from an earlier training: the `previous` of its spec."""
    return {name: version.document[name] for name in WEIGHTS if name in version.document}


def start_training(control: "Control", resource: Resource, **more: Any) -> None:
    """Train what is in CREATE_IN_PROGRESS; the worker's result ends its creation. `more` goes into the spec."""
    control.tell("training", resource)
    control.run_job(resource.arn, "train", training_spec(control, resource) | more)


def forget_training(control: "Control", resource: Resource, keep: str | None = None) -> None:
    """Delete all that the resource's trainings left, also those that were cut short, but for the folder to `keep`."""
    for pattern in (f"{resource.number}", f"{resource.number}[.-]*"):
        for path in _folder(control).glob(pattern):
            if path.is_file():
                path.unlink()
            elif str(path) != keep:
                shutil.rmtree(path)


def _folder(control: "Control") -> Path:
    folder = control.folder / "versions"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
