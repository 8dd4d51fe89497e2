"""What DynamoDB's tables were used for: AWS/DynamoDB's consumed capacity units, by TableName.

MiniStack works out units only for a request that asks for them, and records none. Here every read and write is
recorded: by MiniStack's own rule for single requests, by the number of their items for batches. Nothing throttles
here, so ReadThrottleEvents and WriteThrottleEvents have no data, as on AWS while nothing is throttled.
[Transactions and single PartiQL statements are not counted.]
"""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from ministack.services import cloudwatch, dynamodb

READ, WRITE = "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"


def install() -> None:
    """Count where single requests work out their units, and around the batches."""
    dynamodb._add_consumed_capacity = _single(dynamodb._add_consumed_capacity)
    dynamodb._batch_get_item = _batch(dynamodb._batch_get_item, READ, _keys)
    dynamodb._batch_write_item = _batch(dynamodb._batch_write_item, WRITE, len)
    dynamodb._batch_execute_statement = _statements(dynamodb._batch_execute_statement)


def _single(add: Callable[..., None]) -> Callable[..., None]:
    """MiniStack's works out units where they are asked for; here always, and they are recorded."""

    def added(result: dict, data: dict, name: str, write: bool = False, **items: Any) -> None:
        add(result, data, name, write=write, **items)
        told: dict[str, Any] = {}
        add(told, {**data, "ReturnConsumedCapacity": "TOTAL"}, name, write=write, **items)
        _record(name, WRITE if write else READ, told["ConsumedCapacity"]["CapacityUnits"])

    return added


def _batch(handle: Callable[[dict], tuple], metric: str, units: Callable[[Any], float]) -> Callable[[dict], tuple]:
    """MiniStack's records nothing; here each table's `units` of what was asked for."""

    def handled(data: dict) -> tuple:
        answer = handle(data)
        if answer[0] == 200:
            for name, asked in data["RequestItems"].items():
                _record(dynamodb._normalize_table_name(name), metric, units(asked))
        return answer

    return handled


def _statements(handle: Callable[[dict], tuple]) -> Callable[[dict], tuple]:
    """MiniStack's records nothing; here each table's number of statements that ran."""

    def handled(data: dict) -> tuple:
        answer = handle(data)
        if answer[0] == 200:
            reads = data["Statements"][0]["Statement"].lstrip().upper().startswith("SELECT")  # all are, or none
            ran = Counter(each["TableName"] for each in json.loads(answer[2])["Responses"] if "TableName" in each)
            for name, count in ran.items():
                _record(name, READ if reads else WRITE, count * (0.5 if reads else 1.0))
        return answer

    return handled


def _keys(asked: dict[str, Any]) -> float:
    return len(asked["Keys"]) * (1.0 if asked.get("ConsistentRead") else 0.5)


def _record(name: str, metric: str, units: float) -> None:
    cloudwatch.record_metric("AWS/DynamoDB", metric, units, "Count", {"TableName": name})
