"""Which items of which DynamoDB table changed since the last save, so that a save need not read the others.

Every write of MiniStack's goes through `_set_item` or `_remove_item`, or replaces the table's whole dict of items; a
stored item is never changed in place. Without this, a table of 20,000 profiles costs half a second a save.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import dynamodb

Table = dict[str, Any]

_changed: dict[str, set[Any]] = {}  # table ARN -> partition keys written since `take`
_read: dict[str, dict] = {}  # table ARN -> the dict of items `take` answered for


def install() -> None:
    """Note every write from now on."""
    dynamodb._set_item = _noted(dynamodb._set_item)
    dynamodb._remove_item = _noted(dynamodb._remove_item)


def take(table: Table) -> set[Any] | None:
    """Partition keys written since the last call for this table; None where everything must be read."""
    arn = table.get("TableArn", "")
    changed = _changed.get(arn, set())
    _changed[arn] = set()  # before the items are read: what is written meanwhile is noted for the next save
    if _read.get(arn) is table["items"]:
        return changed
    _read[arn] = table["items"]
    return None


def keep(tables: list[Table]) -> None:
    """Forget, with their items, the tables that are not among these, which are all there are."""
    for arn in set(_changed) - {table.get("TableArn", "") for table in tables}:
        _read.pop(arn, None)  # first: should one be made anew meanwhile, all of it must be read
        del _changed[arn]


def forget() -> None:
    """A save failed: read everything next time."""
    _read.clear()


def _noted(write: Callable[..., Any]) -> Callable[..., Any]:
    """MiniStack's writes; here it is noted which item, for the next save."""

    def written(table: Table, partition_key: Any, *rest: Any) -> Any:
        result = write(table, partition_key, *rest)
        _changed.setdefault(table.get("TableArn", ""), set()).add(partition_key)
        return result

    return written
