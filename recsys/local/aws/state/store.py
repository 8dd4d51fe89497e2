"""What MiniStack keeps in memory, in one SQLite file: every service's state as of one moment, in one transaction.

MiniStack itself writes one JSON file per service, and only at a clean stop. Here a save replaces the rows that changed,
all of them or none: a full disk or a `kill -9` in the middle leaves the save before it. The checkpoints of the Kinesis
event source mappings are part of the same transaction, so they never run ahead of the state their batches produced.

WAL with `synchronous=NORMAL`: what was committed survives the end of the process; after a power cut the last
commits may be missing, never half there.
"""

import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path

from recsys.local.shared.store import connect, damaged

SCHEMA = """
CREATE TABLE IF NOT EXISTS state (
    service TEXT, store TEXT, key TEXT, part TEXT, value TEXT NOT NULL,
    PRIMARY KEY (service, store, key, part)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoints (
    mapping TEXT, shard TEXT, sequence TEXT NOT NULL, PRIMARY KEY (mapping, shard)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
"""

Key = tuple[str, str, str, str]  # service, store, key, part
Rows = dict[Key, str]
Checkpoints = dict[tuple[str, str], str]  # (mapping, shard) -> last sequence number done with


class Store:
    """The SQLite file of one embedded AWS."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection = connect(path, "NORMAL")
        try:
            self._connection.executescript(SCHEMA)
        except sqlite3.Error as error:
            raise damaged(path, str(error)) from error

    def rows(self) -> Rows:
        """Everything saved: (service, store, key, part) -> JSON."""
        with self._lock:
            return {row[:4]: row[4] for row in self._connection.execute("SELECT * FROM state")}

    def checkpoints(self) -> Checkpoints:
        """The saved checkpoints of the event source mappings."""
        with self._lock:
            return {row[:2]: row[2] for row in self._connection.execute("SELECT * FROM checkpoints")}

    def fact(self, name: str) -> float | None:
        """A number kept under `name`, such as the epoch second of the last save."""
        with self._lock:
            row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def commit(self, changed: Rows, removed: Iterable[Key], checkpoints: Checkpoints | None, **facts: float) -> None:
        """Write all of it or nothing. `checkpoints` None leaves them. Raises sqlite3.Error, such as on a full disk."""
        with self._lock:
            cursor = self._connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                cursor.executemany(
                    "DELETE FROM state WHERE service = ? AND store = ? AND key = ? AND part = ?", list(removed)
                )
                cursor.executemany(
                    "INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?)",
                    ((*key, value) for key, value in changed.items()),
                )
                if checkpoints is not None:
                    cursor.execute("DELETE FROM checkpoints")
                    cursor.executemany(
                        "INSERT INTO checkpoints VALUES (?, ?, ?)",
                        ((*key, sequence) for key, sequence in checkpoints.items()),
                    )
                cursor.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())
                cursor.execute("COMMIT")
            except sqlite3.Error:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file; nothing can be saved afterwards."""
        with self._lock:
            self._connection.close()
