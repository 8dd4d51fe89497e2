"""The control plane operations that are not Create, Describe, List, Delete or Update of a kind in the table."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from recsys.local.personalize import recipes
from recsys.local.personalize.control.kinds.attributions import list_metrics
from recsys.local.personalize.control.kinds.recommenders import start_recommender, stop_recommender
from recsys.local.personalize.control.resources import BUSY, CREATE, DELETING, MOST_TAGS, STEP
from recsys.local.personalize.errors import in_use, invalid
from recsys.local.personalize.recipes import documents
from recsys.local.shared.errors import ServiceError
from recsys.local.shared.store import Resource
from recsys.local.shared.tokens import page

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

Params = dict[str, Any]


def _tagged(control: "Control", arn: str) -> str:
    """The ARN of a resource that is there to stay. Raises ResourceInUseException while it is being deleted."""
    resource = control.resource(arn)
    if resource.status in DELETING:
        raise in_use(f"{arn} is in status {resource.status}")
    return arn


def tags_of(entries: list[dict[str, str]]) -> dict[str, str]:
    """Tags by key, as Personalize spells them in requests."""
    return {tag["tagKey"]: tag["tagValue"] for tag in entries}


def tag_resource(control: "Control", params: Params) -> Params:
    arn = _tagged(control, params["resourceArn"])
    control.store.tag(arn, tags_of(params["tags"]))
    if len(control.store.tags(arn)) > MOST_TAGS:
        raise ServiceError("TooManyTagsException", f"A resource can have {MOST_TAGS} tags at most")
    return {}


def untag_resource(control: "Control", params: Params) -> Params:
    arn = _tagged(control, params["resourceArn"])
    if len(params["tagKeys"]) > MOST_TAGS:
        raise ServiceError("TooManyTagKeysException", f"At most {MOST_TAGS} tag keys in one request")
    control.store.untag(arn, params["tagKeys"])
    return {}


def list_tags(control: "Control", params: Params) -> Params:
    tags = control.store.tags(_tagged(control, params["resourceArn"]))
    return {"tags": [{"tagKey": key, "tagValue": value} for key, value in tags.items()]}


def list_recipes(control: "Control", params: Params) -> Params:
    """AWS cuts a page by name first and filters by domain then, so that a page may be short and have a next."""
    named = sorted(recipes.RECIPES.values(), key=lambda recipe: recipe.name)
    found, token = page(named, params.get("nextToken"), params.get("maxResults", 100), "ListRecipes")
    wanted = [recipe for recipe in found if params.get("domain") in (None, recipe.domain)]
    return {"recipes": [documents.recipe(recipe) for recipe in wanted], "nextToken": token}


def describe_recipe(control: "Control", params: Params) -> Params:
    return {"recipe": documents.recipe(recipes.by_arn(params["recipeArn"]))}


def describe_algorithm(control: "Control", params: Params) -> Params:
    return {"algorithm": documents.algorithm(params["algorithmArn"])}


def describe_feature_transformation(control: "Control", params: Params) -> Params:
    return {"featureTransformation": documents.feature_transformation(params["featureTransformationArn"])}


def get_solution_metrics(control: "Control", params: Params) -> Params:
    version = control.resource(params["solutionVersionArn"], "SolutionVersion")
    if version.status in BUSY:
        raise in_use(f"{version.arn} is in status {version.status}; metrics are there when it is ACTIVE")
    if "_metrics" not in version.document:
        raise invalid(f"{version.arn} has no metrics: it is in status {version.status}")
    return {"solutionVersionArn": version.arn, "metrics": version.document["_metrics"]}


def stop_solution_version(control: "Control", params: Params) -> None:
    """CREATE STOPPED, where it has begun after CREATE STOPPING; only while it is being created."""
    version = control.resource(params["solutionVersionArn"], "SolutionVersion")
    if version.status == "CREATE STOPPING":
        raise in_use(f"{version.arn} is in status {version.status}")
    if version.status not in BUSY:
        raise invalid(f"{version.arn} is in status {version.status}; only a creation under way can be stopped")
    if version.status == CREATE.pending:
        control.set_status(version, "CREATE STOPPED")
        return
    control.set_status(version, "CREATE STOPPING")
    control.actor.later(lambda: _stopped(control, version.arn), STEP)


def _stopped(control: "Control", arn: str) -> None:
    control.jobs.stop(arn)
    with control.store.transaction():
        version = control.store.get(arn)
        if version:
            control.set_status(version, "CREATE STOPPED")


def resume(control: "Control", resource: Resource) -> None:
    """Take up a stop that the last shutdown cut short."""
    if resource.status == "CREATE STOPPING":
        _stopped(control, resource.arn)


OPERATIONS: dict[str, Callable[["Control", Params], Params | None]] = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags,
    "ListRecipes": list_recipes,
    "DescribeRecipe": describe_recipe,
    "DescribeAlgorithm": describe_algorithm,
    "DescribeFeatureTransformation": describe_feature_transformation,
    "GetSolutionMetrics": get_solution_metrics,
    "ListMetricAttributionMetrics": list_metrics,
    "StartRecommender": start_recommender,
    "StopRecommender": stop_recommender,
    "StopSolutionVersionCreation": stop_solution_version,
}
