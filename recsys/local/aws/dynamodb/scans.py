"""A Scan that costs what its page holds, not what the table does.

MiniStack sorts, hashes and copies the whole table for each page. Here a table keeps its keys in order for every way it
is scanned, made at the first scan and kept by each write, and a page begins at its place in that order. Order, segments
and all else of an answer are MiniStack's own: `_scan` itself runs, only its items come from elsewhere. A filter is read
once, not for each item.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import sha1
from types import FunctionType, SimpleNamespace
from typing import Any, NamedTuple

from ministack.services import dynamodb

# Beside the members of the indexes: never saved, and dropped where a table's items or indexes are replaced.
ORDERS = ("orders of scans",)
REMEMBERED = 4  # ways to scan a table; each costs about 100 bytes an item
AHEAD = 100  # keys read at once
EXPRESSIONS = 256  # remembered

Table = dict[str, Any]
Item = dict[str, Any]
Entry = tuple[Any, ...]  # what it is ordered by, then partition and sort key


class Way(NamedTuple):
    """How a table is scanned: by itself where `order` is empty, else in an index's order of (attribute, type)."""

    order: tuple[tuple[str, str], ...]
    needed: tuple[str, ...]  # attributes without which an item is not in the index
    partition: str  # the attribute that tells the segment
    segments: int

    def place(self, keys: tuple[str, str], item: Item) -> tuple[int, Entry] | None:
        """Segment and entry of an item; None where it is not in the index."""
        if any(name not in item for name in self.needed):
            return None
        return self._segment(item), (*self.moment(item), *keys)

    def moment(self, item: Item) -> Entry:
        """What an index orders an item, or a start key, by."""
        return tuple(dynamodb._index_order_value(item, name, kind) for name, kind in self.order)

    def _segment(self, item: Item) -> int:
        if self.segments == 1:
            return 0
        value = str(dynamodb._extract_key_val(item.get(self.partition, {})))
        return int.from_bytes(sha1(value.encode()).digest()[:4], "big") % self.segments


Orders = dict[Way, dict[int, list[Entry]]]


def install() -> None:
    """Scan in kept orders, keep them at every write, and remember how expressions are read."""
    dynamodb._scan = _ordered(dynamodb._scan)
    dynamodb._set_item = _kept(dynamodb._set_item)
    dynamodb._remove_item = _kept(dynamodb._remove_item)
    tokens = lru_cache(EXPRESSIONS)(dynamodb._tokenize)
    dynamodb._tokenize = lambda expression: list(tokens(expression))
    dynamodb._condition_syntax_error = lru_cache(EXPRESSIONS)(dynamodb._condition_syntax_error)


def _ordered(scan: Callable[[dict], tuple]) -> Callable[[dict], tuple]:
    """MiniStack's sorts and copies the whole table; here it runs on an empty one, its page cut from a kept order."""

    def scanned(data: dict) -> tuple:
        def empty(name: str) -> Table | None:
            table = dynamodb._tables.get(name)
            return table and {**table, "items": {}, "whole": table}

        def page(_: list[Item], limit: int | None, table: Table, index: str | None) -> tuple[list[Item], bool]:
            return dynamodb._paginate_evaluated_items(_following(table["whole"], data), limit, table, index)

        own = {"_tables": SimpleNamespace(get=empty), "_paginate_evaluated_items": page}
        return FunctionType(scan.__code__, {**vars(dynamodb), **own})(data)

    return scanned


def _following(table: Table, data: dict) -> Iterator[Item]:
    """The items of the request's segment behind its start key."""
    way = _way(table, data)
    entries = _orders(table, way)[way].get(int(data.get("Segment") or 0), [])
    at = _behind(entries, table, way, data["ExclusiveStartKey"]) if data.get("ExclusiveStartKey") else 0
    while part := entries[at : at + AHEAD]:
        for *_, partition_key, sort_key in part:
            # Time to live, on a thread of its own, may have taken an item of the part meanwhile.
            item = table["items"].get(partition_key, {}).get(sort_key)
            if item is not None:
                yield item
        at = bisect_right(entries, part[-1])


def _way(table: Table, data: dict) -> Way:
    segments, index = int(data.get("TotalSegments") or 1), data.get("IndexName")
    if not index:
        return Way((), (), table["pk_name"], segments)
    partition, sort, _ = dynamodb._resolve_index_keys(table, index)
    hashes, ranges = dynamodb._index_key_lists(dynamodb._index_def(table, index))
    return Way(tuple(dynamodb._index_order_keys(table, ranges or sort)), (*hashes, *ranges), partition, segments)


def _behind(entries: list[Entry], table: Table, way: Way, start: Item) -> int:
    """Where a scan goes on: the place of the first entry behind a start key, whether its item is still there or not."""
    names = [name for name in (table["pk_name"], table["sk_name"]) if name]
    moment = way.moment(start) or tuple(dynamodb._extract_key_val(start[name]) for name in names)
    return bisect_right(entries, moment, key=lambda entry: entry[: len(moment)])


def _orders(table: Table, way: Way) -> Orders:
    """The table's orders, `way` among them; those used last are kept."""
    orders: Orders = dynamodb._index_members(table).setdefault(ORDERS, {})
    orders[way] = orders.pop(way, None) or _sorted(table, way)
    while len(orders) > REMEMBERED:
        del orders[next(iter(orders))]
    return orders


def _sorted(table: Table, way: Way) -> dict[int, list[Entry]]:
    segments = defaultdict(list)
    for partition_key, items in list(table["items"].items()):
        for sort_key, item in list(items.items()):
            if place := way.place((partition_key, sort_key), item):
                segments[place[0]].append(place[1])
    for entries in segments.values():
        entries.sort()
    return segments


def _kept(write: Callable[..., Item | None]) -> Callable[..., Item | None]:
    """MiniStack's writes an item; here its place in the kept orders is changed with it."""

    def written(table: Table, partition_key: str, sort_key: str, *new: Item) -> Item | None:
        old, keys = write(table, partition_key, sort_key, *new), (partition_key, sort_key)
        orders: Orders = (table.get(dynamodb._INDEX_MEMBERS) or {}).get(ORDERS, {})
        for way, segments in list(orders.items()):
            was, now = (way.place(keys, item) if item else None for item in (old, *new, None)[:2])
            if was != now:
                _move(segments, was, now)
        return old

    return written


def _move(segments: dict[int, list[Entry]], was: tuple[int, Entry] | None, now: tuple[int, Entry] | None) -> None:
    if was:
        entries, at, there = _found(segments, *was)
        if there:
            del entries[at]
    if now:
        entries, at, there = _found(segments, *now)
        if not there:
            entries.insert(at, now[1])


def _found(segments: dict[int, list[Entry]], segment: int, entry: Entry) -> tuple[list[Entry], int, bool]:
    """A segment's entries, the place of one among them, and whether it is there."""
    entries = segments[segment]
    at = bisect_left(entries, entry)
    return entries, at, entries[at : at + 1] == [entry]
