"""What a control plane knows, in SQLite: write-ahead log, synchronous=FULL, so a kill -9 loses nothing acknowledged.

A resource is a document with the members of its Describe shape; List's Summary shapes are cut out of it. Members that
begin with an underscore are ours and never leave (no output shape has them).
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.errors import LocalError

TABLES = """
CREATE TABLE IF NOT EXISTS resources (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    arn TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    document TEXT NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS resources_by_kind ON resources (kind, number);
CREATE TABLE IF NOT EXISTS tags (
    arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key)
);
"""


@dataclass
class Resource:
    """One resource: its ARN, its kind and its Describe document."""

    arn: str
    kind: str
    document: dict[str, Any]
    number: int = 0

    @property
    def status(self) -> str:
        return self.document.get("status", "ACTIVE")


def connect(path: Path, synchronous: str = "FULL") -> sqlite3.Connection:
    """A connection in autocommit mode, in WAL mode, shared between threads, to a file that was checked.

    synchronous: with FULL commits reach the disk before they return; with NORMAL a power cut may take the last ones,
    but never halves one. Raises LocalError where the file is damaged or unreadable.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise damaged(path, str(error)) from error
    if verdict != "ok":
        raise damaged(path, verdict)
    return connection


def damaged(path: Path, reason: str) -> LocalError:
    """The one message for a state that cannot be read."""
    return LocalError(
        f"{path}: the state is damaged ({' '.join(reason.split())}); "
        "`recsys local reset` sets the folder aside and starts afresh"
    )


def all_tags(path: Path) -> dict[str, dict[str, str]]:
    """Tags of every resource by ARN; a resource without tags is left out."""
    tags: dict[str, dict[str, str]] = {}
    with closing(read_only(path)) as db:
        for arn, key, value in db.execute("SELECT arn, key, value FROM tags"):
            tags.setdefault(arn, {})[key] = value
    return tags


def read_only(path: Path | str) -> sqlite3.Connection:
    """A connection that reads while somebody else writes."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False, timeout=30)


class Store:
    """Resources and tags. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
        self._db.executescript(TABLES)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and on disk at the end."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk has SQLite roll back by itself
                self._db.execute("ROLLBACK")
            raise

    def get(self, arn: str) -> Resource | None:
        row = self._db.execute(
            "SELECT number, kind, document FROM resources WHERE arn = ? AND NOT gone", (arn,)
        ).fetchone()
        return Resource(arn, row[1], json.loads(row[2]), row[0]) if row else None

    def add(self, resource: Resource) -> None:
        """A new resource takes the place of a deleted one of the same ARN."""
        self._db.execute("DELETE FROM resources WHERE arn = ? AND gone", (resource.arn,))
        cursor = self._db.execute(
            "INSERT INTO resources (arn, kind, document) VALUES (?, ?, ?)",
            (resource.arn, resource.kind, json.dumps(resource.document)),
        )
        resource.number = cursor.lastrowid or 0

    def save(self, resource: Resource) -> None:
        self._db.execute(
            "UPDATE resources SET document = ? WHERE arn = ?", (json.dumps(resource.document), resource.arn)
        )

    def find(self, kind: str, after: int = 0, limit: int = -1, **members: Any) -> list[Resource]:
        """Resources of a kind in order of creation, those whose document has these values (None: lacks them)."""
        rows = self._db.execute(
            f"SELECT number, arn, document FROM resources WHERE kind = ? AND number > ? AND NOT gone{_having(members)} "
            "ORDER BY number LIMIT ?",
            (kind, after, *members.values(), limit),
        )
        return [Resource(arn, kind, json.loads(document), number) for number, arn, document in rows]

    def count(self, kind: str, **members: Any) -> int:
        """How many `find` finds."""
        query = f"SELECT count(*) FROM resources WHERE kind = ? AND NOT gone{_having(members)}"
        return self._db.execute(query, (kind, *members.values())).fetchone()[0]

    def bury(self, resource: Resource) -> None:
        """Gone, but its last status can be seen once more: programs wait for a delete by describing its object."""
        self._db.execute("UPDATE resources SET gone = 1 WHERE arn = ?", (resource.arn,))
        self._db.execute("DELETE FROM tags WHERE arn = ?", (resource.arn,))

    def remove(self, arn: str) -> None:
        """Gone without a trace."""
        self._db.execute("DELETE FROM resources WHERE arn = ?", (arn,))
        self._db.execute("DELETE FROM tags WHERE arn = ?", (arn,))

    def last_sight(self, arn: str) -> Resource | None:
        """The document of a buried resource, the first time it is asked for."""
        row = self._db.execute(
            "DELETE FROM resources WHERE arn = ? AND gone RETURNING number, kind, document", (arn,)
        ).fetchone()
        return Resource(arn, row[1], json.loads(row[2]), row[0]) if row else None

    def tags(self, arn: str) -> dict[str, str]:
        return dict(self._db.execute("SELECT key, value FROM tags WHERE arn = ? ORDER BY key", (arn,)))

    def tag(self, arn: str, tags: dict[str, str]) -> None:
        rows = [(arn, key, value) for key, value in tags.items()]
        self._db.executemany("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", rows)

    def untag(self, arn: str, keys: list[str]) -> None:
        self._db.executemany("DELETE FROM tags WHERE arn = ? AND key = ?", [(arn, key) for key in keys])


def _having(members: Iterable[str]) -> str:
    """The condition that documents have values for these members."""
    return "".join(f" AND json_extract(document, '$.{name}') IS ?" for name in members)
