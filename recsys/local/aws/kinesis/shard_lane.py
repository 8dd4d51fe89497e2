"""One shard of one event source mapping: read a batch, call the function, judge what came back.

The steps of a lane run one after another on the threads of `lanes`; what a failed call means is decided in `batches`.
"""

import json
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch, kinesis, lambda_svc

from recsys.local.aws.kinesis import mapping as mappings
from recsys.local.aws.kinesis import on_failure
from recsys.local.aws.kinesis.batches import Piece, Record, first_failure, fitting, judge, split_aged
from recsys.local.aws.kinesis.mapping import Mapping
from recsys.local.aws.kinesis.resharding import closed_before
from recsys.local.aws.kinesis.stream_log import sequence_of
from recsys.local.aws.lambda_ import roles

if TYPE_CHECKING:
    from recsys.local.aws.kinesis.poller import KinesisPoller

PAYLOAD_LIMIT = 6 * 1024 * 1024  # bytes a synchronous call may carry
NOT_READY_PAUSE = 0.5  # seconds until a lane looks again for its function or stream
FIRST_RETRY_PAUSE, LONGEST_RETRY_PAUSE = 0.1, 30.0  # seconds, doubling
DELIVERY_ATTEMPTS = 3

logger = logging.getLogger(__name__)


