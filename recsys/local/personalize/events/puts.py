"""The events service: what a tracker or a dataset lets in, before log.py makes it durable.

Property names are the camelCase forms of the schema's fields and are matched without case and underscores:
`creationTimestamp` fills CREATION_TIMESTAMP. Properties the schema does not know are ignored. Events may be about items
that no dataset has.
"""

import asyncio
import json
import math
from collections.abc import Mapping
from typing import Any

from recsys.local.personalize.control.control import Control
from recsys.local.personalize.control.kinds.datasets import group_fields
from recsys.local.personalize.control.resources import DELETING
from recsys.local.personalize.errors import in_use, invalid, not_found
from recsys.local.personalize.events.impressions import Shown
from recsys.local.personalize.events.log import EventLog
from recsys.local.personalize.schemas import KEYS, TYPES, Field, fields, plain
from recsys.local.shared.store import Resource
from recsys.local.shared.validate import is_text

Params = dict[str, Any]
Columns = Mapping[str, Field]

MOST_BYTES = 10 * 1024  # of an event; AWS's quota
# What the properties of an event cannot name, in any case: it has members for them.
NAMED_APART = {"userid", "sessionid", "eventtype", "timestamp", "recommendationid", "impression"}
ACTION_EVENTS = {"taken": "TAKEN", "nottaken": "NOT_TAKEN", "viewed": "VIEWED"}


