"""DynamoDB's items are what they should be although updates share with them what they leave alone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def run(client: Callable[[str], Any]) -> Iterator[Callable[..., Any]]:
    """`run(text, *parameters)`: runs a statement on the table "quick", which has one item, "x"."""
    dynamodb, key = client("dynamodb"), {"AttributeName": "id"}
    dynamodb.create_table(
        TableName="quick",
        KeySchema=[{**key, "KeyType": "HASH"}],
        AttributeDefinitions=[{**key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="quick", Item={"id": {"S": "x"}, "list": {"L": [{"N": "1"}]}, "version": {"N": "1"}})
    yield lambda text, *parameters: dynamodb.execute_statement(Statement=text, **_given(parameters))["Items"]
    dynamodb.delete_table(TableName="quick")


def _given(parameters: tuple[Any, ...]) -> dict[str, Any]:
    return {"Parameters": list(parameters)} if parameters else {}


def test_an_item_that_shares_with_the_one_before_it_is_changed_alone(run: Callable[..., Any]) -> None:
    run('UPDATE "quick" SET version=? WHERE id=?', {"N": "2"}, {"S": "x"})
    run('UPDATE "quick" SET list[0]=? WHERE id=?', {"N": "9"}, {"S": "x"})
    (before,) = run('UPDATE "quick" SET list[0]=? WHERE id=? RETURNING ALL OLD *', {"N": "5"}, {"S": "x"})
    (after,) = run('SELECT * FROM "quick" WHERE id=?', {"S": "x"})
    assert (before["list"], after["list"]) == ({"L": [{"N": "9"}]}, {"L": [{"N": "5"}]})
    assert after["version"] == {"N": "2"}


def test_two_items_given_a_literal_by_the_same_statement_do_not_share_it(run: Callable[..., Any]) -> None:
    for name in ("a", "b"):
        run("INSERT INTO \"quick\" VALUE {'id': ?, 'list': [1]}", {"S": name})
    run('UPDATE "quick" SET list[0]=? WHERE id=?', {"N": "9"}, {"S": "a"})
    assert run("SELECT * FROM \"quick\" WHERE id='b'")[0]["list"] == {"L": [{"N": "1"}]}


def test_an_update_beyond_400_kb_is_refused(run: Callable[..., Any]) -> None:
    with pytest.raises(ClientError, match="Item size to update has exceeded the maximum allowed size"):
        run('UPDATE "quick" SET text=? WHERE id=?', {"S": "x" * 410_000}, {"S": "x"})
    assert "text" not in run("SELECT * FROM \"quick\" WHERE id='x'")[0]


def test_an_attribute_that_was_replaced_weighs_no_more(run: Callable[..., Any]) -> None:
    for name, length in (("a", 300_000), ("a", 1), ("b", 300_000)):
        run(f'UPDATE "quick" SET {name}=? WHERE id=?', {"S": "x" * length}, {"S": "x"})
    with pytest.raises(ClientError, match="Item size to update has exceeded the maximum allowed size"):
        run('UPDATE "quick" SET a=? WHERE id=?', {"S": "x" * 300_000}, {"S": "x"})