class ShardLane:
    """One shard of one mapping: reads a batch, calls the function, judges what came back."""

    def __init__(
        self, poller: "KinesisPoller", account: str, region: str, stream_arn: str, esm: str, shard: str
    ) -> None:
        self.poller, self.account, self.region, self.stream_arn = poller, account, region, stream_arn
        self.esm_id, self.shard_id = esm, shard
        self.pieces: deque[Piece] = deque()
        self.pause = FIRST_RETRY_PAUSE
        self.retry_at = 0.0  # of the clock that never goes back: before that nothing of `pieces` is tried again

    def __repr__(self) -> str:
        return f"{self.shard_id} of mapping {self.esm_id}"

    def step(self) -> float | None:
        """Call the function once, if there is something for it. Seconds to wait, or None."""
        with request_scope(self.account, self.region):
            esm = lambda_svc._esms.get(self.esm_id)
            mapping = esm and mappings.read(self.account, self.region, esm)
            if not mapping:
                return None
            function, config = lambda_svc._get_func_record_for_qualifier(mapping.function, mapping.qualifier)
            stream = stream_of(mapping)
            if not mapping.enabled or function is None or stream is None:
                return NOT_READY_PAUSE
            if not self.pieces:
                if denied := roles.reading(config, mapping.stream_arn):
                    esm["LastProcessingResult"] = f"PROBLEM: Access denied. {denied}"
                    return NOT_READY_PAUSE
                wait = self._read(mapping, stream)
                if not self.pieces:
                    return wait
            elif (left := self.retry_at - time.monotonic()) > 0:  # woken by what arrives behind them
                return left
            return self._handle(mapping, stream, function, config, esm)

    def _read(self, mapping: Mapping, stream: dict) -> float | None:
        if self._is_early(stream):
            return NOT_READY_PAUSE
        after = self.poller.checkpoints.get((self.esm_id, self.shard_id), "")
        records = self.poller.log.read(stream, self.shard_id, after, mapping.batch_size)
        if not records:
            return None
        if mapping.window and len(records) < mapping.batch_size:
            left = records[0]["ApproximateArrivalTimestamp"] + mapping.window - time.time()
            if left > 0:
                return left
        self.pieces.append(Piece(fitting(records, PAYLOAD_LIMIT)))
        return 0.0

    def _is_early(self, stream: dict) -> bool:
        """Whether records of a shard that this one goes on from are not done with."""
        with self.poller.log.lock:
            before = list(closed_before(stream, self.shard_id)) if self.shard_id in stream["shards"] else []
        done = self.poller.checkpoints
        return any(records and done.get((self.esm_id, name), "") < sequence_of(records[-1]) for name, records in before)

    def _handle(self, mapping: Mapping, stream: dict, function: dict, config: dict, esm: dict) -> float:
        piece = self.pieces.popleft()
        aged, piece = split_aged(piece, time.time() - _age_limit(mapping, stream))
        if aged:
            self._give_up(mapping, config, aged, on_failure.RECORD_TOO_OLD, None)
            if piece:
                self.pieces.appendleft(piece)
            return 0.0
        event = self._event(mapping, config, piece)
        offered = lambda_svc._apply_filter_criteria(event["Records"], esm)
        if not offered:
            return self._done(piece.records)
        result = lambda_svc._execute_function(function, {"Records": offered})
        self._measure_age(mapping, piece)
        if result.get("throttle"):
            self.pieces.appendleft(piece)
            return self._longer_pause()
        error = _error_of(result)
        failed_at = 0 if error else first_failure(piece.records, _body(result)) if mapping.partial else None
        esm["LastProcessingResult"] = "OK" if failed_at is None else "PROBLEM: Function call failed"
        if error:
            logger.warning("%s of %s: %s failed: %s", self.shard_id, mapping.stream_name, mapping.function, error)
        return self._settle(mapping, config, piece, failed_at, error)

    def _settle(self, mapping: Mapping, config: dict, piece: Piece, failed_at: int | None, error: str | None) -> float:
        verdict = judge(piece, failed_at, bisect=mapping.bisect, max_retries=mapping.max_retries)
        self.pieces.extendleft(reversed(verdict.pieces))
        if verdict.done:
            self._done(piece.records[: verdict.done])
        if verdict.given_up:
            self._give_up(mapping, config, verdict.given_up, on_failure.RETRIES_EXHAUSTED, error)
        return self._longer_pause() if verdict.pause else 0.0

    def _done(self, records: tuple[Record, ...]) -> float:
        self.poller.checkpoints[self.esm_id, self.shard_id] = sequence_of(records[-1])
        self.pause = FIRST_RETRY_PAUSE
        return 0.0

    def _longer_pause(self) -> float:
        pause, self.pause = self.pause, min(2 * self.pause, LONGEST_RETRY_PAUSE)
        self.retry_at = time.monotonic() + pause
        return pause

    def _give_up(self, mapping: Mapping, config: dict, piece: Piece, condition: str, error: str | None) -> None:
        if mapping.destination:
            function = config["FunctionArn"]
            record = on_failure.invocation_record(mapping, self.shard_id, function, piece, condition, error)
            event = self._event(mapping, config, piece)
            for attempt in range(1, DELIVERY_ATTEMPTS + 1):
                try:
                    if denied := roles.delivering(config, mapping.destination):
                        raise PermissionError(denied)
                    on_failure.deliver(self.poller.client, mapping, self.shard_id, record, event)
                    break
                except Exception as fault:  # as on AWS, a destination that refuses does not hold up the shard
                    logger.error(
                        "%s: %d records given up, attempt %d to tell: %s", self, len(piece.records), attempt, fault
                    )
        self._done(piece.records)

    def _event(self, mapping: Mapping, config: dict, piece: Piece) -> dict[str, Any]:
        return {"Records": [self._event_record(mapping, config, record) for record in piece.records]}

    def _event_record(self, mapping: Mapping, config: dict, record: Record) -> dict[str, Any]:
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record["PartitionKey"],
                "sequenceNumber": record["SequenceNumber"],
                "data": record["Data"],
                "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{self.shard_id}:{record['SequenceNumber']}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": config.get("Role", ""),
            "awsRegion": mapping.region,
            "eventSourceARN": mapping.stream_arn,
        }

    def _measure_age(self, mapping: Mapping, piece: Piece) -> None:
        age = max(0.0, time.time() - piece.records[-1]["ApproximateArrivalTimestamp"]) * 1000
        cloudwatch.record_metric("AWS/Lambda", "IteratorAge", age, "Milliseconds", {"FunctionName": mapping.function})


def stream_of(mapping: Mapping) -> dict | None:
    """The stream a mapping reads, if it is there."""
    stream = kinesis._streams.get_scoped(mapping.account, mapping.region, mapping.stream_name)
    return stream if stream and stream["StreamStatus"] == "ACTIVE" else None


def _age_limit(mapping: Mapping, stream: dict) -> float:
    retention = stream["RetentionPeriodHours"] * 3600
    return min(retention, mapping.max_age) if mapping.max_age >= 0 else retention


def _error_of(result: dict) -> str | None:
    if not result.get("error"):
        return None
    body = result.get("body")
    return str(body.get("errorMessage") if isinstance(body, dict) else body)


def _body(result: dict) -> Any:
    body = result.get("body")
    if isinstance(body, (str, bytes)):
        try:
            return json.loads(body)
        except ValueError:
            return None
    return body
