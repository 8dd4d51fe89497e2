"""Jobs that read or replace the data of a dataset group take turns, in the order of their creation.

A data deletion waits for everything that began before it and reads the group's data, and whatever comes after it waits
for the deletion: when it is COMPLETED nothing holds the users' rows any more. A recommender that is trained anew reads
too: the deletion waits for it, unless that training waits for the deletion. [AWS leaves that order to the caller and
guarantees nothing if jobs overlap.]
"""

from typing import TYPE_CHECKING

from recsys.local.personalize.control.resources import DATA_DELETION
from recsys.local.shared.store import Resource

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

# Who reads a group's files, and the member of its document that names the group.
READERS = {
    "SolutionVersion": "datasetGroupArn",
    "Recommender": "datasetGroupArn",
    "BatchInferenceJob": "_datasetGroupArn",
    "BatchSegmentJob": "_datasetGroupArn",
    "DatasetExportJob": "_datasetGroupArn",
}
EVERYONE = READERS | {"DatasetImportJob": "_datasetGroupArn", "DataDeletionJob": "datasetGroupArn"}


def after_deletion(control: "Control", job: Resource) -> bool:
    """Whether a job that uses a group's data must wait for a data deletion that was created before it."""
    return _earlier(control, job, "DataDeletionJob", datasetGroupArn=job.document[EVERYONE[job.kind]])


def after_import(control: "Control", job: Resource) -> bool:
    """Whether an import must wait for earlier ones into its dataset: an INCREMENTAL one builds on what is there."""
    return _earlier(control, job, "DatasetImportJob", datasetArn=job.document["datasetArn"])


def after_everyone(control: "Control", job: Resource) -> bool:
    """Whether a deletion must wait for anything that uses the group's data and was created before it."""
    group = job.document["datasetGroupArn"]
    return any(_earlier(control, job, kind, **{member: group}) for kind, member in EVERYONE.items())


def being_read(control: "Control", group: str) -> bool:
    """Whether a job may hold the path of a file of the group: it learns it when it sets out."""
    return any(
        reader.status.endswith("IN_PROGRESS") or control.updating(reader)
        for kind, member in READERS.items()
        for reader in control.store.find(kind, **{member: group})
    )


def being_deleted_from(control: "Control", group: str) -> bool:
    """Whether a data deletion of the group has set out: it will not wait for anyone any more."""
    return bool(control.store.find("DataDeletionJob", datasetGroupArn=group, status=DATA_DELETION.in_progress))


def _earlier(control: "Control", job: Resource, kind: str, **members: str) -> bool:
    found = control.store.find(kind, **members)
    return any(other.number < job.number and control.busy(other) for other in found)
