"""Scans of tables in pages and segments, while others write."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

INDEX = "by-shop"


@pytest.fixture
def dynamodb(client: Callable[[str], Any]) -> Any:
    return client("dynamodb")


@pytest.fixture
def table(dynamodb: Any) -> Iterator[str]:
    """An empty table with an index, removed at the end."""
    name = f"scans-{time.monotonic_ns()}"
    create(dynamodb, name)
    yield name
    dynamodb.delete_table(TableName=name)


def create(dynamodb: Any, name: str) -> None:
    key, shop, at = ({"AttributeName": name} for name in ("userId", "shop", "at"))
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{**key, "KeyType": "HASH"}],
        AttributeDefinitions=[
            {**key, "AttributeType": "S"},
            {**shop, "AttributeType": "S"},
            {**at, "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": [{**shop, "KeyType": "HASH"}, {**at, "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def put(dynamodb: Any, table: str, users: Any, **more: Any) -> None:
    users = list(users)
    for begin in range(0, len(users), 25):
        items = [{"userId": {"S": user}, **more} for user in users[begin : begin + 25]]
        dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]})


def delete(dynamodb: Any, table: str, user: str) -> None:
    dynamodb.delete_item(TableName=table, Key={"userId": {"S": user}})


def pages(dynamodb: Any, table: str, **options: Any) -> Iterator[dict[str, Any]]:
    """The pages of a scan, one after the other."""
    start: dict[str, Any] = {}
    while True:
        page = dynamodb.scan(TableName=table, **options, **start)
        yield page
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def told(dynamodb: Any, table: str, **options: Any) -> list[str]:
    """The users of all pages."""
    return [item["userId"]["S"] for page in pages(dynamodb, table, **options) for item in page["Items"]]


def segments(dynamodb: Any, table: str, total: int, **options: Any) -> list[list[str]]:
    """The users of each segment."""
    return [told(dynamodb, table, Segment=each, TotalSegments=total, **options) for each in range(total)]


def together(parts: list[list[str]]) -> list[str]:
    return sorted(user for part in parts for user in part)


def many(name: str, count: int) -> list[str]:
    return [f"{name}-{number:04}" for number in range(count)]


def test_each_item_is_in_one_segment(dynamodb: Any, table: str) -> None:
    put(dynamodb, table, many("user", 100))
    for total in (1, 2, 3, 5, 7):  # more ways to scan than are remembered
        parts = segments(dynamodb, table, total, Limit=9)
        assert together(parts) == many("user", 100)
        assert all(parts)


def test_more_segments_than_items_leave_some_empty(dynamodb: Any, table: str) -> None:
    put(dynamodb, table, ["alone"])
    assert together(segments(dynamodb, table, 50)) == ["alone"]


def test_what_is_written_between_two_pages_disturbs_no_other_item(dynamodb: Any, table: str) -> None:
    kept, gone = many("kept", 40), many("gone", 40)
    put(dynamodb, table, [*kept, *gone])
    found = []
    for number, page in enumerate(pages(dynamodb, table, Limit=7)):
        found += [item["userId"]["S"] for item in page["Items"]]
        put(dynamodb, table, [f"a-{number}", f"kept-{number:04}-new", f"z-{number}"])
        if gone:
            delete(dynamodb, table, gone.pop())
            delete(dynamodb, table, gone.pop(0))
    assert len(found) == len(set(found))
    assert set(kept) <= set(found)
    assert sorted(told(dynamodb, table, Limit=7)) == sorted(told(dynamodb, table))


def test_segments_read_while_others_write_lose_and_double_nobody(dynamodb: Any, table: str) -> None:
    kept = many("kept", 120)
    put(dynamodb, table, kept)
    told(dynamodb, table, Segment=0, TotalSegments=4)
    ended = threading.Event()

    def write() -> None:
        for number in range(10_000):
            if ended.is_set():
                return
            put(dynamodb, table, [f"kept-{number % 120:04}", f"new-{number}"], at={"N": str(number)})
            delete(dynamodb, table, f"new-{number - 1}")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = together(segments(dynamodb, table, 4, Limit=5))
    finally:
        ended.set()
        writer.join()
    assert [user for user in found if user in kept] == kept


def test_a_scan_goes_on_behind_a_key_whose_item_is_gone(dynamodb: Any, table: str) -> None:
    put(dynamodb, table, many("user", 6))
    first = dynamodb.scan(TableName=table, Limit=3)
    last = first["LastEvaluatedKey"]
    delete(dynamodb, table, last["userId"]["S"])
    rest = dynamodb.scan(TableName=table, ExclusiveStartKey=last)
    assert sorted(item["userId"]["S"] for item in first["Items"] + rest["Items"]) == many("user", 6)


def test_a_page_ends_at_its_limit_and_after_one_megabyte(dynamodb: Any, table: str) -> None:
    for user in many("big", 5):
        put(dynamodb, table, [user], text={"S": "x" * 300_000})
    read = {"FilterExpression": "attribute_exists(shop)", "ReturnConsumedCapacity": "TOTAL"}
    told = [(page["Count"], page["ScannedCount"]) for page in pages(dynamodb, table, **read)]
    assert told == [(0, 3), (0, 2)]
    assert [page["ScannedCount"] for page in pages(dynamodb, table, Limit=2)] == [2, 2, 1]
    assert dynamodb.scan(TableName=table, Select="COUNT", Limit=1)["Count"] == 1


def test_a_page_of_just_the_last_items_tells_a_key_to_go_on(dynamodb: Any, table: str) -> None:
    put(dynamodb, table, many("user", 4))
    assert [page["Count"] for page in pages(dynamodb, table, Limit=2)] == [2, 2, 0]  # AWS does not look ahead


def test_filter_and_projection_are_those_of_the_moment(dynamodb: Any, table: str) -> None:
    put(dynamodb, table, ["old", "new"], at={"N": "1"})
    read = {"FilterExpression": "#at > :at", "ExpressionAttributeNames": {"#at": "at"}, "ProjectionExpression": "#at"}
    read["ExpressionAttributeValues"] = {":at": {"N": "5"}}
    assert dynamodb.scan(TableName=table, **read)["Items"] == []
    put(dynamodb, table, ["new"], at={"N": "9"})
    assert dynamodb.scan(TableName=table, **read)["Items"] == [{"at": {"N": "9"}}]


def test_an_index_is_scanned_in_its_order_and_follows_every_write(dynamodb: Any, table: str) -> None:
    for at, user in ((30, "c"), (4, "a"), (200, "b")):
        put(dynamodb, table, [user], shop={"S": "s"}, at={"N": str(at)}, text={"S": "not projected"})
    put(dynamodb, table, ["in no index"])
    assert told(dynamodb, table, IndexName=INDEX, Limit=1) == ["a", "c", "b"]
    put(dynamodb, table, ["a"], shop={"S": "t"}, at={"N": "100"})
    put(dynamodb, table, ["b"])
    assert told(dynamodb, table, IndexName=INDEX, Limit=1) == ["c", "a"]
    parts = segments(dynamodb, table, 9, IndexName=INDEX)
    put(dynamodb, table, ["a"], shop={"S": "s"}, at={"N": "100"})
    moved = segments(dynamodb, table, 9, IndexName=INDEX)
    assert together(parts) == together(moved) == ["a", "c"]
    assert ["c", "a"] in moved  # one shop, one segment


def test_a_transaction_taken_back_leaves_the_scan_as_it_was(dynamodb: Any, table: str) -> None:
    put(dynamodb, table, ["there"])
    insert = {"Statement": f"INSERT INTO \"{table}\" VALUE {{'userId':?}}"}
    users = [{**insert, "Parameters": [{"S": user}]} for user in ("new", "there")]
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.execute_transaction(TransactStatements=users)
    assert told(dynamodb, table, Limit=1) == ["there"]
