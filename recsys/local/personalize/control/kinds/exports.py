"""Export jobs: what is in a dataset becomes a CSV file in S3."""

from typing import TYPE_CHECKING

from recsys.local.personalize.control.kinds.datasets import dataset_schema
from recsys.local.personalize.control.kinds.imports import check_location, forget_job, job_spec
from recsys.local.personalize.control.kinds.rule import Document, Rule
from recsys.local.personalize.control.kinds.turns import after_deletion
from recsys.local.personalize.errors import invalid
from recsys.local.shared.store import Resource

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

EXPORTED = ("INTERACTIONS", "ITEMS", "USERS")


def _prepare(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (dataset,) = parents
    kind = dataset.document["datasetType"]
    if kind not in EXPORTED:
        raise invalid(f"Data of a dataset of type {kind} cannot be exported; that of {', '.join(EXPORTED)} can.")
    check_location(document["jobOutput"]["s3DataDestination"]["path"], "Invalid S3 output path.")
    document.setdefault("ingestionMode", "PUT")
    document["_datasetGroupArn"] = dataset.document["datasetGroupArn"]
    return {}


def _work(control: "Control", job: Resource) -> None:
    dataset = control.resource(job.document["datasetArn"])
    spec = {
        "jobName": job.document["jobName"],
        "datasetArn": dataset.arn,
        "datasetType": dataset.document["datasetType"],
        "group": dataset.document["datasetGroupArn"],
        "schema": dataset_schema(control, dataset),
        "mode": job.document["ingestionMode"],
        "bulk": dataset.document.get("_file"),
        "events": str(control.folder / "events.sqlite"),
        "output": job.document["jobOutput"]["s3DataDestination"]["path"],
        **job_spec(control, job),
    }
    control.run_job(job.arn, "export", spec)


RULES = {"DatasetExportJob": Rule(prepare=_prepare, waits=after_deletion, work=_work, erased=forget_job)}
