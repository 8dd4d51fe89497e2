"""The events service: what a tracker or a dataset lets in, before events.py makes it durable.

Property names are the camelCase forms of the schema's fields and are matched without case and underscores:
`creationTimestamp` fills CREATION_TIMESTAMP. Properties the schema does not know are ignored.
"""

import asyncio
import json
import math
from typing import Any

from recsys.local.personalize.control.control import Control
from recsys.local.personalize.control.store import Resource
from recsys.local.personalize.errors import invalid, not_found
from recsys.local.personalize.events.log import EventLog
from recsys.local.personalize.schemas import Field, fields, plain
from recsys.local.personalize.wire.validate import is_text

Params = dict[str, Any]


class Trackers:
    """PutEvents, PutItems and PutUsers over the trackers and datasets of the control plane."""

    def __init__(self, control: Control, events: EventLog) -> None:
        self._control, self._events = control, events
        self._groups: dict[str, str] = {}  # tracking id -> dataset group ARN
        control.listeners.append(self._changed)

    async def put_events(self, params: Params) -> None:
        """Raises InvalidInputException: the only error PutEvents models, for an unknown tracker too."""
        tracking_id = params["trackingId"]
        if tracking_id not in self._groups:
            self._groups[tracking_id] = await self._ask(lambda: self._group_of(tracking_id))
        events = [_event(event) for event in params["eventList"]]
        written = self._events.put_events(self._groups[tracking_id], params["sessionId"], params.get("userId"), events)
        await asyncio.wrap_future(written)

    async def put_items(self, params: Params) -> None:
        await self._put(params["datasetArn"], "ITEMS", "itemId", params["items"])

    async def put_users(self, params: Params) -> None:
        await self._put(params["datasetArn"], "USERS", "userId", params["users"])

    async def _put(self, dataset: str, kind: str, member: str, entries: list[Params]) -> None:
        columns = await self._ask(lambda: self._columns(dataset, kind))
        records = {}
        for entry in entries:
            document = _document(columns, _properties(entry.get("properties")))
            records[entry[member]] = {**document, f"{kind[:-1]}_ID": entry[member]}
        await asyncio.wrap_future(self._events.put_records(dataset, records))

    async def _ask(self, question: Any) -> Any:
        return await asyncio.wrap_future(self._control.actor.submit(question))

    def _group_of(self, tracking_id: str) -> str:
        found = self._control.store.find("EventTracker", trackingId=tracking_id)
        if not found:
            raise invalid(f"There is no event tracker with the tracking ID {tracking_id}.")
        if found[0].status != "ACTIVE":
            raise invalid(f"Event tracker {found[0].arn} is in status {found[0].status}; it must be ACTIVE.")
        return found[0].document["datasetGroupArn"]

    def _columns(self, arn: str, kind: str) -> dict[str, Field]:
        dataset = self._control.store.get(arn)
        if dataset is None or dataset.kind != "Dataset":
            raise not_found(f"Dataset {arn} does not exist.")
        if dataset.document["datasetType"] != kind:
            raise invalid(f"Dataset {arn} is of type {dataset.document['datasetType']}, not {kind}")
        return fields(self._control.resource(dataset.document["schemaArn"]).document["schema"])

    def _changed(self, what: str, resource: Resource) -> None:
        if what != "erased":
            return
        if resource.kind == "EventTracker":
            self._groups.pop(resource.document["trackingId"], None)
        elif resource.kind == "DatasetGroup":
            self._events.forget(group=resource.arn)
        elif resource.kind == "Dataset":
            hidden = resource.document["datasetGroupArn"] if "_hidden" in resource.document else None
            self._events.forget(group=hidden, dataset=resource.arn)


def _event(event: Params) -> Params:
    """An event with what its properties say about item and value; older SDK samples put them only there."""
    properties = {plain(name): value for name, value in _properties(event.get("properties")).items()}
    item, value = event.get("itemId", properties.get("itemid")), event.get("eventValue", properties.get("eventvalue"))
    number = None if value is None else _number("eventValue", "number", value)
    return {**event, "itemId": None if item is None else str(item), "eventValue": number}


def _properties(text: str | None) -> Params:
    if text is None:
        return {}
    try:
        properties = json.loads(text)
    except (ValueError, RecursionError):
        properties = None
    if not isinstance(properties, dict) or not is_text(json.dumps(properties, ensure_ascii=False)):
        raise invalid("properties must be a JSON object in a string")
    return properties


def _document(columns: dict[str, Field], properties: Params) -> Params:
    """Properties as values of the schema's columns. Raises InvalidInputException for a value of the wrong type."""
    by_name = {plain(name): column for name, column in columns.items()}
    document = {}
    for name, value in properties.items():
        column = by_name.get(plain(name))
        if column is not None:
            document[column.name] = _typed(column, value)
    return document


def _typed(column: Field, value: Any) -> Any:
    if value is None:
        if not column.nullable:
            raise invalid(f"{column.name} must not be null")
        return None
    if isinstance(value, list):  # several categories may come as a list
        value = "|".join(map(str, value))
    if column.numeric:
        number = _number(column.name, column.type, value)
        return int(number) if column.type in ("long", "int") else number
    return bool(value) if column.type == "boolean" else str(value)


def _number(name: str, kind: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise invalid(f"{name} must be of type {kind}, not {value!r}")
    return number
