"""Items and statements written as JSON by hand are what JSON's own writer makes of them."""

import json
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from recsys.lambdas.batch_processor.statements import statement
from recsys.lambdas.batch_processor.texts import stored, told
from recsys.lambdas.campaign import Item

ITEMS: list[Item] = [
    {"itemId": 'a"\\', "title": "Größe {0} %s", "category": "c", "price": 1.5, "score": 0.1234567890123},
    {"itemId": "b", "title": None, "category": None, "price": None, "score": 1e-07},
    {"itemId": "b", "title": "\n", "category": "", "price": 1, "score": 2},
    {"itemId": "b", "title": "\n", "category": "", "price": 1.0},
]


def test_a_list_is_told_as_it_is() -> None:
    assert json.loads(told(ITEMS)) == ITEMS
    assert told([]) == "[]"


def test_what_is_not_known_of_an_item_is_null() -> None:
    unknown = {"title": None, "category": None, "price": None}
    assert json.loads(told([{"itemId": "a", "score": 0.5}])) == [{"itemId": "a", **unknown, "score": 0.5}]


def as_read(value: Any) -> Any:
    return Decimal(repr(value)) if isinstance(value, int | float) else value


@pytest.mark.parametrize("items", [ITEMS, []])
def test_a_list_is_read_as_it_was_stored(items: list[Item]) -> None:
    read = TypeDeserializer().deserialize(json.loads(stored(items)))
    assert read == [{name: as_read(value) for name, value in item.items()} for item in items]


def test_a_statement_has_its_parameters_in_order() -> None:
    parameters = [TypeSerializer().serialize(value) for value in ("it's", 'a "name"', 7)]
    text = 'UPDATE "t" SET a=? SET b=? WHERE c=?'
    made = statement(json.dumps(text), map(json.dumps, parameters))
    assert json.loads(made) == {"Statement": text, "Parameters": parameters}
