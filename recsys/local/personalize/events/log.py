"""PutEvents, PutItems, PutUsers: on disk before they are acknowledged, in memory before the next request is answered.

One thread writes; what waits when it turns round is committed together, so a burst costs few disk flushes. Events of
a session without a user belong to the session; a later event that carries both ids gives them to the user.
"""

import json
import queue
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recsys.local.personalize.control.store import connect

TABLES = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset_group TEXT NOT NULL,
    session TEXT NOT NULL,
    user TEXT,
    item TEXT,
    type TEXT NOT NULL,
    value REAL,
    sent REAL NOT NULL,
    event_id TEXT,
    more TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS events_once ON events (dataset_group, event_id) WHERE event_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS records (
    dataset TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (dataset, id)
);
"""
INSERT = """
INSERT OR IGNORE INTO events (dataset_group, session, user, item, type, value, sent, event_id, more)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
# An event without a user goes with the user whose session it belongs to.
DELETE_USERS = """
DELETE FROM events WHERE dataset_group = :group AND (
    user IN (SELECT id FROM gone) OR (user IS NULL AND session IN (
        SELECT id FROM gone
        UNION SELECT session FROM events WHERE dataset_group = :group AND user IN (SELECT id FROM gone)
    ))
)
"""
BATCH = 512

Event = tuple[float, str, str, float | None]  # sent at (epoch seconds), item, type, value


@dataclass
class Live:
    """The events of one dataset group, by user; those of sessions without a user by session."""

    histories: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    user_of: dict[str, str] = field(default_factory=dict)

    def apply(self, session: str, user: str | None, event: Event | None) -> None:
        if user and self.user_of.get(session) != user:
            self.user_of[session] = user
            if session != user and session in self.histories:
                joined = self.histories[user] + self.histories.pop(session)
                self.histories[user] = sorted(joined, key=lambda each: each[0])
        key = user or self.user_of.get(session, session)
        if event is None:
            return
        history = self.histories[key]
        if history and history[-1][0] > event[0]:
            self.histories[key] = sorted([*history, event], key=lambda each: each[0])
        else:
            history.append(event)


class EventLog:
    """All events and individually imported records, durable and in memory."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
        self._db.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, not only forgotten
        self._db.executescript(TABLES)
        self.live: dict[str, Live] = defaultdict(Live)
        self.records: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.lock = threading.Lock()  # held while records change or are copied
        self.on_record: Callable[[str, str, dict[str, Any]], None] = lambda dataset, key, document: None
        self._load()
        self._queue: queue.SimpleQueue[tuple[Callable[[], Callable[[], Any]], Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="personalize-events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join(timeout=10)
        self._db.close()

    def put_events(self, group: str, session: str, user: str | None, events: list[dict[str, Any]]) -> Future[None]:
        """Resolved when the events are on disk and in memory. An eventId seen before in the group is dropped."""

        def write() -> Callable[[], None]:
            new = [event for event in events if self._insert(group, session, user, event)]
            return lambda: self._remember(group, session, user, new)

        return self._submit(write)

    def put_records(self, dataset: str, records: dict[str, dict[str, Any]]) -> Future[None]:
        """Items or users by id; a later record of an id takes the place of the earlier one."""

        def write() -> Callable[[], None]:
            rows = [(dataset, key, json.dumps(document)) for key, document in records.items()]
            self._db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", rows)
            return lambda: self._keep(dataset, records)

        return self._submit(write)

    def forget(self, group: str | None = None, dataset: str | None = None) -> Future[None]:
        """Delete a group's events or a dataset's records."""

        def write() -> Callable[[], None]:
            self._db.execute("DELETE FROM events WHERE dataset_group = ?", (group,))
            self._db.execute("DELETE FROM records WHERE dataset = ?", (dataset,))
            return lambda: (self.live.pop(group, None), self.records.pop(dataset, None))

        return self._submit(write)

    def delete_users(self, group: str, dataset: str, users: list[str]) -> Future[None]:
        """Delete users' events from a group, and their records from its Users dataset."""

        def write() -> Callable[[], None]:
            self._db.execute("CREATE TEMP TABLE gone (id TEXT PRIMARY KEY)")
            self._db.executemany("INSERT OR IGNORE INTO gone VALUES (?)", [(user,) for user in users])
            self._db.execute(DELETE_USERS, {"group": group})
            self._db.execute("DELETE FROM records WHERE dataset = ? AND id IN (SELECT id FROM gone)", (dataset,))
            self._db.execute("DROP TABLE gone")
            return lambda: self._forget_users(group, dataset, users)

        return self._submit(write)

    def _submit(self, write: Callable[[], Callable[[], Any]]) -> Future[None]:
        future: Future[None] = Future()
        self._queue.put((write, future))
        return future

    def _write(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            while len(batch) < BATCH and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    self._queue.put(None)
                    break
                batch.append(following)
            self._commit(batch)

    def _commit(self, batch: list[tuple[Callable[[], Callable[[], Any]], Future[Any]]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            applied = [write() for write, _ in batch]
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            for _, future in batch:
                future.set_exception(error)
            return
        for apply, (_, future) in zip(applied, batch, strict=True):
            apply()
            future.set_result(None)

    def _insert(self, group: str, session: str, user: str | None, event: dict[str, Any]) -> bool:
        kept = ("recommendationId", "impression", "properties", "metricAttribution")
        more = {name: event[name] for name in kept if name in event}
        columns = (event.get("itemId"), event["eventType"], event.get("eventValue"), event["sentAt"])
        row = (group, session, user, *columns, event.get("eventId"), json.dumps(more))
        return self._db.execute(INSERT, row).rowcount == 1

    def _remember(self, group: str, session: str, user: str | None, events: list[dict[str, Any]]) -> None:
        live = self.live[group]
        for event in events:
            item = event.get("itemId")
            known = (event["sentAt"], item, event["eventType"], event.get("eventValue")) if item else None
            live.apply(session, user, known)

    def _keep(self, dataset: str, records: dict[str, dict[str, Any]]) -> None:
        with self.lock:
            self.records[dataset].update(records)
            for key, document in records.items():
                self.on_record(dataset, key, document)

    def _forget_users(self, group: str, dataset: str, users: list[str]) -> None:
        with self.lock:
            for user in users:
                self.records[dataset].pop(user, None)
            self.live[group] = self._live(group)
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log still had them

    def _live(self, group: str) -> Live:
        live = Live()
        query = "SELECT session, user, item, type, value, sent FROM events WHERE dataset_group = ? ORDER BY number"
        for session, user, item, kind, value, sent in self._db.execute(query, (group,)):
            live.apply(session, user, (sent, item, kind, value) if item else None)
        return live

    def _load(self) -> None:
        for (group,) in self._db.execute("SELECT DISTINCT dataset_group FROM events").fetchall():
            self.live[group] = self._live(group)
        for dataset, key, document in self._db.execute("SELECT dataset, id, document FROM records"):
            self.records[dataset][key] = json.loads(document)
