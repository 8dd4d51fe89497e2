"""Items as JSON, as results tell them and as DynamoDB stores them.

Both are written for every user, and all but an item's score is the same whomever it is recommended to: that is made
into JSON once. Dicts for each value, and JSON of them in botocore, took most of the function's time.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from ..campaign import Item

DETAILS = ("title", "category", "price")  # null where they are not known
NAMES = ("itemId", *DETAILS)
REMEMBERED = 50_000  # items

encode = TypeSerializer().serialize


def told(items: Sequence[Item]) -> str:
    """A list of items as results have it."""
    return f"[{', '.join(map(_told, items))}]"


def stored(items: Sequence[Item]) -> str:
    """A list of items as an attribute value."""
    return f'{{"L": [{", ".join(map(_stored, items))}]}}'


def _told(item: Item) -> str:
    known = _known(*map(item.get, NAMES))
    return f'{known}, "score": {item["score"]!r}}}' if "score" in item else f"{known}}}"


def _stored(item: Item) -> str:
    known = _known_attributes(*map(item.get, NAMES))
    return f'{known}, "score": {{"N": "{item["score"]!r}"}}}}}}' if "score" in item else f"{known}}}}}"


@lru_cache(REMEMBERED, typed=True)
def _known(*details: Any) -> str:
    return json.dumps(dict(zip(NAMES, details, strict=True)))[:-1]


@lru_cache(REMEMBERED, typed=True)
def _known_attributes(*details: Any) -> str:
    values = {name: _value(value) for name, value in zip(NAMES, details, strict=True)}
    return json.dumps({"M": values})[:-2]


def _value(value: Any) -> dict[str, Any]:
    return {"N": repr(value)} if type(value) is float else encode(value)
