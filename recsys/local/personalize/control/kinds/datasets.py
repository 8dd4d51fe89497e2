"""Schemas, dataset groups and datasets."""

import shutil
import time
import uuid
from typing import TYPE_CHECKING

from recsys.local.personalize import schemas
from recsys.local.personalize.control.kinds.rule import Document, Rule
from recsys.local.personalize.control.resources import KINDS
from recsys.local.personalize.errors import invalid
from recsys.local.shared.store import Resource

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

# What a tracker's events are kept in: datasets that no list shows and that outlive the tracker.
EVENT_DATASET = "EVENT_INTERACTIONS"


def group_datasets(control: "Control", group_arn: str) -> dict[str, Resource]:
    """The datasets of a group by type, the hidden one included."""
    found = control.store.find("Dataset", datasetGroupArn=group_arn)
    return {dataset.document["datasetType"]: dataset for dataset in found}


def dataset_schema(control: "Control", dataset: Resource) -> str:
    """The Avro text of a dataset's schema."""
    return control.resource(dataset.document["schemaArn"]).document["schema"]


def group_fields(control: "Control", group_arn: str) -> dict[str, dict[str, schemas.Field]]:
    """The fields of each of a group's datasets, by the name a filter calls it: Interactions, Items, Users, ..."""
    datasets = group_datasets(control, group_arn)
    return {
        name: schemas.fields(dataset_schema(control, datasets[kind]))
        for kind, name in schemas.DATASET_TYPES.items()
        if kind in datasets
    }


def dataset_file(control: "Control", group_arn: str, kind: str) -> str | None:
    """The columnar file of what was imported in bulk into a group's dataset of a type; None where nothing was."""
    dataset = group_datasets(control, group_arn).get(kind)
    return dataset.document.get("_file") if dataset else None


def group_data(control: "Control", group_arn: str) -> Document:
    """Where the worker finds a group's data; a JSON document.

    group: its ARN. files, datasets, schemas: by dataset type, the columnar file of what was imported in bulk (None
    where nothing was), the dataset's ARN and its schema. events: the SQLite file of all that was put one by one.
    """
    datasets = group_datasets(control, group_arn)
    found = {kind: dataset for kind, dataset in datasets.items() if kind in schemas.DATASET_TYPES}
    return {
        "group": group_arn,
        "files": {kind: dataset.document.get("_file") for kind, dataset in found.items()},
        "datasets": {kind: dataset.arn for kind, dataset in found.items()},
        "schemas": {kind: dataset_schema(control, dataset) for kind, dataset in found.items()},
        "events": str(control.folder / "events.sqlite"),
    }


def hidden_dataset(control: "Control", group: Resource) -> str:
    """The dataset AWS makes beside an event tracker, made unless it is there; its ARN."""
    arn = control.arn(f"dataset/{group.document['name']}/{EVENT_DATASET}")
    if control.store.get(arn) is None:
        now = time.time()
        document = {
            "name": EVENT_DATASET,
            "datasetArn": arn,
            "datasetGroupArn": group.arn,
            "datasetType": EVENT_DATASET,
            "status": "ACTIVE",
            "creationDateTime": now,
            "lastUpdatedDateTime": now,
            "_hidden": 1,
        }
        control.store.add(Resource(arn, "Dataset", document))
    return arn


def _schema(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    document["_type"] = schemas.check(document["schema"], document.get("domain"))
    return {}


def _dataset_group(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    if "kmsKeyArn" in document and "roleArn" not in document:
        raise invalid("A dataset group with a kmsKeyArn needs a roleArn that may use the key")
    if "roleArn" in document and "kmsKeyArn" not in document:
        raise invalid("A dataset group takes a roleArn only with the kmsKeyArn that the role may use")
    return {}


def _dataset(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    group, schema = parents
    kind = document["datasetType"].upper()
    if kind not in schemas.DATASET_TYPES:
        raise invalid(f"Dataset type must be one of {', '.join(schemas.DATASET_TYPES)}, not {document['datasetType']}")
    _check_schema(kind, group, schema)
    document["datasetType"] = kind
    if kind == "ACTION_INTERACTIONS":  # PutActionInteractions is told this id
        document["trackingId"] = str(uuid.uuid4())
    return {"group": group.document["name"], "type": kind}


def _check_schema(kind: str, group: Resource, schema: Resource) -> None:
    wanted, found = schemas.DATASET_TYPES[kind], schema.document["_type"]
    if found != wanted:
        raise invalid(f"A dataset of type {kind} needs a schema named {wanted}, not {found}")
    domain, needed = schema.document.get("domain"), group.document.get("domain")
    if domain != needed and kind not in schemas.DOMAINLESS:
        raise invalid(
            f"Schema {schema.arn} is for {domain or 'no domain'}, and dataset group {group.arn} is for "
            f"{needed or 'no domain'}: create the schema with the domain of the group"
        )


def _new_schema(control: "Control", dataset: Resource, params: Document) -> Document:
    """UpdateDataset. Rows that are there keep what the new schema knows; what it adds must therefore be nullable."""
    schema = control.parent(params["schemaArn"], "Schema")
    if "_hidden" in dataset.document:
        raise invalid(f"{dataset.arn} has no schema to update")
    _check_schema(dataset.document["datasetType"], control.resource(dataset.document["datasetGroupArn"]), schema)
    schemas.check_replacement(dataset_schema(control, dataset), schema.document["schema"])
    return {"schemaArn": schema.arn}


def _schema_replaced(control: "Control", dataset: Resource, change: Document) -> None:
    """What is new stays out of the trainings of solutions and recommenders there are, as AWS keeps it out."""
    before = schemas.fields(dataset_schema(control, dataset))
    dataset.document.update(change)
    added = [name for name in schemas.fields(dataset_schema(control, dataset)) if name not in before]
    for kind, member in (("Solution", "solutionConfig"), ("Recommender", "recommenderConfig")):
        for user in control.store.find(kind, datasetGroupArn=dataset.document["datasetGroupArn"]):
            configs = [user.document.setdefault(member, {})]
            if control.updating(user) and member in user.document[KINDS[kind].update]:
                configs.append(user.document[KINDS[kind].update][member])
            for config in configs:
                _exclude(config, dataset.document["datasetType"], added)
            control.store.save(user)


def _exclude(config: Document, kind: str, columns: list[str]) -> None:
    limits = config.setdefault("trainingDataConfig", {})
    if not any(named.upper() == kind for named in limits.get("includedDatasetColumns", {})):
        excluded = limits.setdefault("excludedDatasetColumns", {})
        name = next((named for named in excluded if named.upper() == kind), kind)
        excluded[name] = [*excluded.get(name, []), *columns]


def _erased(control: "Control", dataset: Resource) -> None:
    shutil.rmtree(control.folder / "datasets" / str(dataset.number), ignore_errors=True)


def _listed(control: "Control", params: Document) -> Document:
    return {**params, "_hidden": None}


RULES = {
    "Schema": Rule(prepare=_schema),
    "DatasetGroup": Rule(prepare=_dataset_group),
    "Dataset": Rule(prepare=_dataset, change=_new_schema, changed=_schema_replaced, erased=_erased, scope=_listed),
}
