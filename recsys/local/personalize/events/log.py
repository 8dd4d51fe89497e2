"""PutEvents, PutItems, PutUsers, PutActions, PutActionInteractions: on disk before they are acknowledged, in memory
before the next request is answered.

One thread writes; what waits when it turns round is committed together, so a burst costs few disk flushes. Events of
a session without a user belong to the session; a later event that carries both ids gives them to the user.
"""

import json
import logging
import queue
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from recsys.local.personalize.events.live import Live
from recsys.local.shared.store import connect

log = logging.getLogger(__name__)

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
CREATE TABLE IF NOT EXISTS action_events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset_group TEXT NOT NULL,
    session TEXT NOT NULL,
    user TEXT,
    action TEXT NOT NULL,
    sent REAL NOT NULL,
    type TEXT NOT NULL,
    event_id TEXT,
    more TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS action_events_once
    ON action_events (dataset_group, event_id) WHERE event_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS records (
    dataset TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (dataset, id)
);
"""
INSERT = """
INSERT OR IGNORE INTO events (dataset_group, session, user, item, type, value, sent, event_id, more)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
INSERT_ACTION = """
INSERT OR IGNORE INTO action_events (dataset_group, session, user, action, sent, type, event_id, more)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
DELETE_RECORD = "DELETE FROM records WHERE dataset = ? AND id = ? AND document = ?"
# An event without a user goes with the user whose session it belongs to.
GONE = """
CREATE TEMP TABLE gone AS SELECT value AS id FROM json_each(:users);
CREATE TEMP TABLE gone_sessions AS
    SELECT id FROM gone
    UNION SELECT session FROM events WHERE dataset_group = :group AND user IN (SELECT id FROM gone)
    UNION SELECT session FROM action_events WHERE dataset_group = :group AND user IN (SELECT id FROM gone);
DELETE FROM events WHERE dataset_group = :group AND coalesce(
    user IN (SELECT id FROM gone), session IN (SELECT id FROM gone_sessions));
DELETE FROM action_events WHERE dataset_group = :group AND coalesce(
    user IN (SELECT id FROM gone), session IN (SELECT id FROM gone_sessions));
