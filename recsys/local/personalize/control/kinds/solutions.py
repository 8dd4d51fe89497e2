"""Solutions and their versions: what is to be trained, and the training."""

import uuid
from typing import TYPE_CHECKING, Any

from recsys.local.personalize import recipes
from recsys.local.personalize.control import schedule
from recsys.local.personalize.control.kinds.configs import check_events, check_solution, days_between
from recsys.local.personalize.control.kinds.rule import Document, Rule
from recsys.local.personalize.control.kinds.turns import after_deletion
from recsys.local.personalize.control.resources import ACTIVE
from recsys.local.personalize.control.training import forget_training, start_training, weights_of
from recsys.local.personalize.errors import exists, invalid, not_found
from recsys.local.shared.store import Resource

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

FROM_SOLUTION = (
    "performHPO",
    "performAutoML",
    "performIncrementalUpdate",
    "recipeArn",
    "eventType",
    "datasetGroupArn",
    "solutionConfig",
)


def _solution(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    if document.get("performAutoML"):
        raise invalid("AutoML is no longer available: give a recipeArn")
    if "recipeArn" not in document:
        raise invalid("recipeArn must be given")
    recipe = recipes.custom(document["recipeArn"])
    (group,) = parents
    performs_hpo = document.setdefault("performHPO", False)
    check_solution(control, recipe, group.arn, document.get("solutionConfig", {}), performs_hpo)
    _check_incremental(recipe, document)
    document.setdefault("performAutoML", False)
    document.setdefault("performAutoTraining", True)
    schedule.schedule_first_training(control, document)
    return {}


def _check_incremental(recipe: recipes.Recipe, document: Document) -> None:
    if document.get("performIncrementalUpdate") and recipe.engine != "semantic":
        raise invalid(f"performIncrementalUpdate is for solutions of aws-semantic-similarity, not of {recipe.name}")


def _change(control: "Control", solution: Resource, params: Document) -> Document:
    """UpdateSolution."""
    recipe = recipes.by_arn(solution.document["recipeArn"])
    config = params.get("solutionUpdateConfig", {})
    check_events(recipe, config)
    days_between(config)
    _check_incremental(recipe, params)
    return params


def _changed(control: "Control", solution: Resource, change: Document) -> None:
    """What is not named stays."""
    document = solution.document
    trained, days = document["performAutoTraining"], days_between(document.get("solutionConfig", {}))
    config = change.pop("solutionUpdateConfig", {})
    if config:
        document["solutionConfig"] = document.get("solutionConfig", {}) | config
    document.update(change)
    if document["performAutoTraining"] and (not trained or days != days_between(document.get("solutionConfig", {}))):
        schedule.schedule_first_training(control, document)


def _version(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (solution,) = parents
    automatic = document.pop(schedule.AUTOMATIC, False)
    document["trainingType"] = "AUTOMATIC" if automatic else "MANUAL"
    document.update({name: solution.document[name] for name in FROM_SOLUTION if name in solution.document})
    name = document.get("name")
    if name and control.store.find("SolutionVersion", solutionArn=solution.arn, name=name):
        raise exists(f"Solution {solution.arn} has a solution version named {name} already")
    if document.setdefault("trainingMode", "FULL") == "UPDATE":
        _check_update(control, solution)
    if not automatic:
        schedule.postpone_after_manual_training(control, solution)
    return {"solution": solution.document["name"], "id": uuid.uuid4().hex[:8]}


def _check_update(control: "Control", solution: Resource) -> None:
    """Whether a version may take over the weights of an earlier one. Raises InvalidInputException."""
    recipe = recipes.by_arn(solution.document["recipeArn"])
    if not recipe.updates:
        able = " and ".join(name for name, other in recipes.RECIPES.items() if other.updates)
        raise invalid(f"trainingMode UPDATE is for solutions of {able}, not of {recipe.name}: use FULL")
    if _last_full(control, solution.arn) is None:
        raise invalid(f"trainingMode UPDATE needs an ACTIVE solution version of {solution.arn} trained with FULL")


def _last_full(control: "Control", solution_arn: str) -> Resource | None:
    versions = control.store.find("SolutionVersion", solutionArn=solution_arn, status=ACTIVE)
    trained = [version for version in versions if version.document["trainingMode"] != "UPDATE"]
    return trained[-1] if trained else None


def _train(control: "Control", version: Resource) -> None:
    """AUTOTRAIN is trained as FULL is. [AWS lists that mode and does not say what it does.]"""
    more: dict[str, Any] = {}
    if version.document["trainingMode"] == "UPDATE":
        full = _last_full(control, version.document["solutionArn"])
        if full is None:
            raise invalid("The solution version that was to be updated is gone")
        more["previous"] = weights_of(full)
    start_training(control, version, **more)


def _with_latest_version(control: "Control", solution: Resource) -> Document:
    versions = control.store.find("SolutionVersion", solutionArn=solution.arn)
    return {**solution.document, "latestSolutionVersion": versions[-1].document} if versions else solution.document


def _versions_of(control: "Control", params: Document) -> Document:
    """The one List operation that models ResourceNotFoundException."""
    if "solutionArn" in params and control.store.get(params["solutionArn"]) is None:
        raise not_found(f"Resource with Amazon Resource Name (ARN) {params['solutionArn']} does not exist.")
    return params


RULES = {
    "Solution": Rule(prepare=_solution, described=_with_latest_version, change=_change, changed=_changed),
    "SolutionVersion": Rule(
        prepare=_version, waits=after_deletion, work=_train, erased=forget_training, scope=_versions_of
    ),
}
