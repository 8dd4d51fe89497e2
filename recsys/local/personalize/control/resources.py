"""The table of resource types. Create, Describe, List, Delete and Update follow from it and from botocore's model."""

from dataclasses import dataclass

STEP = 0.1  # seconds a status of a life cycle can be seen at least
MOST_TAGS = 50
ACTIVE = "ACTIVE"
TOO_MANY_BUSY = "More than {most} resources with PENDING or IN_PROGRESS status."
TOO_MANY_ACTIVE = "More than {most} resources in ACTIVE state. Please delete some and try again."


@dataclass(frozen=True)
class Course:
    """The statuses of something that takes time: asked for, under way, done or failed."""

    pending: str
    in_progress: str
    done: str
    failed: str = "CREATE FAILED"


CREATE = Course("CREATE PENDING", "CREATE IN_PROGRESS", ACTIVE)
START = Course("START PENDING", "START IN_PROGRESS", ACTIVE)
STOP = Course("STOP PENDING", "STOP IN_PROGRESS", "INACTIVE")
DATA_DELETION = Course("PENDING", "IN_PROGRESS", "COMPLETED", "FAILED")
COURSES = {
    status: course for course in (CREATE, START, STOP, DATA_DELETION) for status in (course.pending, course.in_progress)
}
BUSY = tuple(COURSES)
DELETING = ("DELETE PENDING", "DELETE IN_PROGRESS")


@dataclass(frozen=True)
class Blocker:
    """Resources of `kind` whose `member` names the one to be deleted; all, or only those being made or updated."""

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

    path        the ARN after the account; {name} is the name given, other fields are set by its rule in kinds/
    parents     members of the Create request that name other resources, which must exist
    ready       False: children may be created from the moment it exists, as AWS's own samples do
    life        False: no status, and a delete is immediate
    course      the statuses of its creation
    update      the member of its document that shows the progress of the latest update; without it, one holds at once
    blockers    what must be gone before it may be deleted
    follows     (kind, member): deleted together with it
    """

    name: str
    path: str
    name_member: str = "name"
    parents: tuple[str, ...] = ()
    ready: bool = True
    life: bool = True
    course: Course = CREATE
    update: str | None = None
    blockers: tuple[Blocker, ...] = ()
    follows: tuple[tuple[str, str], ...] = ()
    quota: Quota | None = None


def _job(name: str, path: str, parent: str, course: Course = CREATE) -> Kind:
    """A job: named by jobName, never deleted by itself, five of a kind at once."""
    quota = Quota(5, only_busy=True, message=TOO_MANY_BUSY)
    return Kind(name, f"{path}/{{name}}", name_member="jobName", parents=(parent,), course=course, quota=quota)


def _table(*kinds: Kind) -> dict[str, Kind]:
    return {kind.name: kind for kind in kinds}


# Quotas: AWS's defaults, except dataset groups, whose default of 5 AWS raises on request; here it is raised.
KINDS = _table(
    Kind(
        "Schema",
        "schema/{name}",
        ready=False,
        life=False,
        blockers=(Blocker("Dataset", "schemaArn"), Blocker("Dataset", "latestDatasetUpdate.schemaArn", only_busy=True)),
        quota=Quota(500),
    ),
    Kind(
        "DatasetGroup",
        "dataset-group/{name}",
        blockers=(
            Blocker("Dataset", "datasetGroupArn"),
            Blocker("EventTracker", "datasetGroupArn"),
            Blocker("Solution", "datasetGroupArn"),
            Blocker("Recommender", "datasetGroupArn"),
            Blocker("DataDeletionJob", "datasetGroupArn", only_busy=True),
        ),
        follows=(
            ("Filter", "datasetGroupArn"),
            ("Dataset", "datasetGroupArn"),  # the hidden one of a tracker
            ("DataDeletionJob", "datasetGroupArn"),
            ("MetricAttribution", "datasetGroupArn"),
        ),
        quota=Quota(500),
    ),
    Kind(
        "Dataset",
        "dataset/{group}/{type}",
        parents=("datasetGroupArn", "schemaArn"),
        ready=False,
        update="latestDatasetUpdate",
        blockers=(
            Blocker("DatasetImportJob", "datasetArn", only_busy=True),
            Blocker("DatasetExportJob", "datasetArn", only_busy=True),
            Blocker("SolutionVersion", "datasetGroupArn", only_busy=True),
            Blocker("Recommender", "datasetGroupArn", only_busy=True),
            Blocker("DataDeletionJob", "datasetGroupArn", only_busy=True),
        ),
        follows=(("DatasetImportJob", "datasetArn"), ("DatasetExportJob", "datasetArn")),
    ),
    _job("DatasetImportJob", "dataset-import-job", "datasetArn"),
    _job("DatasetExportJob", "dataset-export-job", "datasetArn"),
    _job("DataDeletionJob", "data-deletion-job", "datasetGroupArn", DATA_DELETION),
    Kind("EventTracker", "event-tracker/{name}", parents=("datasetGroupArn",), quota=Quota(1, "datasetGroupArn")),
    Kind("Filter", "filter/{name}", parents=("datasetGroupArn",), quota=Quota(30, "datasetGroupArn")),
    Kind(
        "Solution",
        "solution/{name}",
        parents=("datasetGroupArn",),
        ready=False,
        update="latestSolutionUpdate",
        blockers=(
            Blocker("Solution", "solutionArn", only_busy=True),
            Blocker("Campaign", "_solutionArn"),
            Blocker("Campaign", "latestCampaignUpdate._solutionArn", only_busy=True),
            Blocker("SolutionVersion", "solutionArn", only_busy=True),
            Blocker("BatchInferenceJob", "_solutionArn", only_busy=True),
            Blocker("BatchSegmentJob", "_solutionArn", only_busy=True),
        ),
        follows=(
            ("SolutionVersion", "solutionArn"),
            ("BatchInferenceJob", "_solutionArn"),
            ("BatchSegmentJob", "_solutionArn"),
        ),
        quota=Quota(10, "datasetGroupArn"),
    ),
    Kind(
        "SolutionVersion",
        "solution/{solution}/{id}",
        parents=("solutionArn",),
        quota=Quota(20, only_busy=True, message=TOO_MANY_BUSY),
    ),
    Kind(
        "Campaign",
        "campaign/{name}",
        parents=("solutionVersionArn",),
        update="latestCampaignUpdate",
        quota=Quota(5, "_datasetGroupArn", message=f"Cannot create a campaign. {TOO_MANY_ACTIVE}"),
    ),
    Kind(
        "Recommender",
        "recommender/{name}",
        parents=("datasetGroupArn",),
        update="latestRecommenderUpdate",
        quota=Quota(5, "datasetGroupArn", message=f"Cannot create a recommender. {TOO_MANY_ACTIVE}"),
    ),
    _job("BatchInferenceJob", "batch-inference-job", "solutionVersionArn"),
    _job("BatchSegmentJob", "batch-segment-job", "solutionVersionArn"),
    Kind(
        "MetricAttribution",
        "metric-attribution/{name}",
        parents=("datasetGroupArn",),
        quota=Quota(1, "datasetGroupArn"),
    ),
)
