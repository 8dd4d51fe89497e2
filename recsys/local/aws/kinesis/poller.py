"""Our own Kinesis event source mapping, in place of MiniStack's `_poll_kinesis`.

The stock poller reads only BatchSize, StartingPosition and FilterCriteria, on one thread for all shards: a poison
record is retried for ever, a partial batch response is ignored and its failed records are lost, and positions die with
the process. Here every shard is a lane of its own (see `shard_lane`).

What is guaranteed, as on AWS: every acknowledged record is handed over at least once, in order within its shard, or
reported to the on-failure destination; a record is handed over again only after a failure of its own batch, the end of
a worker, or a `kill -9` of the server, which repeats at most what was done since the last save (about one second).
A checkpoint is saved in one transaction with the state its batch produced and never ahead of it, so after a restart the
table in DynamoDB and the position in the stream fit together.
"""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ministack.services import kinesis, lambda_svc

from recsys.local.aws.kinesis import mapping as mappings
from recsys.local.aws.kinesis.batches import Record
from recsys.local.aws.kinesis.lanes import Lanes
from recsys.local.aws.kinesis.shard_lane import ShardLane, stream_of
from recsys.local.aws.kinesis.stream_log import StreamLog, sequence_of
from recsys.local.aws.state.store import Checkpoints


class KinesisPoller:
    """Every Kinesis event source mapping of this server: its lanes and their checkpoints."""

    def __init__(self, log: StreamLog, client: Callable[[str], Any], lanes: Lanes) -> None:
        self.log, self.client, self.lanes = log, client, lanes
        self.checkpoints: Checkpoints = {}
        self.starts: Checkpoints = {}  # where a mapping began, for the save that catches it between two moments
        self._open = False  # until streams, records and checkpoints are all back, nothing may be read
        self._alive: set[str] = set()
        self._by_key: dict[tuple[str, str], ShardLane] = {}
        self._lock = threading.Lock()

    def install(self) -> None:
        """Take the place of MiniStack's poller."""
        lambda_svc._poll_kinesis = self.reconcile
        lambda_svc._init_stream_position = self._also_start(lambda_svc._init_stream_position)
        lambda_svc._create_esm = self._as_for_a_stream(lambda_svc._create_esm)
        change = lambda_svc._update_esm
        lambda_svc._update_esm = lambda uuid, given: (
            mappings.refused_change(lambda_svc._esms.get(uuid, {}).get("EventSourceArn", ""), given)
            or change(uuid, given)
        )

    def restore(self, checkpoints: Checkpoints) -> None:
        """Go on from saved checkpoints; the streams must have their records back."""
        self.checkpoints.update(checkpoints)
        self._open = True

    def saved_view(self) -> Checkpoints:
        """The checkpoints as of now, to be saved with a state captured after this call."""
        return dict(self.checkpoints)

    def arrived(self, stream_arn: str) -> None:
        """Records were put: wake the stream's lanes."""
        for lane in list(self._by_key.values()):
            if lane.stream_arn == stream_arn:
                self.lanes.wake(lane)

    def reconcile(self) -> bool:
        """Have one lane for each shard of each mapping; wakes the new ones. Always False: nothing was polled here."""
        if not self._open:
            return False
        with self._lock:
            wanted = dict(self._wanted())
            for key in [key for key in self._by_key if key not in wanted]:
                del self._by_key[key]
            for key in wanted.keys() - self._by_key.keys():
                lane = ShardLane(self, *wanted[key], *key)
                self._by_key[key] = lane
                self.lanes.wake(lane)
            self._forget_deleted()
        return False

    def _forget_deleted(self) -> None:
        # Only what was seen alive: a mapping has its start before it is in MiniStack's list.
        alive = {esm["UUID"] for _, _, esm in lambda_svc._iter_all_esms()}
        deleted, self._alive = self._alive - alive, alive
        for positions in (self.checkpoints, self.starts):
            for key in [key for key in list(positions) if key[0] in deleted]:
                positions.pop(key, None)

    def _wanted(self) -> Iterator[tuple[tuple[str, str], tuple[str, str, str]]]:
        for account, region, esm in lambda_svc._iter_all_esms():
            mapping = mappings.read(account, region, esm)
            stream = mapping and stream_of(mapping)
            with self.log.lock:
                shards = list(stream["shards"]) if stream else []
            for shard_id in shards:
                yield (mapping.uuid, shard_id), (account, region, mapping.stream_arn)

    def _also_start(self, original: Callable[[str, str, str], None]) -> Callable[[str, str, str], None]:
        """MiniStack's notes a position for its own poller; here the lanes' is fixed too."""

        def start(esm_id: str, source_arn: str, starting: str) -> None:
            original(esm_id, source_arn, starting)
            if ":kinesis:" in source_arn:
                self.start_at(esm_id, source_arn, starting)

        return start

    def start_at(self, esm_id: str, stream_arn: str, starting: str, timestamp: float | None = None) -> None:
        """Fix where a new mapping begins, now, so that LATEST means the moment it was created."""
        stream = next((s for s in kinesis._streams.all_values() if s["StreamARN"] == stream_arn), None)
        with self.log.lock:
            shards = {name: list(shard["records"]) for name, shard in (stream["shards"] if stream else {}).items()}
        for shard_id, records in shards.items():
            self.starts[esm_id, shard_id] = self.checkpoints[esm_id, shard_id] = _start(records, starting, timestamp)

    def _as_for_a_stream(self, create: Callable[[dict], Any]) -> Callable[[dict], Any]:
        """MiniStack's has a queue's refusals and defaults; here a stream's are AWS's, and AT_TIMESTAMP is known."""

        def created(data: dict) -> Any:
            if ":kinesis:" not in data.get("EventSourceArn", ""):
                return create(data)
            if refusal := mappings.refused(data):
                return refusal
            answer = create({"BatchSize": 100, **mappings.DEFAULTS, **data})
            since = data.get("StartingPositionTimestamp")
            if answer[0] == 202 and since is not None:
                esm = lambda_svc._esms[json.loads(answer[2])["UUID"]]
                esm["StartingPositionTimestamp"] = since
                self.start_at(esm["UUID"], esm["EventSourceArn"], "AT_TIMESTAMP", float(since))
            return answer

        return created


def _start(records: list[Record], starting: str, timestamp: float | None) -> str:
    if starting == "TRIM_HORIZON":
        return ""
    if starting == "AT_TIMESTAMP" and timestamp is not None:
        records = [r for r in records if r["ApproximateArrivalTimestamp"] < timestamp]
    return sequence_of(records[-1]) if records else ""
