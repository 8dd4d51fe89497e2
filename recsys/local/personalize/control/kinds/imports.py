"""Import jobs: CSV files in S3 become a dataset's bulk data."""

from typing import TYPE_CHECKING

from recsys.local.personalize.control.kinds.datasets import dataset_schema
from recsys.local.personalize.control.kinds.rule import Document, Rule
from recsys.local.personalize.control.resources import BUSY
from recsys.local.personalize.control.store import Resource
from recsys.local.personalize.errors import invalid

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control


def _prepare(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (dataset,) = parents
    check_location(document["dataSource"].get("dataLocation", ""), "Invalid Data location.")
    mode = document.setdefault("importMode", "FULL")
    if mode == "INCREMENTAL" and not dataset.document.get("_file"):
        raise invalid("An INCREMENTAL import needs data imported in bulk before: use importMode FULL first")
    return {}


def check_location(location: str, message: str) -> None:
    """Raises InvalidInputException with `message` unless the location names something in S3."""
    if not location.startswith("s3://") or not location.removeprefix("s3://").strip("/"):
        raise invalid(message)


def _waits(control: "Control", job: Resource) -> bool:
    """Imports into one dataset run one after the other: each INCREMENTAL one builds on what is there."""
    jobs = control.store.find("DatasetImportJob", datasetArn=job.document["datasetArn"])
    return any(other.number < job.number and other.status in BUSY for other in jobs)


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
        "file": str(folder / f"{job.number}.parquet"),
        "result": str(folder / f"{job.number}.json"),
        "endpoint": control.endpoint,
        "region": control.region,
    }
    control.run_job(job.arn, "import", spec)


def _finished(control: "Control", job: Resource) -> None:
    """The job's file becomes its dataset's."""
    if job.status == "ACTIVE":
        replace_file(control, control.resource(job.document["datasetArn"]), job.document["_file"])


def replace_file(control: "Control", dataset: Resource, new: str) -> None:
    """Make `new` the dataset's bulk data; files of older imports go, unless a job may still be reading one."""
    old = dataset.document.get("_file")
    dataset.document["_file"] = new
    control.store.save(dataset)
    group = dataset.document["datasetGroupArn"]
    readers = control.store.find("SolutionVersion", datasetGroupArn=group)
    readers += control.store.find("Recommender", datasetGroupArn=group)
    readers += control.store.find("DatasetExportJob", datasetArn=dataset.arn)
    if not any(reader.status in BUSY for reader in readers):
        for path in (control.folder / "datasets" / str(dataset.number)).glob("*.parquet"):
            if str(path) not in (old, new):
                path.unlink()


RULES = {"DatasetImportJob": Rule(prepare=_prepare, waits=_waits, work=_work, finished=_finished)}
