"""Kinesis records on disk before they are acknowledged.

MiniStack keeps a stream's records in memory and loses them with the process. Here `PutRecord` and `PutRecords` commit
to SQLite before they answer, so every acknowledged record survives a `kill -9`; a record that cannot be stored (full
disk) is taken back and the caller gets an InternalFailure. Readers see committed records only, so no checkpoint can
lie beyond what a restart recovers. Two more defects of the stock service are mended on the way: sequence numbers never
go back after a restart or a clock step, and expiry looks at the oldest record instead of copying the shard per request.
"""

import bisect
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import kinesis

from recsys.local.aws import MiniStackResponse
from recsys.local.shared.store import connect

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    stream TEXT, shard TEXT, sequence TEXT, arrived REAL NOT NULL, partition_key TEXT NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (stream, shard, sequence)
) WITHOUT ROWID;
"""
PRUNE = """
DELETE FROM records WHERE stream = ? AND (arrived < ? OR sequence <= ?)
"""

Stream = dict[str, Any]
Shard = dict[str, Any]
Record = dict[str, Any]

logger = logging.getLogger(__name__)


def sequence_of(record: Record) -> str:
    """The sequence number; as text it sorts in the order of arrival."""
    return record["SequenceNumber"]


class StreamLog:
    """The records of every stream, in memory as MiniStack wants them and on disk."""

    def __init__(self, path: Path, arrived: Callable[[str], None]) -> None:
        self.lock = threading.RLock()
        self._connection = connect(path, "NORMAL")
        self._connection.executescript(SCHEMA)
        self._arrived = arrived
        last = self._connection.execute("SELECT MAX(sequence) FROM records").fetchone()[0]
        self._last_millis, self._counter = (int(last[:20]), int(last[20:])) if last else (0, 0)

    def install(self) -> None:
        """Put the log in the path of every write to a stream."""
        kinesis._next_sequence_number = self.next_sequence_number
        kinesis._expire_records = self.expire
        kinesis._put_record = self._durable(kinesis._put_record)
        kinesis._put_records = self._durable(kinesis._put_records)
        kinesis.put_record_internal = self._durable_internal(kinesis.put_record_internal)

    def next_sequence_number(self) -> str:
        """Thirty digits, greater than any given out before, restarts and clock steps included."""
        with self.lock:
            self._last_millis = max(self._last_millis, int(time.time() * 1000))
            self._counter += 1
            return f"{self._last_millis:020d}{self._counter % 10**10:010d}"

    def expire(self, stream: Stream) -> None:
        """Drop what is older than the stream's retention, closed shards too."""
        cutoff = time.time() - stream["RetentionPeriodHours"] * 3600
        with self.lock:
            for shard in stream["shards"].values():
                records = shard["records"]
                if records and records[0]["ApproximateArrivalTimestamp"] < cutoff:
                    keep = bisect.bisect_left(records, cutoff, key=lambda record: record["ApproximateArrivalTimestamp"])
                    del records[:keep]
            oldest = f"{int(max(0.0, cutoff) * 1000):020d}"
            ended = {
                name for name, shard in stream["shards"].items() if shard.get("ending_sequence_number", "~") < oldest
            }
            if ended:
                stream["shards"] = {name: shard for name, shard in stream["shards"].items() if name not in ended}

    def read(self, stream: Stream, shard_id: str, after: str, limit: int) -> list[Record]:
        """At most `limit` committed records of a shard, oldest first, later than sequence number `after`."""
        with self.lock:
            shard = stream["shards"].get(shard_id)
            if shard is None:
                return []
            start = bisect.bisect_right(shard["records"], after, key=sequence_of)
            return shard["records"][start : start + limit]

    def _durable(self, put: Callable[[dict], MiniStackResponse]) -> Callable[[dict], MiniStackResponse]:
        """MiniStack's keeps records in memory; here they are on disk before it is answered, or taken back."""

        def stored(data: dict) -> MiniStackResponse:
            _, stream = kinesis._resolve_stream(data)
            if not stream:
                return put(data)
            with self.lock:
                before = _ends(stream)
                answer = put(data)
                try:
                    self._commit(stream, before)
                except sqlite3.Error as error:
                    _take_back(stream, before)
                    logger.error("Kinesis: records of %s could not be stored: %s", stream["StreamName"], error)
                    return error_response_json("InternalFailure", f"The records could not be stored: {error}", 500)
            self._arrived(stream["StreamARN"])
            return answer

        return stored

    def _durable_internal(self, put: Callable[[str, str, bytes], bool]) -> Callable[[str, str, bytes], bool]:
        """As `_durable`, for records that another service puts."""

        def stored(stream_arn: str, partition_key: str, data: bytes) -> bool:
            stream = kinesis._resolve_stream_by_arn(stream_arn)
            if not stream:
                return put(stream_arn, partition_key, data)
            with self.lock:
                before = _ends(stream)
                accepted = put(stream_arn, partition_key, data)
                self._commit(stream, before)
            self._arrived(stream_arn)
            return accepted

        return stored

    def _commit(self, stream: Stream, before: dict[str, str]) -> None:
        rows = [
            (
                stream["StreamARN"],
                shard_id,
                r["SequenceNumber"],
                r["ApproximateArrivalTimestamp"],
                r["PartitionKey"],
                r["Data"],
            )
            for shard_id, shard in stream["shards"].items()
            for r in _later(shard["records"], before.get(shard_id, ""))
        ]
        if rows:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", rows)

    def recover(self) -> int:
        """Give the streams restored from the saved state their records back; how many came."""
        return sum(self._recover(stream) for stream in kinesis._streams.all_values())

    def _recover(self, stream: Stream) -> int:
        """As `recover`, of one stream.

        Records no later than a shard's start belong to a deleted stream of the same name, and stay out.
        """
        cutoff = time.time() - stream["RetentionPeriodHours"] * 3600
        count = 0
        with self.lock:
            for shard_id, shard in stream["shards"].items():
                found = self._connection.execute(
                    "SELECT sequence, arrived, partition_key, data FROM records "
                    "WHERE stream = ? AND shard = ? AND sequence > ? AND arrived >= ? ORDER BY sequence",
                    (stream["StreamARN"], shard_id, shard["starting_sequence_number"], cutoff),
                )
                names = ("SequenceNumber", "ApproximateArrivalTimestamp", "PartitionKey", "Data")
                shard["records"] = [dict(zip(names, row, strict=True)) for row in found]
                count += len(shard["records"])
        return count

    def prune(self) -> None:
        """Forget on disk what no stream holds any more: deleted streams, expired records."""
        with self.lock:  # whose records are there is among the streams
            streams = {stream["StreamARN"]: stream for stream in kinesis._streams.all_values()}
            for (arn,) in self._connection.execute("SELECT DISTINCT stream FROM records").fetchall():
                self._connection.execute(PRUNE, (arn, *_oldest_kept(streams.get(arn))))

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self._connection.close()


def _oldest_kept(stream: Stream | None) -> tuple[float, str]:
    """Arrival time and sequence number up to which a stream's records are no longer needed."""
    if stream is None or not stream["shards"]:
        return float("inf"), ""
    cutoff = time.time() - stream["RetentionPeriodHours"] * 3600
    return cutoff, min(shard["starting_sequence_number"] for shard in stream["shards"].values())


def _ends(stream: Stream) -> dict[str, str]:
    return {
        shard_id: shard["records"][-1]["SequenceNumber"] if shard["records"] else ""
        for shard_id, shard in stream["shards"].items()
    }


def _later(records: list[Record], after: str) -> list[Record]:
    return records[bisect.bisect_right(records, after, key=sequence_of) :]


def _take_back(stream: Stream, before: dict[str, str]) -> None:
    for shard_id, shard in stream["shards"].items():
        del shard["records"][bisect.bisect_right(shard["records"], before.get(shard_id, ""), key=sequence_of) :]
