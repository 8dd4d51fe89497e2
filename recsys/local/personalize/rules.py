"""What is special about each kind when it is created, worked on, shown and erased. Everything else is in the table."""

import shutil
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from recsys.local.personalize import recipes, schemas
from recsys.local.personalize.errors import ServiceError, invalid, not_found
from recsys.local.personalize.filters import check_filter
from recsys.local.personalize.resources import BUSY
from recsys.local.personalize.store import Resource

if TYPE_CHECKING:
    from recsys.local.personalize.control import Control

Document = dict[str, Any]
Prepare = Callable[["Control", Document, list[Resource]], dict[str, str]]

EVENT_DATASET = "EVENT_INTERACTIONS"
FROM_SOLUTION = ("performHPO", "performAutoML", "recipeArn", "eventType", "datasetGroupArn", "solutionConfig")


def prepare(control: "Control", kind: str, document: Document, parents: list[Resource]) -> dict[str, str]:
    """Check a new resource beyond its shape, fill in defaults; returns the fields of its ARN besides the name."""
    rule = PREPARE.get(kind)
    return rule(control, document, parents) if rule else {}


def _schema(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    document["_type"] = schemas.check(document["schema"])
    return {}


def _dataset_group(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    if "kmsKeyArn" in document and "roleArn" not in document:
        raise invalid("A dataset group with a kmsKeyArn needs a roleArn that may use the key")
    return {}


def _dataset(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    group, schema = parents
    kind = document["datasetType"].upper()
    if kind in ("ACTIONS", "ACTION_INTERACTIONS"):
        raise ServiceError("NotImplementedException", f"{kind} datasets are not implemented here yet", 501)
    wanted = schemas.DATASET_TYPES.get(kind)
    if wanted is None:
        raise invalid(f"Dataset type must be one of {', '.join(schemas.DATASET_TYPES)}, not {document['datasetType']}")
    if schema.document["_type"] != wanted:
        raise invalid(f"A dataset of type {kind} needs a schema named {wanted}, not {schema.document['_type']}")
    document["datasetType"] = kind
    return {"group": group.document["name"], "type": kind}


def _import_job(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (dataset,) = parents
    location = document["dataSource"].get("dataLocation", "")
    if not location.startswith("s3://") or not location.removeprefix("s3://").strip("/"):
        raise invalid("Invalid Data location.")
    mode = document.setdefault("importMode", "FULL")
    if mode == "INCREMENTAL" and not dataset.document.get("_file"):
        raise invalid("An INCREMENTAL import needs data imported in bulk before: use importMode FULL first")
    return {}


def _event_tracker(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    """Beside the tracker AWS makes a dataset for its events, which no list shows and which outlives the tracker."""
    (group,) = parents
    document.update(trackingId=str(uuid.uuid4()), accountId=control.account)
    arn = control.arn(f"dataset/{group.document['name']}/{EVENT_DATASET}")
    if control.store.get(arn) is None:
        times = {name: group.document[name] for name in ("creationDateTime", "lastUpdatedDateTime")}
        named = {"name": EVENT_DATASET, "datasetArn": arn, "datasetGroupArn": group.arn, "datasetType": EVENT_DATASET}
        hidden = {**named, **times, "status": "ACTIVE", "_hidden": 1}
        control.store.add(Resource(arn, "Dataset", hidden))
    return {}


def _filter(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (group,) = parents
    check_filter(document["filterExpression"], group_fields(control, group.arn))
    return {}


def _solution(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    if document.get("performAutoML"):
        raise invalid("AutoML is no longer available: give a recipeArn")
    if "recipeArn" not in document:
        raise invalid("recipeArn must be given")
    recipe = recipes.trainable(document["recipeArn"])
    config = document.get("solutionConfig", {})
    if config.get("optimizationObjective", {}).get("objectiveSensitivity", "OFF") != "OFF":
        raise ServiceError("NotImplementedException", "optimizationObjective is not implemented here yet", 501)
    _check_hyperparameters(recipe, config.get("algorithmHyperParameters", {}))
    if not _is_number(config.get("eventValueThreshold", "0")):
        raise invalid(f"eventValueThreshold must be a number, not {config['eventValueThreshold']!r}")
    if document.get("performHPO") and not any(tuned for *_, tuned in (recipe.hyperparameters or {}).values()):
        raise invalid(f"Recipe {recipe.name} does not support hyperparameter optimization")
    document.setdefault("performHPO", False)
    document.setdefault("performAutoML", False)
    document.setdefault("performAutoTraining", True)
    return {}


def _check_hyperparameters(recipe: recipes.Recipe, given: dict[str, str]) -> None:
    known = recipe.hyperparameters or {}
    for name, text in given.items():
        if name not in known:
            raise invalid(f"{recipe.name} has no hyperparameter {name}; it has: {', '.join(known) or 'none'}")
        _, low, high, _ = known[name]
        if low is None and text.lower() not in ("true", "false"):
            raise invalid(f"Hyperparameter {name} must be true or false, not {text}")
        if low is not None and not (_is_number(text) and low <= float(text) <= high):
            raise invalid(f"Hyperparameter {name} must be a number between {low} and {high}, not {text}")


def _solution_version(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (solution,) = parents
    mode = document.setdefault("trainingMode", "FULL")
    if mode != "FULL":
        raise ServiceError("NotImplementedException", f"trainingMode {mode} is not implemented here yet: use FULL", 501)
    document["trainingType"] = "MANUAL"
    document.update({name: solution.document[name] for name in FROM_SOLUTION if name in solution.document})
    return {"solution": solution.document["name"], "id": uuid.uuid4().hex[:8]}


def _campaign(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (version,) = parents
    document.setdefault("minProvisionedTPS", 1)
    document.update(_solutionArn=version.document["solutionArn"], _datasetGroupArn=version.document["datasetGroupArn"])
    check_campaign_config(document.get("campaignConfig", {}))
    return {}


def check_campaign_config(config: Document) -> None:
    """Raises InvalidInputException for what AWS refuses, NotImplementedException for what is not simulated."""
    if config.get("syncWithLatestSolutionVersion"):
        raise ServiceError("NotImplementedException", "syncWithLatestSolutionVersion is not implemented here yet", 501)
    if config.get("rankingInfluence"):
        raise invalid("rankingInfluence is for campaigns of recipe aws-semantic-similarity")
    exploration = config.get("itemExplorationConfig", {})
    ranges = {"explorationWeight": (0.0, 1.0), "explorationItemAgeCutOff": (1.0, float("inf"))}
    for name, text in exploration.items():
        if name not in ranges:
            raise invalid(f"itemExplorationConfig has no {name}; it has: {', '.join(ranges)}")
        low, high = ranges[name]
        if not (_is_number(text) and low <= float(text) <= high):
            raise invalid(f"{name} must be a number between {low} and {high}, not {text}")


PREPARE: dict[str, Prepare] = {
    "Schema": _schema,
    "DatasetGroup": _dataset_group,
    "Dataset": _dataset,
    "DatasetImportJob": _import_job,
    "EventTracker": _event_tracker,
    "Filter": _filter,
    "Solution": _solution,
    "SolutionVersion": _solution_version,
    "Campaign": _campaign,
}


def group_datasets(control: "Control", group_arn: str) -> dict[str, Resource]:
    """The datasets of a group by type, the hidden one included."""
    found = control.store.find("Dataset", datasetGroupArn=group_arn)
    return {dataset.document["datasetType"]: dataset for dataset in found}


def group_fields(control: "Control", group_arn: str) -> dict[str, dict[str, schemas.Field]]:
    """The fields of each of a group's datasets, by the name a filter calls it: Interactions, Items, Users."""
    datasets = group_datasets(control, group_arn)
    return {
        name: schemas.fields(control.resource(datasets[kind].document["schemaArn"]).document["schema"])
        for kind, name in schemas.DATASET_TYPES.items()
        if kind in datasets
    }


# Work: what happens in CREATE IN_PROGRESS


def _start_import(control: "Control", job: Resource) -> None:
    dataset = control.resource(job.document["datasetArn"])
    folder = control.folder / "datasets" / str(dataset.number)
    folder.mkdir(parents=True, exist_ok=True)
    spec = {
        "datasetArn": dataset.arn,
        "datasetType": dataset.document["datasetType"],
        "schema": control.resource(dataset.document["schemaArn"]).document["schema"],
        "dataLocation": job.document["dataSource"]["dataLocation"],
        "importMode": job.document["importMode"],
        "current": dataset.document.get("_file"),
        "file": str(folder / f"{job.number}.parquet"),
        "result": str(folder / f"{job.number}.json"),
        "endpoint": control.endpoint,
        "region": control.region,
    }
    control.run_job(job.arn, "import", spec)


def _start_training(control: "Control", version: Resource) -> None:
    group = version.document["datasetGroupArn"]
    folder = control.folder / "versions"
    folder.mkdir(parents=True, exist_ok=True)
    spec = {
        "model": recipes.by_arn(version.document["recipeArn"]).model,
        "interactions": _file(control, group, "INTERACTIONS"),
        "items": _file(control, group, "ITEMS"),
        "events": str(control.folder / "events.sqlite"),
        "group": group,
        "eventType": version.document.get("eventType"),
        "config": version.document.get("solutionConfig", {}),
        "folder": str(folder / str(version.number)),
        "result": str(folder / f"{version.number}.json"),
    }
    control.tell("training", version)
    control.run_job(version.arn, "train", spec)


def _file(control: "Control", group_arn: str, kind: str) -> str | None:
    dataset = group_datasets(control, group_arn).get(kind)
    return dataset.document.get("_file") if dataset else None


def _start_campaign(control: "Control", campaign: Resource) -> None:
    control.tell("deploy", campaign)


def must_wait(control: "Control", resource: Resource) -> bool:
    """Imports into one dataset run one after the other: each INCREMENTAL one builds on what is there."""
    if resource.kind != "DatasetImportJob":
        return False
    jobs = control.store.find("DatasetImportJob", datasetArn=resource.document["datasetArn"])
    return any(job.number < resource.number and job.status in BUSY for job in jobs)


WORK: dict[str, Callable[["Control", Resource], None]] = {
    "DatasetImportJob": _start_import,
    "SolutionVersion": _start_training,
    "Campaign": _start_campaign,
}


def finished(control: "Control", resource: Resource) -> None:
    """In the transaction that ends a creation: an import's file becomes its dataset's."""
    if resource.kind == "DatasetImportJob" and resource.status == "ACTIVE":
        dataset = control.resource(resource.document["datasetArn"])
        old, new = dataset.document.get("_file"), resource.document["_file"]
        dataset.document["_file"] = new
        control.store.save(dataset)
        _sweep(control, dataset, keep={old, new})


def _sweep(control: "Control", dataset: Resource, keep: set[str | None]) -> None:
    """Remove files of older imports, unless a training may still be reading one."""
    versions = control.store.find("SolutionVersion", datasetGroupArn=dataset.document["datasetGroupArn"])
    if not any(version.status in BUSY for version in versions):
        for path in (control.folder / "datasets" / str(dataset.number)).glob("*.parquet"):
            if str(path) not in keep:
                path.unlink()


def erased(control: "Control", resource: Resource) -> None:
    """After a resource is gone: its files go too."""
    if resource.kind == "Dataset":
        shutil.rmtree(control.folder / "datasets" / str(resource.number), ignore_errors=True)
    if resource.kind == "SolutionVersion":
        shutil.rmtree(control.folder / "versions" / str(resource.number), ignore_errors=True)
        (control.folder / "versions" / f"{resource.number}.json").unlink(missing_ok=True)


# What Describe and List show beyond the document


def described(control: "Control", resource: Resource) -> Document:
    """The document as Describe shows it."""
    if resource.kind == "Solution":
        versions = control.store.find("SolutionVersion", solutionArn=resource.arn)
        if versions:
            return {**resource.document, "latestSolutionVersion": versions[-1].document}
    return resource.document


def list_scope(control: "Control", kind: str, params: Document) -> Document:
    """What a List operation's own parameters narrow it to. Raises ResourceNotFoundException where AWS models it."""
    if kind == "Campaign" and "solutionArn" in params:
        resource = control.store.get(params["solutionArn"])
        member = "solutionVersionArn" if resource and resource.kind == "SolutionVersion" else "_solutionArn"
        return {member: params["solutionArn"]}
    if kind == "Dataset":
        return {**params, "_hidden": None}
    if kind == "SolutionVersion" and "solutionArn" in params and control.store.get(params["solutionArn"]) is None:
        raise not_found(f"Resource with Amazon Resource Name (ARN) {params['solutionArn']} does not exist.")
    return params


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text)
    except ValueError:
        return False