DELETE FROM records WHERE dataset = :dataset AND id IN (SELECT id FROM gone);
DROP TABLE gone_sessions;
DROP TABLE gone
"""
MORE = ("recommendationId", "impression", "properties", "metricAttribution")
BATCH = 512

Write = Callable[[], Callable[[], Any]]  # what to do on disk; returns what to do in memory once that is committed


class EventLog:
    """All events and individually imported records, durable and in memory.

    Hooks, called on the writer's thread when it is on disk and in memory: on_record(dataset, id, document) with `lock`
    held; on_forgotten(group), after a group's events were deleted: `live_of` gives another one now.
    """

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
        self._db.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, not only forgotten
        self._db.executescript(TABLES)
        self.live: dict[str, Live] = {}
        self.records: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.lock = threading.Lock()  # held while records change or are copied
        self.on_record: Callable[[str, str, dict[str, Any]], None] = lambda dataset, key, document: None
        self.on_forgotten: Callable[[str], Any] = lambda group: None
        self._load()
        self._queue: queue.SimpleQueue[tuple[Write, Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="personalize-events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join(timeout=10)
        self._db.close()

    def live_of(self, group: str) -> Live:
        """A group's events in memory: the same for every thread that asks."""
        return self.live.setdefault(group, Live())

    def put_events(self, group: str, session: str, user: str | None, events: Sequence[dict[str, Any]]) -> Future[None]:
        """Resolved when the events are on disk and in memory. An eventId seen before in the group is dropped."""

        def write() -> Callable[[], None]:
            new = [event for event in events if self._insert(group, session, user, event)]
            return lambda: self._remember(group, session, user, new)

        return self._submit(write)

    def put_action_events(self, group: str, events: Sequence[dict[str, Any]]) -> Future[None]:
        """Action interactions likewise, each with its sessionId, actionId, eventType and timestamp."""

        def write() -> Callable[[], None]:
            new = [event for event in events if self._insert_action(group, event)]
            return lambda: self._remember_actions(group, new)

        return self._submit(write)

    def put_records(self, dataset: str, records: dict[str, dict[str, Any]]) -> Future[None]:
        """Items, users or actions by id; a later record of an id takes the place of the earlier one."""

        def write() -> Callable[[], None]:
            rows = [(dataset, key, json.dumps(document)) for key, document in records.items()]
            self._db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", rows)
            return lambda: self._keep(dataset, records)

        return self._submit(write)

    def replace_records(self, dataset: str, records: Sequence[tuple[str, str]]) -> Future[None]:
        """Delete records that an import has replaced, by id and JSON document: what was put anew since stays."""

        def write() -> Callable[[], None]:
            rows = ((dataset, key, document) for key, document in records)
            gone = [row[1] for row in rows if self._db.execute(DELETE_RECORD, row).rowcount]
            return lambda: self._drop(dataset, gone)

        return self._submit(write)

    def forget(self, group: str | None = None, dataset: str | None = None) -> Future[None]:
        """Delete a group's events or a dataset's records."""

        def write() -> Callable[[], None]:
            self._db.execute("DELETE FROM events WHERE dataset_group = ?", (group,))
            self._db.execute("DELETE FROM action_events WHERE dataset_group = ?", (group,))
            self._db.execute("DELETE FROM records WHERE dataset = ?", (dataset,))
            return lambda: self._forgotten(group, dataset)

        return self._submit(write)

    def delete_users(self, group: str, dataset: str, users: Sequence[str]) -> Future[None]:
        """Delete users' events and action events from a group, and their records from its Users dataset.

        `live[group]` is another one then: who holds the group in memory has to read it anew.
        """

        def write() -> Callable[[], None]:
            values = {"group": group, "dataset": dataset, "users": json.dumps(list(users))}
            for statement in GONE.split(";"):
                self._db.execute(statement, values)
            return lambda: self._forget_users(group, dataset, users)

        return self._submit(write)

    # On the writer's thread

    def _submit(self, write: Write) -> Future[None]:
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

    def _commit(self, batch: list[tuple[Write, Future[Any]]]) -> None:
        batch = [(write, future) for write, future in batch if future.set_running_or_notify_cancel()]
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
            try:
                future.set_result(apply())
            except Exception as error:  # it is on disk: the next start has it
                log.exception("what was put could not be taken into memory")
                future.set_exception(error)

    def _insert(self, group: str, session: str, user: str | None, event: dict[str, Any]) -> bool:
        columns = (event.get("itemId"), event["eventType"], event.get("eventValue"), event["sentAt"])
        row = (group, session, user, *columns, event.get("eventId"), _more(event))
        return self._db.execute(INSERT, row).rowcount == 1

    def _insert_action(self, group: str, event: dict[str, Any]) -> bool:
        who = (group, event["sessionId"], event.get("userId"))
        columns = (event["actionId"], event["timestamp"], event["eventType"], event.get("eventId"), _more(event))
        return self._db.execute(INSERT_ACTION, (*who, *columns)).rowcount == 1

    def _remember(self, group: str, session: str, user: str | None, events: Sequence[dict[str, Any]]) -> None:
        live = self.live_of(group)
        for event in events:
            item = event.get("itemId")
            known = (event["sentAt"], item, event["eventType"], event.get("eventValue")) if item else None
            live.hear(session, user, known, event.get("impression"), time.time())

    def _remember_actions(self, group: str, events: Sequence[dict[str, Any]]) -> None:
        for event in events:
            acted = (event["timestamp"], event["actionId"], event["eventType"], None)
            self.live_of(group).act(event["sessionId"], event.get("userId"), acted)

    def _keep(self, dataset: str, records: dict[str, dict[str, Any]]) -> None:
        with self.lock:
            self.records[dataset].update(records)
            for key, document in records.items():
                self.on_record(dataset, key, document)

    def _drop(self, dataset: str, keys: Sequence[str]) -> None:
        with self.lock:
            for key in keys:
                self.records[dataset].pop(key, None)

    def _forgotten(self, group: str | None, dataset: str | None) -> None:
        with self.lock:
            self.records.pop(dataset, None)
        if group and self.live.pop(group, None):
            self.on_forgotten(group)

    def _forget_users(self, group: str, dataset: str, users: Sequence[str]) -> None:
        self._drop(dataset, users)
        self.live[group] = read_live(self._db, group)
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log still had them

    # At the start, before there is a writer

    def _load(self) -> None:
        for table in ("events", "action_events"):
            for (group,) in self._db.execute(f"SELECT DISTINCT dataset_group FROM {table}").fetchall():
                self.live[group] = self.live.get(group) or read_live(self._db, group)
        for dataset, key, document in self._db.execute("SELECT dataset, id, document FROM records"):
            self.records[dataset][key] = json.loads(document)


def read_live(connection: sqlite3.Connection, group: str) -> Live:
    """A group's events so far, as they are kept in memory."""
    live = Live()
    query = "SELECT session, user, item, type, value, sent, more FROM events WHERE dataset_group = ? ORDER BY number"
    for session, user, item, kind, value, sent, more in connection.execute(query, (group,)):
        event = (sent, item, kind, value) if item else None
        live.apply(session, user, event, json.loads(more).get("impression") if "impression" in more else None)
    query = "SELECT session, user, action, type, sent FROM action_events WHERE dataset_group = ? ORDER BY number"
    for session, user, action, kind, sent in connection.execute(query, (group,)):
        live.act(session, user, (sent, action, kind, None))
    return live


def _more(event: dict[str, Any]) -> str:
    """What of an event has no column of its own, as JSON."""
    return json.dumps({name: event[name] for name in MORE if name in event})
