"""Data deletion jobs: users go from a group's files, from the event log and from memory.

What is to go is worked out first and kept with the job (`_plan`); a start after a kill carries it out from there, as
often as it takes. Files change all at once with that plan; whoever holds the group in memory ends the job when the
events are gone too and nothing in memory knows the users any more. numDeleted counts the rows of the Interactions,
Users and Action interactions datasets and the events and records put one by one.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from recsys.local.personalize import recipes
from recsys.local.personalize.control.kinds.datasets import group_datasets
from recsys.local.personalize.control.kinds.imports import check_location, forget_job, job_file, job_spec, remove_files
from recsys.local.personalize.control.kinds.rule import Document, Rule
from recsys.local.personalize.control.kinds.turns import after_everyone
from recsys.local.shared.store import Resource

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

OF_USERS = ("INTERACTIONS", "USERS", "ACTION_INTERACTIONS")


def _prepare(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    check_location(document["dataSource"].get("dataLocation", ""), "Invalid Data location.")
    return {}


def _work(control: "Control", job: Resource) -> None:
    if "_plan" in job.document:
        control.tell("forget", job)
        return
    datasets = group_datasets(control, job.document["datasetGroupArn"])
    spec = {
        "dataLocation": job.document["dataSource"]["dataLocation"],
        "datasets": {
            dataset.arn: {"file": file, "new": str(Path(file).with_name(f"{job.number}.parquet"))}
            for kind, dataset in datasets.items()
            if kind in OF_USERS and (file := dataset.document.get("_file"))
        },
        "group": job.document["datasetGroupArn"],
        "records": datasets["USERS"].arn if "USERS" in datasets else "",
        "events": str(control.folder / "events.sqlite"),
        "segments": _segment_folders(control, job.document["datasetGroupArn"]),
        "users": str(job_file(control, job, ".users")),
        **job_spec(control, job),
    }

    def planned(plan: Document) -> None:
        control.actor.later(partial(_carry_out, control, job.arn, plan))

    control.jobs.submit(job.arn, "delete", spec, planned)


def _segment_folders(control: "Control", group: str) -> list[str]:
    """What was trained to make user segments."""
    versions = [version.document for version in control.store.find("SolutionVersion", datasetGroupArn=group)]
    made = [version for version in versions if recipes.by_arn(version["recipeArn"]).type == recipes.SEGMENTS]
    return [version["_folder"] for version in made if "_folder" in version]


def _carry_out(control: "Control", arn: str, plan: Document) -> None:
    """The files without the users take their place; then memory and the event log forget them."""
    if "failureReason" in plan:
        control.settle(arn, lambda: control.finish(arn, plan))
        return
    with control.store.transaction():
        job = control.resource(arn)
        job.document["_plan"] = plan
        control.store.save(job)
        for dataset_arn, file in plan["files"].items():
            dataset = control.resource(dataset_arn)
            dataset.document["_file"] = file
            control.store.save(dataset)
    control.tell("forget", job)


def _finished(control: "Control", job: Resource) -> None:
    """Nothing on disk holds the users any more, the list of them neither."""
    for dataset in group_datasets(control, job.document["datasetGroupArn"]).values():
        remove_files(control, dataset, keep=(dataset.document.get("_file"),))
    forget_job(control, job)


RULES = {"DataDeletionJob": Rule(prepare=_prepare, waits=after_everyone, work=_work, finished=_finished)}
