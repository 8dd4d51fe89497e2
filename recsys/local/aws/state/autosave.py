"""MiniStack's state saved about once a second while it changes, and at the end.

A save takes the checkpoints first and the services' states after them, then commits both in one transaction: whatever
a batch did is in the save if its checkpoint is. Only rows that differ from the last save are written, and a table's
items are read only where they changed (measured with 20,000 items: 3 ms a save). A save that took long all the same, as
after a bulk load, is followed by a rest three times as long.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

from ministack.services import lambda_svc, s3

from recsys.local.aws.state import capture, changed_stacks
from recsys.local.aws.state.hashes import Difference, SavedHashes
from recsys.local.aws.state.store import Checkpoints, Rows, Store

INTERVAL = 1.0  # seconds between two saves
LONGEST_UNASKED = 10.0  # seconds until a save is tried although no request came: timers change state too
REST = 3.0  # times as long as the save took

logger = logging.getLogger(__name__)


class Autosave:
    """The thread that saves, and what is known about the last save."""

    def __init__(self, store: Store, checkpoints: Callable[[], Checkpoints], starts: Callable[[], Checkpoints]) -> None:
        self.store, self._checkpoints, self._starts = store, checkpoints, starts
        self.saved_at: float | None = None
        self.seconds = 0.0
        self.error: str | None = None
        self._failure: str | None = None
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._hashes = SavedHashes({})
        self._saved_checkpoints: Checkpoints = {}
        self._refused: Collection[str] = ()
        self._thread = threading.Thread(target=self._run, name="autosave", daemon=True)
        self._code_in_use: set[str] = set()

    def install(self) -> None:
        """MiniStack deletes code no longer used while it reports its state; the save before may still need it."""
        self._prune = lambda_svc._prune_orphan_code_blobs
        lambda_svc._prune_orphan_code_blobs = self._remember_code

    def start(self, saved: Rows, checkpoints: Checkpoints, refused: Collection[str]) -> None:
        """Begin to save; `saved` is what the store holds already, and goes on holding of the services `refused`."""
        self._hashes, self._refused = SavedHashes(saved), refused
        self._saved_checkpoints = dict(checkpoints)
        self._thread.start()

    def changed(self) -> None:
        """Something may have changed: save within a second."""
        self._changed.set()

    def stop(self) -> None:
        """Save for the last time."""
        self._stop.set()
        self._changed.set()
        self._thread.join()
        self.save(clean=1.0, uploads=float(len(s3._multipart_uploads._data)))  # which are not saved

    def status(self) -> dict[str, Any]:
        """When the last save was (epoch seconds), how long it took (seconds), and the error if it failed."""
        return {"saved_at": self.saved_at, "seconds": round(self.seconds, 3), "error": self.error}

    def save(self, **facts: float) -> bool:
        """Save what differs from the last save; whether it was possible. A failure is told by `status`, not raised."""
        with self._lock:
            self._failure = None
            started, moment = time.monotonic(), time.time()
            starts, checkpoints = self._starts(), self._checkpoints()
            found = self._difference()
            # A mapping created after the checkpoints were taken is saved with the place where it began.
            checkpoints = {**{key: at for key, at in self._starts().items() if key not in starts}, **checkpoints}
            new = found.changed or found.removed or facts or checkpoints != self._saved_checkpoints
            if new and self._commit(found, checkpoints, saved_at=moment, **facts):
                self._hashes.accept(found)
                self._saved_checkpoints = checkpoints
                if "lambda" not in self._refused:
                    self._prune(self._code_in_use)
            self.seconds, self.error = time.monotonic() - started, self._failure
            if self.error is None:
                self.saved_at = moment
            return self.error is None

    def _difference(self) -> Difference:
        read = {}
        for service, get_state in capture.services().items():
            if service in self._refused:
                continue
            try:
                read[service] = capture.blocks_of(service, get_state)
            except Exception as error:
                self._fail(f"{service}: {error}")
        return self._hashes.difference(read)

    def _commit(self, found: Difference, checkpoints: Checkpoints, **facts: float) -> bool:
        try:
            self.store.commit(found.changed, found.removed, checkpoints, **facts)
        except sqlite3.Error as error:
            self._fail(f"{self.store.path}: {error}")
            return False
        return True

    def _fail(self, reason: str) -> None:
        capture.forget()
        changed_stacks.forget()
        if self.error != reason and self._failure != reason:
            logger.error("the state could not be saved, it is tried again: %s", reason)
        self._failure = reason

    def _remember_code(self, referenced: set[str]) -> None:
        self._code_in_use = set(referenced)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._changed.wait(LONGEST_UNASKED)
            self._changed.clear()
            if self._stop.is_set():
                return
            try:
                self.save()
            except Exception as error:
                logger.exception("the state could not be saved")
                self.error = str(error)
            self._stop.wait(max(INTERVAL, REST * self.seconds))
