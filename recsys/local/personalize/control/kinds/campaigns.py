"""Campaigns: a solution version that answers, and the one it is being changed to."""

from typing import TYPE_CHECKING

from recsys.local.personalize import recipes
from recsys.local.personalize.control.kinds.configs import is_number
from recsys.local.personalize.control.kinds.rule import Document, Rule
from recsys.local.personalize.errors import invalid
from recsys.local.shared.store import Resource

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

SEMANTIC = "aws-semantic-similarity"
EXPLORATION = {"explorationWeight": (0.0, 1.0), "explorationItemAgeCutOff": (1.0, float("inf"))}


def _prepare(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (version,) = parents
    _check_config(document.get("campaignConfig", {}), document["solutionVersionArn"], version)
    document.setdefault("minProvisionedTPS", 1)
    document.update(
        solutionVersionArn=version.arn,
        _solutionArn=version.document["solutionArn"],
        _datasetGroupArn=version.document["datasetGroupArn"],
    )
    if recipes.by_arn(version.document["recipeArn"]).type == recipes.SEGMENTS:
        raise invalid(f"{version.arn} makes user segments: use CreateBatchSegmentJob, not a campaign")
    return {}


def _check_config(config: Document, asked: str, version: Resource) -> None:
    """A campaignConfig for the version that `asked` names. Raises InvalidInputException."""
    if config.get("syncWithLatestSolutionVersion") and not asked.endswith("/$LATEST"):
        raise invalid(
            "syncWithLatestSolutionVersion needs a solutionVersionArn in the format SolutionArn/$LATEST, "
            f"such as {version.document['solutionArn']}/$LATEST"
        )
    recipe = recipes.by_arn(version.document["recipeArn"])
    check_influence(config.get("rankingInfluence", {}), recipe)
    check_exploration(config.get("itemExplorationConfig", {}))


def check_influence(influence: dict[str, float], recipe: recipes.Recipe) -> None:
    """A rankingInfluence: POPULARITY and FRESHNESS from 0 to 1. Raises InvalidInputException."""
    if influence and recipe.name != SEMANTIC:
        raise invalid(f"rankingInfluence is for campaigns of recipe {SEMANTIC}, not of {recipe.name}")
    for name, value in influence.items():
        if not 0 <= value <= 1:
            raise invalid(f"rankingInfluence {name} must be a number between 0.0 and 1.0, not {value}")


def check_exploration(exploration: dict[str, str]) -> None:
    """An itemExplorationConfig's names and ranges. Raises InvalidInputException."""
    for name, text in exploration.items():
        if name not in EXPLORATION:
            raise invalid(f"itemExplorationConfig has no {name}; it has: {', '.join(EXPLORATION)}")
        low, high = EXPLORATION[name]
        if not (is_number(text) and low <= float(text) <= high):
            raise invalid(f"{name} must be a number between {low} and {high}, not {text}")


def deploy(control: "Control", resource: Resource) -> None:
    """Have a campaign or recommender loaded; who serves it ends the creation or update."""
    control.tell("deploy", resource)


def _change(control: "Control", campaign: Resource, params: Document) -> Document:
    """UpdateCampaign. The configuration is seen by the next Describe, as programs expect; the old version serves on."""
    document = campaign.document
    asked = params.get("solutionVersionArn", document["solutionVersionArn"])
    version = control.parent(asked, "SolutionVersion")
    if "solutionVersionArn" not in params and _synchronised(document):
        asked = f"{document['_solutionArn']}/$LATEST"
    config = params.get("campaignConfig", document.get("campaignConfig", {}))
    _check_config(config, asked, version)
    document.update({name: value for name, value in params.items() if name != "solutionVersionArn"})
    return _shown(document, version)


def _shown(document: Document, version: Resource) -> Document:
    kept = {name: document[name] for name in ("minProvisionedTPS", "campaignConfig") if name in document}
    return {"solutionVersionArn": version.arn, "_solutionArn": version.document["solutionArn"], **kept}


def _synchronised(document: Document) -> bool:
    return document.get("campaignConfig", {}).get("syncWithLatestSolutionVersion", False)


def follow_latest(control: "Control", what: str, resource: Resource) -> None:
    """A new version is ACTIVE: campaigns that follow their solution's latest are updated to it.

    One that is being created or updated meanwhile follows as soon as that is over.
    """
    if what not in ("finished", "updated") or resource.status != "ACTIVE":
        return
    if resource.kind == "SolutionVersion":
        followers = control.store.find("Campaign", _solutionArn=resource.document["solutionArn"], status="ACTIVE")
    else:
        followers = [resource] if resource.kind == "Campaign" else []
    for campaign in followers:
        if not _synchronised(campaign.document) or control.updating(campaign):
            continue
        latest = control.latest_version(campaign.document["_solutionArn"])
        if latest.arn != campaign.document["solutionVersionArn"]:
            with control.store.transaction():
                control.start_update(campaign, _shown(campaign.document, latest))


def _of_solution(control: "Control", params: Document) -> Document:
    """ListCampaigns takes the ARN of a solution or of a version."""
    if "solutionArn" not in params:
        return params
    resource = control.store.get(params["solutionArn"])
    member = "solutionVersionArn" if resource and resource.kind == "SolutionVersion" else "_solutionArn"
    return {member: params["solutionArn"]}


RULES = {"Campaign": Rule(prepare=_prepare, work=deploy, scope=_of_solution, change=_change, update=deploy)}
