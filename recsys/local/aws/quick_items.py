"""DynamoDB's items copied and measured as fast as they can be.

Every write of MiniStack's copies the item twice with `copy.deepcopy`, which looks for what JSON never has (cycles,
classes), and works out its size by what no item has (bytes).
"""

import copy
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from ministack.services import dynamodb


def install() -> None:
    """Change how DynamoDB copies, and how it measures."""
    dynamodb.copy = SimpleNamespace(**{**vars(copy), "deepcopy": copied})
    dynamodb._attribute_value_size = sizes(
        dynamodb._attribute_value_size, lru_cache(10_000)(dynamodb._number_size_bytes)
    )


def copied(value: Any, memo: dict | None = None) -> Any:
    """A copy all the way down; what is neither dict, list nor immutable is left to `copy.deepcopy`."""
    kind = type(value)
    if kind is str:
        return value
    if kind is dict:
        return {key: copied(each) for key, each in value.items()}
    if kind is list:
        return [copied(each) for each in value]
    return value if kind in (bool, int, float, bytes, type(None)) else copy.deepcopy(value, memo)


def sizes(others: Callable[[dict], int], number: Callable[[str], int]) -> Callable[[dict], int]:
    """An attribute value's bytes as AWS counts them; `others` counts what is none of the common kinds."""

    def size(value: dict[str, Any]) -> int:
        if type(value) is not dict or len(value) != 1:
            return others(value)
        for kind, inside in value.items():
            if kind == "S" and type(inside) is str:
                return len(inside) if inside.isascii() else len(inside.encode())
            if kind == "N" and type(inside) is str:
                return number(inside)
            if kind == "M" and type(inside) is dict:
                return 3 + sum([1 + len(name.encode()) + size(each) for name, each in inside.items()])
            if kind == "L" and type(inside) is list:
                return 3 + sum([1 + size(each) for each in inside if type(each) is dict])
        return others(value)

    return size
