"""In the worker: what a server holds in memory, read from disk as it is at this moment, for the time of one job."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from recsys.local.personalize.events.live import Live
from recsys.local.personalize.events.log import read_live
from recsys.local.personalize.events.reading import RECORDS, query
from recsys.local.personalize.filters import Table
from recsys.local.personalize.recipes import by_arn
from recsys.local.personalize.schemas import DATASET_TYPES, KEYS, Field, fields
from recsys.local.personalize.selection import Selection
from recsys.local.personalize.serving.deployment import Artefacts, Config, Deployment
from recsys.local.personalize.serving.group import Group
from recsys.local.shared.store import read_only


def read_fields(spec: dict[str, Any]) -> dict[str, dict[str, Field]]:
    """The fields of each dataset by the name that filters give it: Items, Interactions, Users."""
    return {DATASET_TYPES[kind]: fields(schema) for kind, schema in spec["schemas"].items()}


def read_deployment(spec: dict[str, Any]) -> Deployment:
    """What a job's solution version would be deployed as, on the group's data so far."""
    solution = spec["solution"]
    recipe = by_arn(solution["recipeArn"])
    training = solution.get("solutionConfig", {}).get("trainingDataConfig")
    group = Group.read(spec["group"], spec["files"], read_fields(spec), read_events(spec))
    for kind in KEYS:
        for each, document in read_records(spec, kind).items():
            group.record(kind, each, document)
    return Deployment(
        Artefacts.read(Path(spec["folder"])),
        recipe,
        Selection.of_document(solution),
        group,
        Config.of(spec.get("config", {}), recipe, training),
    )


def read_table(spec: dict[str, Any], kind: str) -> Table:
    """A dataset's rows: what was imported in bulk, and over it what was put since."""
    columns = read_fields(spec).get(DATASET_TYPES[kind], {})
    return Table(KEYS[kind], columns, spec["files"].get(kind), read_records(spec, kind))


def read_records(spec: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """What was put into a dataset, by id."""
    records = query(spec["events"], RECORDS, spec["datasets"].get(kind, ""))
    return {each: json.loads(document) for each, document in records}


def read_events(spec: dict[str, Any]) -> Live:
    """The events of the group so far."""
    with closing(read_only(spec["events"])) as connection:
        return read_live(connection, spec["group"])
