"""In the worker: what a server holds in memory, read from disk as it is at this moment, for the time of one job."""

import json
from pathlib import Path
from typing import Any

from recsys.local.personalize.events.log import Live
from recsys.local.personalize.filters import Table
from recsys.local.personalize.jobs.exporting import query
from recsys.local.personalize.recipes import by_arn
from recsys.local.personalize.schemas import DATASET_TYPES, Field, fields
from recsys.local.personalize.selection import Selection
from recsys.local.personalize.serving.campaign import Campaign
from recsys.local.personalize.serving.catalogue import Group, Interactions

EVENTS = "SELECT session, user, item, type, value, sent FROM events WHERE dataset_group = ? ORDER BY number"
RECORDS = "SELECT id, document FROM records WHERE dataset = ?"


def read_fields(spec: dict[str, Any]) -> dict[str, dict[str, Field]]:
    """The fields of each dataset by the name that filters give it: Items, Interactions, Users."""
    return {DATASET_TYPES[kind]: fields(schema) for kind, schema in spec["schemas"].items()}


def read_campaign(spec: dict[str, Any]) -> Campaign:
    """The campaign that a job's solution version would be deployed as."""
    solution = spec["solution"]
    group = Group(
        spec["group"],
        read_table(spec, "ITEMS", "ITEM_ID"),
        read_table(spec, "USERS", "USER_ID"),
        Interactions.read(spec["files"].get("INTERACTIONS")),
    )
    recipe, selection = by_arn(solution["recipeArn"]), Selection.of_document(solution)
    return Campaign.read(spec["version"], recipe, Path(spec["folder"]), selection, group)


def read_table(spec: dict[str, Any], kind: str, key: str) -> Table:
    """A dataset's rows: what was imported in bulk, and over it what was put since."""
    records = query(spec["events"], RECORDS, spec["datasets"].get(kind, ""))
    columns = read_fields(spec).get(DATASET_TYPES[kind], {})
    return Table(key, columns, spec["files"].get(kind), {each: json.loads(document) for each, document in records})


def read_live(spec: dict[str, Any]) -> Live:
    """The events of the group so far."""
    live = Live()
    for session, user, item, kind, value, sent in query(spec["events"], EVENTS, spec["group"]):
        live.apply(session, user, (sent, item, kind, value) if item else None)
    return live
