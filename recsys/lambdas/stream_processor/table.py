"""Profiles in DynamoDB: read up to 100 a request, written 25 a request, each on the condition that nobody else did.

UpdateItem takes one profile a request, and a batch of events may be of a hundred users. PartiQL's statements are as
conditional, cost the same, and travel 25 a request; each succeeds or fails alone. Whoever lost a race is read again.
"""

import random
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

from ..transient import TRANSIENT
from .profile import Profile, Record, fold

READ_AT_ONCE = 100  # BatchGetItem takes at most 100 keys
WRITE_AT_ONCE = 25  # BatchExecuteStatement takes at most 25 statements
ATTEMPTS = 5  # for a profile that another shard's events change at the same moment, or that is throttled
THREADS = 4
FIRST_WAIT = 0.05  # seconds before a second attempt, at random; twice as long before each further one

OVERTAKEN = {"ConditionalCheckFailed", "DuplicateItem"}

encode = TypeSerializer().serialize
decode = TypeDeserializer().deserialize


class NotWritten(Exception):
    """A profile could not be written; the message says which, and DynamoDB's reason."""


class Profiles:
    """The profiles table; `days` is how long a profile lives after its last event."""

    def __init__(self, dynamodb: Any, table: str, days: int) -> None:
        self.dynamodb, self.table, self.days = dynamodb, table, days
        self.pool = ThreadPoolExecutor(THREADS)

    def take(self, records: Mapping[str, Sequence[Record]]) -> dict[str, Exception]:
        """Fold each user's records, oldest first, into the profile; returns the users that failed, and why.

        A user's records are taken all or none.
        """
        failed: dict[str, Exception] = {}
        waiting = list(records)
        for attempt in range(ATTEMPTS):
            if not waiting:
                break
            if attempt:
                time.sleep(random.uniform(0, FIRST_WAIT * 2**attempt))
            try:
                refused = self._take({user: records[user] for user in waiting})
            except (ClientError, BotoCoreError) as error:
                return failed | dict.fromkeys(waiting, error)
            waiting = [user for user, code in refused.items() if code in OVERTAKEN | TRANSIENT]
            failed |= {user: _reason(user, code) for user, code in refused.items() if user not in waiting}
        return failed | {user: _reason(user, f"{ATTEMPTS} attempts, the last: {refused[user]}") for user in waiting}

    def _take(self, records: Mapping[str, Sequence[Record]]) -> dict[str, str]:
        """One attempt: the users whose profile could not be written, and DynamoDB's code for why."""
        before = self._read(sorted(records))
        after = {user: fold(before.get(user, {}), each, self.days) for user, each in records.items()}
        writes = {user: _statement(self.table, user, before.get(user), new) for user, new in after.items() if new}
        return self._write(writes)

    def _write(self, writes: Mapping[str, dict[str, Any]]) -> dict[str, str]:
        def written(users: Sequence[str]) -> dict[str, str]:
            answer = self.dynamodb.batch_execute_statement(Statements=[writes[user] for user in users])
            outcomes = zip(users, answer["Responses"], strict=True)
            return {user: outcome["Error"]["Code"] for user, outcome in outcomes if "Error" in outcome}

        users = list(writes)
        parts = [users[begin : begin + WRITE_AT_ONCE] for begin in range(0, len(users), WRITE_AT_ONCE)]
        return {user: code for refused in self.pool.map(written, parts) for user, code in refused.items()}

    def _read(self, users: Sequence[str]) -> dict[str, Profile]:
        found: dict[str, Profile] = {}
        waiting = [{"userId": encode(user)} for user in users]
        while waiting:
            keys, waiting = waiting[:READ_AT_ONCE], waiting[READ_AT_ONCE:]
            request = {self.table: {"Keys": keys, "ConsistentRead": True}}
            answer = self.dynamodb.batch_get_item(RequestItems=request)
            for item in answer["Responses"].get(self.table, []):
                profile = {name: decode(value) for name, value in item.items()}
                found[profile["userId"]] = profile
            waiting += answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
        return found


def _statement(table: str, user: str, before: Profile | None, after: Profile) -> dict[str, Any]:
    """What writes the folded attributes, unless the profile is no longer the one they were folded from."""
    if before is None:
        names = ", ".join(f"'{name}': ?" for name in after)
        text, values = f"INSERT INTO \"{table}\" VALUE {{'userId': ?, {names}}}", [user, *after.values()]
    else:
        sets = " ".join(f'SET "{name}"=?' for name in after)
        same, version = ("=?", [before["version"]]) if "version" in before else (" IS MISSING", [])
        text = f'UPDATE "{table}" {sets} WHERE "userId"=? AND "version"{same}'
        values = [*after.values(), user, *version]
    return {"Statement": text, "Parameters": [encode(value) for value in values]}


def _reason(user: str, code: str) -> NotWritten:
    return NotWritten(f"the profile of {user} was not written: {code}")