class EventsService:
    """The five operations over the trackers and datasets of the control plane."""

    def __init__(self, control: Control, events: EventLog, shown: Shown) -> None:
        self._control, self._events, self._shown = control, events, shown
        # By tracking id: the dataset group's ARN, and the optional fields of its Interactions.
        self._groups: dict[str, tuple[str, Columns]] = {}
        control.listeners.append(self._changed)

    async def put_events(self, params: Params) -> None:
        """Raises InvalidInputException: the only error PutEvents models, for an unknown tracker too.

        A tracker takes events from the moment it has an id: programs put them in the call after the one that made it.
        [AWS does not say.]
        """
        tracking_id = params["trackingId"]
        known = self._groups.get(tracking_id) or await self._ask(lambda: self._group_of(tracking_id))
        group, columns = known
        events = [self._event(columns, event) for event in params["eventList"]]
        written = self._events.put_events(group, params["sessionId"], params.get("userId"), events)
        await asyncio.wrap_future(written)

    async def put_action_interactions(self, params: Params) -> None:
        """The tracking id is the Action interactions dataset's, or that of the group's event tracker."""
        group = await self._ask(lambda: self._action_group_of(params["trackingId"]))
        events = [_action_event(event) for event in params["actionInteractions"]]
        await asyncio.wrap_future(self._events.put_action_events(group, events))

    async def put_items(self, params: Params) -> None:
        await self._put(params["datasetArn"], "ITEMS", "itemId", params["items"])

    async def put_users(self, params: Params) -> None:
        await self._put(params["datasetArn"], "USERS", "userId", params["users"])

    async def put_actions(self, params: Params) -> None:
        await self._put(params["datasetArn"], "ACTIONS", "actionId", params["actions"])

    async def _put(self, dataset: str, kind: str, member: str, entries: list[Params]) -> None:
        columns = await self._ask(lambda: self._columns(dataset, kind))
        records = {}
        for entry in entries:
            document = _document(columns, _properties(entry.get("properties")))
            records[entry[member]] = {**document, KEYS[kind]: entry[member]}
        await asyncio.wrap_future(self._events.put_records(dataset, records))

    def _event(self, columns: Columns, event: Params) -> Params:
        """An event as it is kept: item and value may stand in the properties alone, as older samples of AWS put them;
        what the recommendation it names has shown is its impression, unless it brings its own."""
        _check_size(event)
        properties = _event_properties(event.get("properties"))
        named = {plain(name): value for name, value in properties.items() if value is not None}
        item, value = event.get("itemId", named.get("itemid")), event.get("eventValue", named.get("eventvalue"))
        number = None if value is None else _number("eventValue", "number", value)
        _document(columns, named)
        known = {"itemId": None if item is None else str(item), "eventValue": number}
        shown = event.get("impression") or self._shown.items(event.get("recommendationId"))
        return {**event, **known, **({"impression": shown} if shown else {})}

    def sweep(self) -> None:
        """At a start: what a kill left of groups and datasets that were being erased goes too."""
        for group in list(self._events.live):
            if self._control.store.get(group) is None:
                self._events.forget(group=group)
        for dataset in list(self._events.records):
            if self._control.store.get(dataset) is None:
                self._events.forget(dataset=dataset)

    # On the control plane's thread

    async def _ask(self, question: Any) -> Any:
        return await asyncio.wrap_future(self._control.actor.submit(question))

    def _group_of(self, tracking_id: str) -> tuple[str, Columns]:
        found = self._control.store.find("EventTracker", trackingId=tracking_id)
        if not found:
            raise invalid(f"There is no event tracker with the tracking ID {tracking_id}.")
        if found[0].status in DELETING:
            raise invalid(f"Event tracker {found[0].arn} is in status {found[0].status}.")
        group = found[0].document["datasetGroupArn"]
        columns = group_fields(self._control, group).get("Interactions", {})
        required = TYPES["Interactions"].required
        optional = {name: column for name, column in columns.items() if name not in required}
        self._groups[tracking_id] = group, optional
        return group, optional

    def _action_group_of(self, tracking_id: str) -> str:
        store = self._control.store
        dataset = next(iter(store.find("Dataset", trackingId=tracking_id)), None)
        if dataset is None:
            tracker = next(iter(store.find("EventTracker", trackingId=tracking_id)), None)
            if tracker is None:
                raise not_found(f"There is no action interaction event tracker with the tracking ID {tracking_id}.")
            where = {"datasetGroupArn": tracker.document["datasetGroupArn"], "datasetType": "ACTION_INTERACTIONS"}
            dataset = next(iter(store.find("Dataset", **where)), None)
        if dataset is None:
            raise invalid(f"The dataset group of tracking ID {tracking_id} has no Action interactions dataset")
        _check_active(dataset)
        return dataset.document["datasetGroupArn"]

    def _columns(self, arn: str, kind: str) -> Columns:
        dataset = self._control.store.get(arn)
        if dataset is None or dataset.kind != "Dataset":
            raise not_found(f"Dataset {arn} does not exist.")
        if dataset.document["datasetType"] != kind:
            raise invalid(f"Dataset {arn} is of type {dataset.document['datasetType']}, not {kind}")
        _check_active(dataset)
        return fields(self._control.resource(dataset.document["schemaArn"]).document["schema"])

    def _changed(self, what: str, resource: Resource) -> None:
        if resource.kind == "Dataset" and what in ("finished", "updated"):  # the fields of a tracker's events
            self._groups.clear()
        if what != "erased":
            return
        if resource.kind == "EventTracker":
            self._groups.pop(resource.document["trackingId"], None)
        elif resource.kind == "DatasetGroup":
            self._events.forget(group=resource.arn)
        elif resource.kind == "Dataset":
            hidden = resource.document["datasetGroupArn"] if "_hidden" in resource.document else None
            self._events.forget(group=hidden, dataset=resource.arn)


def _check_active(dataset: Resource) -> None:
    if dataset.status != "ACTIVE":
        raise in_use(f"Dataset {dataset.arn} is in status {dataset.status}; it must be ACTIVE")


def _check_size(event: Params) -> None:
    size = len(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MOST_BYTES:
        raise invalid(f"An event can have {MOST_BYTES} bytes at most, not {size}")


def _action_event(event: Params) -> Params:
    """An action event as it is kept: its type is one of the three, written in one way."""
    _check_size(event)
    _event_properties(event.get("properties"))
    kind = ACTION_EVENTS.get("".join(filter(str.isalpha, event["eventType"])).lower())
    if kind is None:
        raise invalid(
            f"The eventType of an action interaction must be Taken, Not Taken or Viewed, not {event['eventType']}"
        )
    return {**event, "eventType": kind}


def _event_properties(text: str | None) -> Params:
    properties = _properties(text)
    for name in properties:
        if name.lower() in NAMED_APART:
            raise invalid(f"{name} cannot be a keyword of properties")
    return properties


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
    if column.type == "boolean":
        return value.lower() == "true" if isinstance(value, str) else bool(value)
    return str(value)


def _number(name: str, kind: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise invalid(f"{name} must be of type {kind}, not {value!r}")
    return number
