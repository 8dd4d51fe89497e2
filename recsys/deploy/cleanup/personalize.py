"""What Personalize holds of an environment: found, and deleted in the order Personalize allows.

Personalize deletes nothing that others depend on, and takes minutes for each. Jobs and solution versions cannot be
deleted; they go with their dataset or solution.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from recsys import aws
from recsys.aws import Report
from recsys.deploy.cleanup.waiting import accepted, until

KIND_OF_TABLE = "(?:interactions|items|users)"


@dataclass(frozen=True)
class Kind:
    """A kind of Personalize resource, as operations, requests and lists spell it."""

    name: str
    argument: str
    listing: str

    def listed(self, **parent: str) -> list[str]:
        """ARNs of this kind under a parent, such as `datasetGroupArn=...`."""
        entries = aws.pages("personalize", f"list_{self.name}s", self.listing, **parent)
        return [entry[self.argument] for entry in entries]

    def describe(self, arn: str) -> dict[str, Any] | None:
        return aws.find(getattr(aws.client("personalize"), f"describe_{self.name}"), **{self.argument: arn})

    def delete(self, arn: str) -> None:
        aws.call(getattr(aws.client("personalize"), f"delete_{self.name}"), **{self.argument: arn})


CAMPAIGN = Kind("campaign", "campaignArn", "campaigns")
SOLUTION = Kind("solution", "solutionArn", "solutions")
DATASET = Kind("dataset", "datasetArn", "datasets")
SCHEMA = Kind("schema", "schemaArn", "schemas")
GROUP = Kind("dataset_group", "datasetGroupArn", "datasetGroups")
VERSION = Kind("solution_version", "solutionVersionArn", "solutionVersions")
UNDER_GROUP = (
    Kind("recommender", "recommenderArn", "recommenders"),
    SOLUTION,
    Kind("filter", "filterArn", "Filters"),
    Kind("event_tracker", "eventTrackerArn", "eventTrackers"),
    Kind("metric_attribution", "metricAttributionArn", "metricAttributions"),
    DATASET,
)
ORDER = (CAMPAIGN, *UNDER_GROUP, SCHEMA, GROUP)  # of deletion
TRAINS = ("CREATE PENDING", "CREATE IN_PROGRESS")

ArnsByKind = dict[Kind, list[str]]


def find_resources(group_name: str, tagged: Iterable[str]) -> ArnsByKind:
    """ARNs of what is there, by kind, in the order of deletion.

    That is the group of this name with all under it, and so the groups among the `tagged` ARNs; each other tagged
    resource; the campaigns of every solution among them; the groups' schemas.
    """
    found: ArnsByKind = {kind: [] for kind in ORDER}
    for arn in tagged:
        kind = kind_of(arn)
        if kind and kind.describe(arn):
            found[kind].append(arn)
    found[GROUP] += [named] if (named := group_arn(group_name)) else []
    for kind in UNDER_GROUP:
        found[kind] += [arn for group in found[GROUP] for arn in kind.listed(datasetGroupArn=group)]
    found[CAMPAIGN] += [arn for solution in found[SOLUTION] for arn in CAMPAIGN.listed(solutionArn=solution)]
    names = {group_name, *(arn.rsplit("/", 1)[1] for arn in found[GROUP])}
    schemas = {(DATASET.describe(arn) or {}).get("dataset", {}).get("schemaArn", "") for arn in found[DATASET]}
    found[SCHEMA] = sorted(schemas.union(*map(_named_schemas, names)) - {""})
    return {kind: list(dict.fromkeys(arns)) for kind, arns in found.items() if arns}


def kind_of(arn: str) -> Kind | None:
    """The kind of a resource that can be deleted by itself; None for jobs and solution versions."""
    word = arn.split(":", 5)[5].split("/")[0]
    return None if is_version(arn) else next((kind for kind in ORDER if kind.name.replace("_", "-") == word), None)


def is_version(arn: str) -> bool:
    """Whether it is of a solution's version, whose ARN goes on where the solution's ends."""
    return re.search(":solution/[^/]+/", arn) is not None


def group_arn(name: str) -> str | None:
    """The dataset group of that name."""
    groups = aws.pages("personalize", "list_dataset_groups", "datasetGroups")
    return next((entry["datasetGroupArn"] for entry in groups if entry["name"] == name), None)


def remove(found: ArnsByKind, deadline: float, tell: Report) -> None:
    """Delete all of a kind and wait until each is gone, kind after kind. Raises TimedOut at the deadline."""
    for solution in found.get(SOLUTION, ()):
        _stop_trainings(solution, tell)
    for kind, arns in found.items():
        for arn in arns:
            until(lambda kind=kind, arn=arn: _deleted(kind, arn, tell), f"{arn}: still in use", deadline, tell)
        for arn in arns:
            until(lambda kind=kind, arn=arn: kind.describe(arn) is None, f"{arn}: being deleted", deadline, tell)
            tell(f"{arn}: deleted")


def _stop_trainings(solution: str, tell: Report) -> None:
    """End what trains: for hours it would be billed, and keep its solution from being deleted."""
    if not SOLUTION.describe(solution):
        return
    stop = aws.client("personalize").stop_solution_version_creation
    versions = aws.pages("personalize", "list_solution_versions", "solutionVersions", solutionArn=solution)
    for arn in [each["solutionVersionArn"] for each in versions if each["status"] in TRAINS]:
        if accepted(lambda arn=arn: aws.call(stop, solutionVersionArn=arn)):
            tell(f"{arn}: its training is stopped")


def _named_schemas(group_name: str) -> set[str]:
    """Schemas named after the group: once their datasets are gone, nothing else tells whose they were.

    The kind stands before the environment's suffix: `shop-dev` has `shop-items-dev`, and `shop-items-dev-2` after that.
    """
    words = group_name.split("-")
    splits = ("-".join([*words[:at], KIND_OF_TABLE, *words[at:]]) for at in range(1, len(words) + 1))
    name = re.compile(rf"({'|'.join(splits)})(-\d+)?", re.IGNORECASE)
    entries = aws.pages("personalize", "list_schemas", "schemas")
    return {entry["schemaArn"] for entry in entries if name.fullmatch(entry["name"])}


def _deleted(kind: Kind, arn: str, tell: Report) -> bool:
    """True once the deletion is accepted, or was before; False while the resource is in use."""
    if kind is SOLUTION:
        _stop_trainings(arn, tell)  # a retraining under way may have begun one since
    description = kind.describe(arn) or {}
    status = next((body.get("status", "") for body in description.values() if isinstance(body, dict)), "")
    return not description or status.startswith("DELETE") or accepted(lambda: kind.delete(arn))
