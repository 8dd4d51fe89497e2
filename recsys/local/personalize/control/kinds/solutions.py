"""Solutions and their versions: what is to be trained, and the training."""

import shutil
import uuid
from typing import TYPE_CHECKING

from recsys.local.personalize import recipes
from recsys.local.personalize.control.kinds.datasets import dataset_file
from recsys.local.personalize.control.kinds.rule import Document, Rule
from recsys.local.personalize.control.kinds.turns import after_deletion
from recsys.local.personalize.control.store import Resource
from recsys.local.personalize.errors import ServiceError, invalid, not_found

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

FROM_SOLUTION = ("performHPO", "performAutoML", "recipeArn", "eventType", "datasetGroupArn", "solutionConfig")


def _solution(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    if document.get("performAutoML"):
        raise invalid("AutoML is no longer available: give a recipeArn")
    if "recipeArn" not in document:
        raise invalid("recipeArn must be given")
    recipe = recipes.trainable(document["recipeArn"])
    config = document.get("solutionConfig", {})
    if config.get("optimizationObjective", {}).get("objectiveSensitivity", "OFF") != "OFF":
        raise ServiceError("NotImplementedException", "optimizationObjective is not implemented here yet", 501)
    _check_hyperparameters(recipe, config.get("algorithmHyperParameters", {}))
    if not is_number(config.get("eventValueThreshold", "0")):
        raise invalid(f"eventValueThreshold must be a number, not {config['eventValueThreshold']!r}")
    if document.get("performHPO") and not any(tuned for *_, tuned in (recipe.hyperparameters or {}).values()):
        raise invalid(f"Recipe {recipe.name} does not support hyperparameter optimization")
    document.setdefault("performHPO", False)
    document.setdefault("performAutoML", False)
    document.setdefault("performAutoTraining", True)
    return {}


def _check_hyperparameters(recipe: recipes.Recipe, given: dict[str, str]) -> None:
    known = recipe.hyperparameters or {}
    for name, text in given.items():
        if name not in known:
            raise invalid(f"{recipe.name} has no hyperparameter {name}; it has: {', '.join(known) or 'none'}")
        _, low, high, _ = known[name]
        if low is None and text.lower() not in ("true", "false"):
            raise invalid(f"Hyperparameter {name} must be true or false, not {text}")
        if low is not None and not (is_number(text) and low <= float(text) <= high):
            raise invalid(f"Hyperparameter {name} must be a number between {low} and {high}, not {text}")


def is_number(text: str) -> bool:
    """Whether a text is a number other than NaN."""
    try:
        return float(text) == float(text)
    except ValueError:
        return False


def _version(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (solution,) = parents
    mode = document.setdefault("trainingMode", "FULL")
    if mode != "FULL":
        raise ServiceError("NotImplementedException", f"trainingMode {mode} is not implemented here yet: use FULL", 501)
    document["trainingType"] = "MANUAL"
    document.update({name: solution.document[name] for name in FROM_SOLUTION if name in solution.document})
    return {"solution": solution.document["name"], "id": uuid.uuid4().hex[:8]}


def _train(control: "Control", version: Resource) -> None:
    group = version.document["datasetGroupArn"]
    folder = control.folder / "versions"
    folder.mkdir(parents=True, exist_ok=True)
    spec = {
        "model": recipes.by_arn(version.document["recipeArn"]).model,
        "interactions": dataset_file(control, group, "INTERACTIONS"),
        "items": dataset_file(control, group, "ITEMS"),
        "events": str(control.folder / "events.sqlite"),
        "group": group,
        "eventType": version.document.get("eventType"),
        "config": version.document.get("solutionConfig", {}),
        "folder": str(folder / str(version.number)),
        "result": str(folder / f"{version.number}.json"),
    }
    control.tell("training", version)
    control.run_job(version.arn, "train", spec)


def _version_erased(control: "Control", version: Resource) -> None:
    shutil.rmtree(control.folder / "versions" / str(version.number), ignore_errors=True)
    (control.folder / "versions" / f"{version.number}.json").unlink(missing_ok=True)


def _with_latest_version(control: "Control", solution: Resource) -> Document:
    versions = control.store.find("SolutionVersion", solutionArn=solution.arn)
    return {**solution.document, "latestSolutionVersion": versions[-1].document} if versions else solution.document


def _versions_of(control: "Control", params: Document) -> Document:
    """The one List operation that models ResourceNotFoundException."""
    if "solutionArn" in params and control.store.get(params["solutionArn"]) is None:
        raise not_found(f"Resource with Amazon Resource Name (ARN) {params['solutionArn']} does not exist.")
    return params


RULES = {
    "Solution": Rule(prepare=_solution, described=_with_latest_version),
    "SolutionVersion": Rule(
        prepare=_version, waits=after_deletion, work=_train, erased=_version_erased, scope=_versions_of
    ),
}
