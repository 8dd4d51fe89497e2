"""The event log as jobs in the worker read it, while the server writes."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from recsys.local.shared.store import read_only

Row = tuple[Any, ...]
RECORDS = "SELECT id, document FROM records WHERE dataset = ?"


def query(events: str, statement: str, of: str | None) -> list[Row]:
    """Rows of the event log for one group or dataset. events: the file."""
    with closing(read_only(events)) as connection:
        return connection.execute(statement, (of,)).fetchall()


def newest(events: str, group: str) -> dict[str, int | None]:
    """How far a group's events and action events reach: the number of the last of each. events: the file."""
    last = "SELECT max(number) FROM {} WHERE dataset_group = ?"
    return {table: query(events, last.format(table), group)[0][0] for table in ("events", "action_events")}


def owned(rows: Sequence[Row]) -> list[Row]:
    """Rows (session, user or None, ...), oldest first, as (owner, ...): whose history each is part of, as in `Live`.

    An event without a user is its session's user's of that moment, else the first one's that the session gets, else it
    stays the session's own.

    >>> owned([("s", None, 1), ("s", "u", 2), ("s", None, 3), ("s", "v", 4), ("s", None, 5), ("t", None, 6)])
    [('u', 1), ('u', 2), ('u', 3), ('v', 4), ('v', 5), ('t', 6)]
    """
    owners: list[str] = []
    user_of: dict[str, str] = {}
    waiting: dict[str, list[int]] = defaultdict(list)
    for place, (session, user, *_) in enumerate(rows):
        if user:
            user_of[session] = user
            for earlier in waiting.pop(session, ()):
                owners[earlier] = user
        elif session not in user_of:
            waiting[session].append(place)
        owners.append(user_of.get(session, session))
    return [(owner, *more) for owner, (_, _, *more) in zip(owners, rows, strict=True)]
