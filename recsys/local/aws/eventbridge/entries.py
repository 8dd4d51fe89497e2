"""Entries of PutEvents that EventBridge does not take, each by itself, and MiniStack passes on."""

import json
from collections.abc import Callable
from typing import Any

from ministack.core.responses import json_response
from ministack.services import eventbridge

from recsys.local.aws import MiniStackResponse

MOST = 10  # entries of a request; one with more is refused whole
REQUIRED = ("Source", "DetailType", "Detail")
MISSING = "Parameter {0} is not valid. Reason: {0} is a required argument."

Entry = dict[str, Any]


def install() -> None:
    """Answer for what cannot be an event, and hand on the others."""
    eventbridge._put_events = _of_events(eventbridge._put_events)


def fault(entry: Entry) -> Entry | None:
    """What EventBridge answers for an entry that is no event; None for one that is."""
    if missing := next((name for name in REQUIRED if not entry.get(name)), None):
        return {"ErrorCode": "InvalidArgument", "ErrorMessage": MISSING.format(missing)}
    try:
        is_object = isinstance(json.loads(entry["Detail"]), dict)
    except ValueError:
        is_object = False
    return None if is_object else {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}


def _of_events(put: Callable[..., MiniStackResponse]) -> Callable[..., MiniStackResponse]:
    """MiniStack's passes on every entry; here it gets those that are events, and the others are answered for."""

    def answered(given: Entry, *rest: Any, **more: Any) -> MiniStackResponse:
        faults = [fault(entry) for entry in given.get("Entries", [])]
        if len(faults) > MOST or not any(faults):
            return put(given, *rest, **more)
        events = [entry for entry, found in zip(given["Entries"], faults, strict=True) if not found]
        told = json.loads(put(given | {"Entries": events}, *rest, **more)[2])
        entries = iter(told["Entries"])
        told["Entries"] = [found or next(entries) for found in faults]
        told["FailedEntryCount"] += sum(found is not None for found in faults)
        return json_response(told)

    return answered
