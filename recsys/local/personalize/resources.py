"""The table of resource types. Create, Describe, List, Delete and Tag follow from it and from botocore's model."""

from dataclasses import dataclass

STEP = 0.1  # seconds a status of a life cycle can be seen at least
MOST_TAGS = 50
PENDING, IN_PROGRESS, ACTIVE, FAILED = "CREATE PENDING", "CREATE IN_PROGRESS", "ACTIVE", "CREATE FAILED"
BUSY = (PENDING, IN_PROGRESS)
DELETING = ("DELETE PENDING", "DELETE IN_PROGRESS")
IMPORTS_IN_PROGRESS = "More than 5 resources with PENDING or IN_PROGRESS status."
VERSIONS_IN_PROGRESS = "More than 20 resources with PENDING or IN_PROGRESS status."


@dataclass(frozen=True)
class Blocker:
    """Resources of `kind` whose `member` names the one to be deleted; all of them, or only those still being made."""

    kind: str
    member: str
    only_busy: bool = False


@dataclass(frozen=True)
class Quota:
    """At most `most` of a kind; per value of `member` where given; only those being made where `only_busy`."""

    most: int
    member: str | None = None
    only_busy: bool = False
    message: str = ""


@dataclass(frozen=True)
class Kind:
    """One resource type.

    path        the ARN after the account; {name} is the name given, other fields are set by rules.py
    parents     members of the Create request that name other resources, which must exist
    ready       False: children may be created from the moment it exists, as AWS's own samples do
    life        False: no status, and a delete is immediate
    blockers    what must be gone before it may be deleted
    follows     (kind, member): deleted together with it
    """

    name: str
    path: str
    name_member: str = "name"
    parents: tuple[str, ...] = ()
    ready: bool = True
    life: bool = True
    blockers: tuple[Blocker, ...] = ()
    follows: tuple[tuple[str, str], ...] = ()
    quota: Quota | None = None


def _table(*kinds: Kind) -> dict[str, Kind]:
    return {kind.name: kind for kind in kinds}


# Quotas: AWS's defaults, except dataset groups, whose default of 5 AWS raises on request; here it is raised.
KINDS = _table(
    Kind(
        "Schema",
        "schema/{name}",
        ready=False,
        life=False,
        blockers=(Blocker("Dataset", "schemaArn"),),
        quota=Quota(500),
    ),
    Kind(
        "DatasetGroup",
        "dataset-group/{name}",
        blockers=(
            Blocker("Dataset", "datasetGroupArn"),
            Blocker("EventTracker", "datasetGroupArn"),
            Blocker("Solution", "datasetGroupArn"),
        ),
        follows=(("Filter", "datasetGroupArn"), ("Dataset", "datasetGroupArn")),  # the hidden one of a tracker
        quota=Quota(500),
    ),
    Kind(
        "Dataset",
        "dataset/{group}/{type}",
        parents=("datasetGroupArn", "schemaArn"),
        ready=False,
        blockers=(
            Blocker("DatasetImportJob", "datasetArn", only_busy=True),
            Blocker("SolutionVersion", "datasetGroupArn", only_busy=True),
        ),
        follows=(("DatasetImportJob", "datasetArn"),),
    ),
    Kind(
        "DatasetImportJob",
        "dataset-import-job/{name}",
        name_member="jobName",
        parents=("datasetArn",),
        quota=Quota(5, only_busy=True, message=IMPORTS_IN_PROGRESS),
    ),
    Kind("EventTracker", "event-tracker/{name}", parents=("datasetGroupArn",), quota=Quota(1, "datasetGroupArn")),
    Kind("Filter", "filter/{name}", parents=("datasetGroupArn",), quota=Quota(30, "datasetGroupArn")),
    Kind(
        "Solution",
        "solution/{name}",
        parents=("datasetGroupArn",),
        ready=False,
        blockers=(
            Blocker("Campaign", "_solutionArn"),
            Blocker("SolutionVersion", "solutionArn", only_busy=True),
        ),
        follows=(("SolutionVersion", "solutionArn"),),
        quota=Quota(10, "datasetGroupArn"),
    ),
    Kind(
        "SolutionVersion",
        "solution/{solution}/{id}",
        parents=("solutionArn",),
        quota=Quota(20, only_busy=True, message=VERSIONS_IN_PROGRESS),
    ),
    Kind("Campaign", "campaign/{name}", parents=("solutionVersionArn",), quota=Quota(5, "_datasetGroupArn")),
)
