"""Profiles in DynamoDB: the active users, and their recommendations written 25 a call.

BatchWriteItem would be the batch of writes one thinks of first, but it can only replace a profile, and with it the
events that the stream processor folded in since it was read. PartiQL's UPDATE sets the attributes it names and leaves
the others, `version` among them, so that neither writer is in the other's way. It never creates an item: of a user
whose profile expired meanwhile it answers ConditionalCheckFailed.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from ..campaign import Item
from ..clock import Clock
from ..transient import TRANSIENT, is_transient
from .statements import statement, take_text
from .texts import encode, stored

WRITE_AT_ONCE = 25  # BatchExecuteStatement takes at most 25 statements

EXPIRED = "ConditionalCheckFailed"

Key = dict[str, Any]
Users = Mapping[str, Sequence[dict[str, Any]]]  # id -> last events, newest first: itemId, timestamp in epoch seconds


class NoTable(Exception):
    """The profiles table does not exist."""


class Profiles:
    """The profiles table, of which those with an event since `since` (epoch seconds) are active.

    With `events` a profile's last ones are read too: a Scan costs what the profiles weigh, whatever it tells of them.
    It looks at `at_once` profiles, or at a megabyte of them.
    """

    def __init__(self, dynamodb: Any, table: str, since: int, events: bool = False, at_once: int = 100) -> None:
        self.dynamodb, self.table, self.since = dynamodb, table, since
        self.events, self.at_once = events, at_once
        take_text(dynamodb)

    def page(self, segment: int, segments: int, key: Key | None, clock: Clock) -> tuple[Users, Key | None]:
        """Active users among the next profiles of a segment, and the key to go on from, None at its end.

        Their events are empty where they are not read. Raises NoTable, OutOfTime, and ClientError where the table goes
        on refusing.
        """
        failure: Exception = RuntimeError("not asked")
        for _ in clock.attempts():
            try:
                answer = self._scan(segment, segments, key)
                return dict(map(_user, answer["Items"])), answer.get("LastEvaluatedKey")
            except self.dynamodb.exceptions.ResourceNotFoundException as error:
                raise NoTable(f"there is no table {self.table}") from error
            except ClientError as error:
                if not is_transient(error):
                    raise
                failure = error
        raise failure

    def write(self, items: Mapping[str, Sequence[Item]], source: str, clock: Clock) -> dict[str, str]:
        """Write each user's items into the profile; returns who could not be written, and DynamoDB's code for why.

        The code is EXPIRED where there is no profile any more. Raises OutOfTime, and ClientError where the table
        refuses every write.
        """
        refused, users = {}, list(items)
        for begin in range(0, len(users), WRITE_AT_ONCE):
            waiting = dict.fromkeys(users[begin : begin + WRITE_AT_ONCE], "")
            for _ in clock.attempts():
                outcomes = self._update({user: items[user] for user in waiting}, source)
                refused |= {user: code for user, code in outcomes.items() if code not in TRANSIENT}
                waiting = {user: code for user, code in outcomes.items() if code in TRANSIENT}
                if not waiting:
                    break
            refused |= waiting
        return refused

    def _scan(self, segment: int, segments: int, key: Key | None) -> dict[str, Any]:
        return self.dynamodb.scan(
            TableName=self.table,
            Segment=segment,
            TotalSegments=segments,
            Limit=self.at_once,
            ProjectionExpression="userId, lastItems" if self.events else "userId",
            FilterExpression="lastEventAt >= :since",
            ExpressionAttributeValues={":since": encode(self.since)},
            **({"ExclusiveStartKey": key} if key else {}),
        )

    def _update(self, items: Mapping[str, Sequence[Item]], source: str) -> dict[str, str]:
        """The users not written, and the error's code."""
        text = f'UPDATE "{self.table}" SET recommendations=? SET recommendedAt=? SET recommendedBy=? WHERE userId=?'
        same = [json.dumps(encode(value)) for value in (int(time.time()), source)]
        statements = (
            statement(json.dumps(text), (stored(best), *same, json.dumps({"S": user}))) for user, best in items.items()
        )
        try:
            answers = self.dynamodb.batch_execute_statement(Statements=f"[{', '.join(statements)}]")["Responses"]
        except ClientError as error:
            if is_transient(error):
                return dict.fromkeys(items, "ThrottlingError")
            raise
        outcomes = zip(items, answers, strict=True)
        return {user: answer["Error"]["Code"] for user, answer in outcomes if "Error" in answer}


def _user(item: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Id and last events of a profile as DynamoDB tells it; what lacks an item or a time is no event."""
    entries = (entry.get("M", {}) for entry in item.get("lastItems", {}).get("L", []))
    return item["userId"]["S"], [
        {"itemId": entry["itemId"]["S"], "timestamp": float(entry["timestamp"]["N"])}
        for entry in entries
        if "itemId" in entry and "timestamp" in entry
    ]
