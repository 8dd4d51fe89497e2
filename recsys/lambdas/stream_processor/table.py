"""Profiles in DynamoDB: read up to 100 a request, written 25 a request, each on the condition that nobody else did.

UpdateItem takes one profile a request, and a batch of events may be of a hundred users. PartiQL's statements are as
conditional, cost the same, and travel 25 a request; each succeeds or fails alone. Whoever lost a race or was throttled
is read again, as long as there is time. A hundred profiles are written while the next hundred are read.
"""

import random
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..clock import Clock
from ..transient import TRANSIENT, is_transient
from .profile import Profile, Record, fold

READ_AT_ONCE = 100  # BatchGetItem takes at most 100 keys
WRITE_AT_ONCE = 25  # BatchExecuteStatement takes at most 25 statements
ATTEMPTS = 5  # for what DynamoDB leaves unread
THREADS = 4
FIRST_WAIT = 0.05  # seconds before a second attempt, at random; twice as long before each further one

OVERTAKEN = {"ConditionalCheckFailed", "DuplicateItem"}


class NotWritten(Exception):
    """A profile could not be written; the message says which, and DynamoDB's reason, its `code`."""

    def __init__(self, user: str, code: str) -> None:
        super().__init__(f"the profile of {user} was not written: {code}")
        self.code = code


class NotRead(Exception):
    """Profiles could not be read; the message says how many."""


class Profiles:
    """The profiles table; `days` is how long a profile lives after its last event."""

    def __init__(self, dynamodb: Any, table: str, days: int) -> None:
        self.dynamodb, self.table, self.days = dynamodb, table, days
        self.pool = ThreadPoolExecutor(THREADS)

    def take(self, records: Mapping[str, Sequence[Record]], clock: Clock) -> dict[str, Exception]:
        """Fold each user's records, oldest first, into the profile; returns the users that failed, and why.

        A user's records are taken all or none.
        """

        def attempt(users: Collection[str]) -> dict[str, Exception]:
            try:
                return self._take({user: records[user] for user in users})
            except (ClientError, BotoCoreError, NotRead) as error:
                return dict.fromkeys(users, error)

        return clock.retry(attempt, records, _is_retryable)

    def _take(self, records: Mapping[str, Sequence[Record]]) -> dict[str, Exception]:
        """One attempt: the users whose profile could not be written, and why."""
        writing: list[Future[dict[str, str]]] = []
        try:
            for users, before in self._read(sorted(records)):
                after = {user: fold(before.get(user, {}), records[user], self.days) for user in users}
                new = [(user, profile) for user, profile in after.items() if profile]
                writes = [(user, _statement(self.table, user, before.get(user), profile)) for user, profile in new]
                writing += [self.pool.submit(self._write, part) for part in _parts(writes, WRITE_AT_ONCE)]
        finally:
            wait(writing)  # where a read fails too: nothing goes on behind the function's answer
        return {user: NotWritten(user, code) for part in writing for user, code in part.result().items()}

    def _read(self, users: Sequence[str]) -> Iterator[tuple[Sequence[str], dict[str, Profile]]]:
        """The profiles that there are, of up to a hundred users at a time."""
        parts = _parts(users, READ_AT_ONCE)
        return zip(parts, self.pool.map(self._profiles, parts), strict=True)

    def _profiles(self, users: Sequence[str]) -> dict[str, Profile]:
        found: dict[str, Profile] = {}
        keys = [{"userId": {"S": user}} for user in users]
        for attempt in range(ATTEMPTS):
            _pause(attempt)
            answer = self.dynamodb.batch_get_item(RequestItems={self.table: {"Keys": keys, "ConsistentRead": True}})
            found |= {item["userId"]["S"]: item for item in answer["Responses"].get(self.table, [])}
            keys = answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
            if not keys:
                return found
        raise NotRead(f"{len(keys)} profiles were not read in {ATTEMPTS} attempts: DynamoDB left them unprocessed")

    def _write(self, writes: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, str]:
        answer = self.dynamodb.batch_execute_statement(Statements=[statement for _, statement in writes])
        outcomes = zip(writes, answer["Responses"], strict=True)
        return {user: outcome["Error"]["Code"] for (user, _), outcome in outcomes if "Error" in outcome}


def _pause(attempt: int) -> None:
    """Before each attempt but the first, at random, so that those who meet do not meet again."""
    if attempt:
        time.sleep(random.uniform(0, FIRST_WAIT * 2**attempt))


def _parts(entries: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [entries[begin : begin + size] for begin in range(0, len(entries), size)]


def _statement(table: str, user: str, before: Profile | None, after: Profile) -> dict[str, Any]:
    """What writes the folded attributes, unless the profile is no longer the one they were folded from."""
    if before is None:
        names = ", ".join(f"'{name}': ?" for name in after)
        text, values = f"INSERT INTO \"{table}\" VALUE {{'userId': ?, {names}}}", [{"S": user}, *after.values()]
    else:
        sets = " ".join(f'SET "{name}"=?' for name in after)
        same, version = ("=?", [before["version"]]) if "version" in before else (" IS MISSING", [])
        text = f'UPDATE "{table}" {sets} WHERE "userId"=? AND "version"{same}'
        values = [*after.values(), {"S": user}, *version]
    return {"Statement": text, "Parameters": values}


def _is_retryable(error: Exception) -> bool:
    """Whether a profile may be read or written later."""
    if isinstance(error, NotWritten):
        return error.code in OVERTAKEN | TRANSIENT
    return isinstance(error, NotRead) or is_transient(error)
