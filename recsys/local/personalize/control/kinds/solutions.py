"""Solutions and their versions: what is to be trained, and the training."""

import uuid
from typing import TYPE_CHECKING

from recsys.local.personalize import recipes
from recsys.local.personalize.control.kinds.rule import Document, Rule
from recsys.local.personalize.control.kinds.turns import after_deletion
from recsys.local.personalize.control.store import Resource
from recsys.local.personalize.control.training import forget_training, start_training
from recsys.local.personalize.errors import ServiceError, invalid, not_found

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

FROM_SOLUTION = ("performHPO", "performAutoML", "recipeArn", "eventType", "datasetGroupArn", "solutionConfig")


def _solution(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    if document.get("performAutoML"):
        raise invalid("AutoML is no longer available: give a recipeArn")
    if "recipeArn" not in document:
        raise invalid("recipeArn must be given")
    recipe = recipes.custom(document["recipeArn"])
    config = document.get("solutionConfig", {})
    if config.get("optimizationObjective", {}).get("objectiveSensitivity", "OFF") != "OFF":
        raise ServiceError("NotImplementedException", "optimizationObjective is not implemented here yet", 501)
    _check_hyperparameters(recipe, config.get("algorithmHyperParameters", {}))
    if not is_number(config.get("eventValueThreshold", "0")):
        raise invalid(f"eventValueThreshold must be a number, not {config['eventValueThreshold']!r}")
    if document.get("performHPO") and not recipe.tunable:
        raise invalid(f"Recipe {recipe.name} does not support hyperparameter optimization")
    document.setdefault("performHPO", False)
    document.setdefault("performAutoML", False)
    document.setdefault("performAutoTraining", True)
    return {}


def _check_hyperparameters(recipe: recipes.Recipe, given: dict[str, str]) -> None:
    known = {name: parameter for name, parameter in recipe.parameters.items() if parameter.given}
    for name, text in given.items():
        if name not in known:
            raise invalid(f"{recipe.name} has no hyperparameter {name}; it has: {', '.join(known) or 'none'}")
        parameter = known[name]
        if parameter.values and text.lower() not in map(str.lower, parameter.values):
            raise invalid(f"Hyperparameter {name} must be {' or '.join(parameter.values)}, not {text}")
        low, high = parameter.low, parameter.high
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
        prepare=_version, waits=after_deletion, work=start_training, erased=forget_training, scope=_versions_of
    ),
}
