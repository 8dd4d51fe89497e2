"""The control plane operations that are not Create, Describe, List or Delete of a kind in the table."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from recsys.local.personalize import recipes, rules
from recsys.local.personalize.errors import ServiceError, in_use, invalid
from recsys.local.personalize.resources import BUSY, MOST_TAGS, STEP
from recsys.local.personalize.store import Resource
from recsys.local.personalize.tokens import make_token, read_token

if TYPE_CHECKING:
    from recsys.local.personalize.control import Control

Params = dict[str, Any]
UPDATE = "latestCampaignUpdate"


def tag_resource(control: "Control", params: Params) -> Params:
    arn = control.resource(params["resourceArn"]).arn
    control.store.tag(arn, params["tags"])
    if len(control.store.tags(arn)) > MOST_TAGS:
        raise ServiceError("TooManyTagsException", f"A resource can have {MOST_TAGS} tags at most")
    return {}


def untag_resource(control: "Control", params: Params) -> Params:
    arn = control.resource(params["resourceArn"]).arn
    if len(params["tagKeys"]) > MOST_TAGS:
        raise ServiceError("TooManyTagKeysException", f"At most {MOST_TAGS} tag keys in one request")
    control.store.untag(arn, params["tagKeys"])
    return {}


def list_tags(control: "Control", params: Params) -> Params:
    return {"tags": control.store.tags(control.resource(params["resourceArn"]).arn)}


def list_recipes(control: "Control", params: Params) -> Params:
    """AWS cuts a page by name first and filters by domain then, so that a page may be short and have a next."""
    limit, after = params.get("maxResults", 100), read_token(params.get("nextToken"), "ListRecipes")
    named = sorted(recipes.RECIPES.values(), key=lambda recipe: recipe.name)
    page = named[after : after + limit]
    domain = params.get("domain")
    answer: Params = {"recipes": [recipe.describe() for recipe in page if domain in (None, recipe.domain)]}
    if after + limit < len(named):
        answer["nextToken"] = make_token("ListRecipes", after + limit)
    return answer


def describe_recipe(control: "Control", params: Params) -> Params:
    return {"recipe": recipes.by_arn(params["recipeArn"]).describe()}


def describe_algorithm(control: "Control", params: Params) -> Params:
    return {"algorithm": recipes.algorithm(params["algorithmArn"])}


def get_solution_metrics(control: "Control", params: Params) -> Params:
    version = control.resource(params["solutionVersionArn"], "SolutionVersion")
    if version.status in BUSY:
        raise in_use(f"{version.arn} is in status {version.status}; metrics are there when it is ACTIVE")
    if "_metrics" not in version.document:
        raise invalid(f"{version.arn} has no metrics: it is in status {version.status}")
    return {"solutionVersionArn": version.arn, "metrics": version.document["_metrics"]}


def stop_solution_version(control: "Control", params: Params) -> None:
    """CREATE STOPPING, then CREATE STOPPED; only while it is being created."""
    version = control.resource(params["solutionVersionArn"], "SolutionVersion")
    if version.status not in BUSY:
        raise invalid(f"{version.arn} is in status {version.status}; only a creation under way can be stopped")
    control.set_status(version, "CREATE STOPPING")
    control.actor.submit(lambda: _stopped(control, version.arn), STEP)


def _stopped(control: "Control", arn: str) -> None:
    control.jobs.stop(arn)
    with control.store.transaction():
        version = control.store.get(arn)
        if version:
            control.set_status(version, "CREATE STOPPED")


def update_campaign(control: "Control", params: Params) -> Params:
    """The old version serves on until the new one is loaded; progress is in latestCampaignUpdate.

    The configuration is seen by the next Describe, as programs expect, and holds when the update is ACTIVE.
    """
    campaign = control.resource(params.pop("campaignArn"), "Campaign")
    document = campaign.document
    if campaign.status not in ("ACTIVE", "CREATE FAILED"):
        raise in_use(f"{campaign.arn} is in status {campaign.status}; it must be ACTIVE or CREATE FAILED")
    if document.get(UPDATE, {}).get("status") in BUSY:
        raise in_use(f"{campaign.arn} is being updated: {document[UPDATE]['status']}")
    version_arn = params.get("solutionVersionArn", document["solutionVersionArn"])
    version = control.parent(version_arn, "SolutionVersion")
    rules.check_campaign_config(params.get("campaignConfig", {}))
    if version.document["solutionArn"] != document["_solutionArn"]:
        document["_solutionArn"] = version.document["solutionArn"]
    document.update({name: value for name, value in params.items() if name != "solutionVersionArn"})
    now = time.time()
    kept = {name: document[name] for name in ("minProvisionedTPS", "campaignConfig") if name in document}
    times = {"creationDateTime": now, "lastUpdatedDateTime": now}
    document[UPDATE] = {"solutionVersionArn": version_arn, **kept, "status": "CREATE PENDING", **times}
    control.store.save(campaign)
    control.actor.submit(lambda: _begin_update(control, campaign.arn), STEP)
    return {"campaignArn": campaign.arn}


def _begin_update(control: "Control", arn: str) -> None:
    with control.store.transaction():
        campaign = control.store.get(arn)
        if campaign is None or UPDATE not in campaign.document:
            return
        _set_update(control, campaign, status="CREATE IN_PROGRESS")
    control.tell("deploy", campaign)


def finish_update(control: "Control", arn: str, failure: str | None) -> None:
    """The new version is in memory, or could not be read: then the old one goes on serving."""
    with control.store.transaction():
        campaign = control.store.get(arn)
        if campaign is None or campaign.document.get(UPDATE, {}).get("status") != "CREATE IN_PROGRESS":
            return
        if failure:
            _set_update(control, campaign, status="CREATE FAILED", failureReason=failure)
        else:
            campaign.document["solutionVersionArn"] = campaign.document[UPDATE]["solutionVersionArn"]
            campaign.document.pop("failureReason", None)
            control.set_status(campaign, "ACTIVE")
            _set_update(control, campaign, status="ACTIVE")


def _set_update(control: "Control", campaign: Resource, **members: str) -> None:
    campaign.document[UPDATE].update(members, lastUpdatedDateTime=time.time())
    control.store.save(campaign)


def resume(control: "Control", resource: Resource) -> None:
    """Take up an update or a stop that the last shutdown cut short."""
    if resource.status == "CREATE STOPPING":
        _stopped(control, resource.arn)
    if resource.document.get(UPDATE, {}).get("status") in BUSY:
        _begin_update(control, resource.arn)


OPERATIONS: dict[str, Callable[["Control", Params], Params | None]] = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags,
    "ListRecipes": list_recipes,
    "DescribeRecipe": describe_recipe,
    "DescribeAlgorithm": describe_algorithm,
    "GetSolutionMetrics": get_solution_metrics,
    "StopSolutionVersionCreation": stop_solution_version,
    "UpdateCampaign": update_campaign,
}
