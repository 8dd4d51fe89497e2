"""MiniStack's state as pieces of JSON, cheaply enough to take every second while it serves.

MiniStack's own `get_state()` copies everything deeply, which costs ten times what writing JSON costs and fails where a
request changes a dict meanwhile. For the services whose `get_state()` only collects (checked one by one, kept by a
test), the copy is left out and each value is turned into JSON at once: the encoder runs without giving up the
interpreter, so a value is never half changed. A big value is cut at one of its fields (a table at its items, a log
group at its streams), so that no single piece holds up requests for long.
"""

import ast
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

from ministack import app
from ministack.core import persistence
from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict
from ministack.services import kinesis
from pydantic_core import PydanticSerializationError, to_json

from recsys.local.aws.state import changed_items, changed_stacks, changed_streams
from recsys.local.aws.state.hashes import Block, Prefix
from recsys.local.aws.state.store import Rows

# Modules whose get_state() does nothing with its copies but return them.
COLLECT_ONLY = (
    "cloudformation", "cloudwatch", "cloudwatch_logs", "dynamodb", "eventbridge", "iam", "s3", "scheduler", "sns",
    "sqs", "ssm", "stepfunctions",
)  # fmt: skip
# The field where a value is cut, and who knows which parts of it changed.
CUT_AT = {
    ("dynamodb", "tables"): ("items", changed_items),
    ("cloudwatch_logs", "log_groups"): ("streams", changed_streams),
}
PLAIN_JSON = (("cloudwatch", "metrics"),)  # numbers and texts, thousands of points
ATTEMPTS = 3  # a service's own copy may meet a request that changes it

_ACCOUNT, _REGION, _PLAIN = "account", "region", "plain"
# What is saved came as JSON, or is made to become it: nothing in it can hold itself.
_encode = json.JSONEncoder(default=persistence._json_default, separators=(",", ":"), check_circular=False).encode
_borrowing = threading.local()
logger = logging.getLogger(__name__)


def services() -> dict[str, Callable[[], dict[str, Any] | None]]:
    """What is to be saved: service -> its get_state; those that were used, CloudFormation where it may have changed."""
    used = app._build_persistence_save_dict()
    return used if changed_stacks.take() else {name: read for name, read in used.items() if name != "cloudformation"}


def blocks_of(service: str, get_state: Callable[[], dict[str, Any] | None]) -> list[Block]:
    """A service's state in blocks of small parts; raises what reading it raised."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            state = _streams_without_records() if service == "kinesis" else _collected(service, get_state)
            return list(_blocks(service, state or {}))
        except RuntimeError:
            forget()
            if attempt == ATTEMPTS:
                raise
    return []


def forget() -> None:
    """What was read was not saved: read everything next time."""
    changed_items.forget()
    changed_streams.forget()


def _collected(service: str, get_state: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    if service in COLLECT_ONLY:
        module = sys.modules[f"ministack.services.{app._state_map[service]}"]
        if not getattr(module.copy, "lends", False):
            module.copy = SimpleNamespace(
                **{**vars(module.copy), "deepcopy": _lent(module.copy.deepcopy), "lends": True}
            )
        _borrowing.active = True
    try:
        return get_state()
    finally:
        _borrowing.active = False


def _lent(deepcopy: Callable[..., Any]) -> Callable[..., Any]:
    """MiniStack's copies a service's state all the way down; here the thing itself is handed out to the capture."""

    def copied(value: Any, memo: dict | None = None) -> Any:
        return value if getattr(_borrowing, "active", False) else deepcopy(value, memo)

    return copied


def _streams_without_records() -> dict[str, Any]:
    """Kinesis without records, which the stream log keeps, and without iterators, which are good for minutes only."""
    streams = AccountRegionScopedDict()
    for key, stream in kinesis._streams.all_items():
        shards = {name: {**shard, "records": []} for name, shard in list(stream["shards"].items())}
        streams._data[key] = {**stream, "shards": shards}
    return {"streams": streams, "consumers": kinesis._consumers, "resource_policies": kinesis._resource_policies}


def _blocks(service: str, state: dict[str, Any]) -> Iterator[Block]:
    for store, value in state.items():
        kind = _kind(value)
        if kind == _PLAIN:
            yield Block((service, store, ""), {"": _encode({"kind": kind, "value": value})})
            continue
        yield Block((service, store, ""), {"": _encode({"kind": kind})})
        cut, encode = CUT_AT.get((service, store)), _item if (service, store) in PLAIN_JSON else _encode
        entries = list(value._data.items())
        for key, entry in entries:
            prefix = (service, store, repr(key))
            yield _in_parts(prefix, entry, *cut) if cut else Block(prefix, {"": encode(entry)})
        if cut:
            _, changes = cut
            changes.keep([entry for _, entry in entries])


def _in_parts(prefix: Prefix, entry: dict[str, Any], field: str, changes: ModuleType) -> Block:
    main = {"": _encode({**entry, field: {}})}
    changed = changes.take(entry)
    if changed is None:
        return Block(prefix, main | {repr(part): _item(value) for part, value in list(entry[field].items())})
    found = {part: entry[field].get(part) for part in changed}
    there = {repr(part): _item(value) for part, value in found.items() if value is not None}
    return Block(prefix, main | there, frozenset(repr(part) for part in changed) - there.keys())


def _item(value: Any) -> str:
    """As `_encode` in a third of the time or less; for what could have come as JSON, whose texts may be cut in half."""
    try:
        return to_json(value).decode()
    except (PydanticSerializationError, UnicodeError):  # half a character
        return _encode(value)


def restored(saved: Rows) -> dict[str, dict[str, Any]]:
    """The states that `blocks_of` took apart: service -> store -> what MiniStack's load_persisted_state takes."""
    services: dict[str, dict[str, Any]] = {}
    for (service, store, key, part), text in sorted(saved.items()):
        value = json.loads(text, object_hook=persistence._json_object_hook)
        stores = services.setdefault(service, {})
        if not key:
            stores[store] = _empty(value)
        elif not part:
            stores[store]._data[ast.literal_eval(key)] = value
        else:
            entry = stores[store]._data[ast.literal_eval(key)]
            field, _ = CUT_AT[service, store]
            entry[field][ast.literal_eval(part)] = value
    groups = services.get("cloudwatch_logs", {}).get("log_groups")
    for group in groups._data.values() if groups else ():  # the oldest first again, which is forgotten first
        group["streams"] = dict(sorted(group["streams"].items(), key=lambda named: named[1]["creationTime"]))
    return services


def load(services: dict[str, dict[str, Any]]) -> list[str]:
    """Give MiniStack its state back; the services that would not take it."""
    refused = []
    for service, module in app._state_map.items():
        if service in services:
            try:
                app._get_module(module).load_persisted_state(services[service])
            except Exception:
                logger.exception("%s cannot be restored", service)
                refused.append(service)
    return refused


def _kind(value: Any) -> str:
    if isinstance(value, AccountRegionScopedDict):
        return _REGION
    return _ACCOUNT if isinstance(value, AccountScopedDict) else _PLAIN


def _empty(header: dict[str, Any]) -> Any:
    if header["kind"] == _PLAIN:
        return header["value"]
    return AccountRegionScopedDict() if header["kind"] == _REGION else AccountScopedDict()
