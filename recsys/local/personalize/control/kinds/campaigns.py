"""Campaigns: a solution version that answers, and the one it is being changed to."""

from typing import TYPE_CHECKING

from recsys.local.personalize.control.kinds.rule import Document, Rule
from recsys.local.personalize.control.kinds.solutions import is_number
from recsys.local.personalize.control.store import Resource
from recsys.local.personalize.errors import ServiceError, invalid

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

EXPLORATION = {"explorationWeight": (0.0, 1.0), "explorationItemAgeCutOff": (1.0, float("inf"))}


def _prepare(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (version,) = parents
    document.setdefault("minProvisionedTPS", 1)
    document.update(_solutionArn=version.document["solutionArn"], _datasetGroupArn=version.document["datasetGroupArn"])
    _check_config(document.get("campaignConfig", {}))
    return {}


def _check_config(config: Document) -> None:
    """Raises InvalidInputException for what AWS refuses, NotImplementedException for what is not simulated."""
    if config.get("syncWithLatestSolutionVersion"):
        raise ServiceError("NotImplementedException", "syncWithLatestSolutionVersion is not implemented here yet", 501)
    if config.get("rankingInfluence"):
        raise invalid("rankingInfluence is for campaigns of recipe aws-semantic-similarity")
    check_exploration(config.get("itemExplorationConfig", {}))


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
    version_arn = params.get("solutionVersionArn", document["solutionVersionArn"])
    version = control.parent(version_arn, "SolutionVersion")
    _check_config(params.get("campaignConfig", {}))
    document["_solutionArn"] = version.document["solutionArn"]
    document.update({name: value for name, value in params.items() if name != "solutionVersionArn"})
    kept = {name: document[name] for name in ("minProvisionedTPS", "campaignConfig") if name in document}
    return {"solutionVersionArn": version_arn, **kept}


def _of_solution(control: "Control", params: Document) -> Document:
    """ListCampaigns takes the ARN of a solution or of a version."""
    if "solutionArn" not in params:
        return params
    resource = control.store.get(params["solutionArn"])
    member = "solutionVersionArn" if resource and resource.kind == "SolutionVersion" else "_solutionArn"
    return {member: params["solutionArn"]}


RULES = {"Campaign": Rule(prepare=_prepare, work=deploy, scope=_of_solution, change=_change, update=deploy)}
