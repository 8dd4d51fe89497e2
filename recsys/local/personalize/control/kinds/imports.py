"""Import jobs: CSV files in S3 become a dataset's bulk data."""

from pathlib import Path
from typing import TYPE_CHECKING

from recsys.local.personalize.attribution import plan
from recsys.local.personalize.control.kinds.datasets import dataset_schema
from recsys.local.personalize.control.kinds.rule import Document, Rule
from recsys.local.personalize.control.kinds.turns import after_deletion, after_import, being_read
from recsys.local.personalize.errors import invalid
from recsys.local.shared.store import Resource

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control


def _prepare(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (dataset,) = parents
    check_location(document["dataSource"].get("dataLocation", ""), "Invalid Data location.")
    if "_hidden" in dataset.document:
        raise invalid(f"{dataset.arn} is an event tracker's: nothing can be imported into it")
    document["_datasetGroupArn"] = dataset.document["datasetGroupArn"]
    mode = document.setdefault("importMode", "FULL")
    if mode == "INCREMENTAL" and not dataset.document.get("_file"):
        raise invalid("An INCREMENTAL import needs data imported in bulk before: use importMode FULL first")
    if document.get("publishAttributionMetricsToS3"):
        plan.check_publication(control, dataset)
    return {}


def check_location(location: str, message: str) -> None:
    """Raises InvalidInputException with `message` unless the location names something in S3."""
    if not location.startswith("s3://") or not location.removeprefix("s3://").strip("/"):
        raise invalid(message)


def _waits(control: "Control", job: Resource) -> bool:
    return after_import(control, job) or after_deletion(control, job)


def _work(control: "Control", job: Resource) -> None:
    dataset = control.resource(job.document["datasetArn"])
    folder = control.folder / "datasets" / str(dataset.number)
    folder.mkdir(parents=True, exist_ok=True)
    spec = {
        "datasetArn": dataset.arn,
        "datasetType": dataset.document["datasetType"],
        "schema": dataset_schema(control, dataset),
        "dataLocation": job.document["dataSource"]["dataLocation"],
        "importMode": job.document["importMode"],
        "current": dataset.document.get("_file"),
        "report": plan.import_report(control, job, dataset),
        "file": str(folder / f"{job.number}.parquet"),
        "events": str(control.folder / "events.sqlite"),
        "replaced": str(replaced_file(control, job)),
        **job_spec(control, job),
    }
    control.run_job(job.arn, "import", spec)


def job_spec(control: "Control", job: Resource) -> Document:
    """What any job in the worker needs: where S3 answers and as whom it is asked, and where the result goes.

    Without an endpoint of our own S3 is somebody else's, who gets the credentials the server was started with; nobody
    is asked about the job's role then.
    """
    role = job.document.get("roleArn") if control.endpoint else None
    result = str(job_file(control, job))
    return {"endpoint": control.endpoint, "region": control.region, "role": role, "result": result}


def job_file(control: "Control", job: Resource, suffix: str = ".json") -> Path:
    """A file that is a job's own: its result, if nothing else is said."""
    folder = control.folder / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{job.number}{suffix}"


def replaced_file(control: "Control", job: Resource) -> Path:
    """Where an import lists the records put one by one that it replaces, until they are gone."""
    return job_file(control, job, ".replaced")


def forget_job(control: "Control", job: Resource) -> None:
    """Remove what a job has left of its own."""
    for path in job_file(control, job).parent.glob(f"{job.number}.*"):
        path.unlink(missing_ok=True)


def _finished(control: "Control", job: Resource) -> None:
    """The job's file becomes its dataset's."""
    if job.status == "ACTIVE":
        replace_file(control, control.resource(job.document["datasetArn"]), job.document["_file"])


def replace_file(control: "Control", dataset: Resource, new: str) -> None:
    """Make `new` the dataset's bulk data; files of older imports go, unless a job may still be reading one."""
    old = dataset.document.get("_file")
    dataset.document["_file"] = new
    control.store.save(dataset)
    if not being_read(control, dataset.document["datasetGroupArn"]):
        remove_files(control, dataset, keep=(old, new))


def remove_files(control: "Control", dataset: Resource, keep: tuple[str | None, ...]) -> None:
    """Remove the dataset's columnar files but these. The one that was replaced may be loading for a campaign."""
    for path in (control.folder / "datasets" / str(dataset.number)).glob("*.parquet"):
        if str(path) not in keep:
            path.unlink()


RULES = {"DatasetImportJob": Rule(prepare=_prepare, waits=_waits, work=_work, finished=_finished, erased=forget_job)}
