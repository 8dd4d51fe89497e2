"""DynamoDB's items copied, measured and projected as fast as they can be.

Every write of MiniStack's copies the item twice with `copy.deepcopy`, which looks for what JSON never has (cycles,
classes), and works out its size by what no item has (bytes). Every scan measures all items of its page anew. Here a
stored item remembers what its attributes weigh: state/changed_items.py says why it may, and a copy forgets.
"""

import copy
import re
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from ministack.services import dynamodb

PLAIN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]{1,3})?")  # numbers that nothing is wrong with
WHOLE = re.compile(r"[\w\s,]+")  # a projection of whole attributes, none of them by an alias
PROJECTIONS = 256  # remembered

Item = dict[str, Any]

measured: dict[int, tuple[Any, int]] = {}  # by id: values on their way into an item, and their bytes


class Uncommon(Exception):
    """A value that only MiniStack itself can judge."""


class Weighed(dict):
    """A stored item, and the bytes of those attributes that were measured."""

    __slots__ = ("sizes",)

    def __init__(self, item: Item) -> None:
        super().__init__(item)
        self.sizes: dict[str, int] = dict(item.sizes) if type(item) is Weighed else {}

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self.sizes.pop(name, None)


def install() -> None:
    """Change how DynamoDB copies, measures and projects."""
    dynamodb.copy = copying
    dynamodb._attribute_value_size = sizes(dynamodb._attribute_value_size)
    dynamodb._item_size_bytes = _of_item(dynamodb._item_size_bytes)
    dynamodb._set_item = _weighed(dynamodb._set_item)
    dynamodb._project_item = projected(dynamodb._project_item)


def copied(value: Any, memo: dict | None = None) -> Any:
    """A copy all the way down; what is neither dict, list nor immutable is left to `copy.deepcopy`."""
    kind = type(value)
    if kind is str:
        return value
    if kind is dict or kind is Weighed:
        return {key: copied(each) for key, each in value.items()}
    if kind is list:
        return [copied(each) for each in value]
    return value if kind in (bool, int, float, bytes, type(None)) else copy.deepcopy(value, memo)


# What DynamoDB has for the module `copy` here. Only this may be changed: `copy.deepcopy` itself is everybody's.
copying = SimpleNamespace(**{**vars(copy), "deepcopy": copied})


def sizes(others: Callable[[Item], int]) -> Callable[[Item], int]:
    """An attribute value's bytes as AWS counts them; `others` counts what is none of the common kinds."""

    def size(value: Item) -> int:
        try:
            return weight(value)
        except Uncommon:
            return others(value)

    return size


def weight(value: Any, level: int = 1) -> int:
    """An attribute value's bytes; raises Uncommon where it is not sure that there is nothing wrong with it."""
    if type(value) is not dict or len(value) != 1 or level > dynamodb._DDB_MAX_NESTING_DEPTH:
        raise Uncommon
    ((kind, inside),) = value.items()
    if kind == "S" and type(inside) is str:
        return _length(inside)
    if kind == "N" and type(inside) is str:
        return _digits(inside)
    if kind == "M" and type(inside) is dict:
        total = 3 + len(inside)
        for name, each in inside.items():
            total += _length(name) + weight(each, level + 1)
        return total
    if kind == "L" and type(inside) is list:
        total = 3 + len(inside)
        for each in inside:
            total += weight(each, level + 1)
        return total
    if kind in ("BOOL", "NULL"):
        return 1
    raise Uncommon


def _digits(number: str) -> int:
    negative = number.startswith("-")
    whole, _, fraction = number[negative:].partition(".")
    if whole.isdecimal() and fraction.isdecimal() and number.isascii():
        whole, fraction = whole.lstrip("0"), fraction.rstrip("0")
        if fraction and whole:  # two digits a byte on each side of the point
            return 1 + negative + (len(whole) + 1) // 2 + (len(fraction) + 1) // 2
        if fraction:  # and none for pairs of zeros behind the point
            return 1 + negative + (len(fraction.lstrip("0")) + len(fraction) % 2 + 1) // 2
    elif not PLAIN.fullmatch(number):
        raise Uncommon
    return dynamodb._number_size_bytes(number)


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _of_item(others: Callable[[Item], int]) -> Callable[[Item], int]:
    """MiniStack's measures an item anew each time; here a stored one remembers what its attributes weigh."""

    def size(item: Item) -> int:
        if type(item) is not Weighed:
            return others(item)
        known = item.sizes
        if len(known) < len(item):
            for name in item.keys() - known.keys():
                value = item[name]
                told, weighs = measured.get(id(value), (None, 0))
                known[name] = _length(name) + (weighs if told is value else dynamodb._attribute_value_size(value))
        return sum(known.values())

    return size


def _weighed(write: Callable[..., Item | None]) -> Callable[..., Item | None]:
    """MiniStack's stores the dict it is given; here one that remembers."""

    def written(table: Item, partition_key: str, sort_key: str, item: Item) -> Item | None:
        return write(table, partition_key, sort_key, item if type(item) is Weighed else Weighed(item))

    return written


def projected(project: Callable[..., Item]) -> Callable[..., Item]:
    """What a projection leaves of an item; `project` judges its text, and those that name parts or use aliases."""

    @lru_cache(PROJECTIONS)
    def names(expression: str) -> list[str]:
        project({}, expression, {})
        return [name.strip() for name in expression.split(",") if name.strip()]

    def left(item: Item, expression: str, aliases: Item | None) -> Item:
        if not expression or not WHOLE.fullmatch(expression):
            return project(item, expression, aliases)
        return {name: item[name] for name in names(expression) if name in item}

    return left
