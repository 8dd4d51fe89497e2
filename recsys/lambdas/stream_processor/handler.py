"""The stream processor: a batch of Kinesis records into profiles, and on to Personalize.

Kinesis delivers at least once: a batch comes again when the function fails, when it is cut off, and after a partial
answer from the first failed record on. So each step may be repeated, and none loses anything:

1. A record that can never be processed (no JSON, a field missing, refused by the tracker) is set aside with its
   reason. Failing it instead would hold up its shard through all retries, and the queue would then get the record's
   position only, the record itself ageing out of the stream within a day.
2. Each user's events go into the profile with one conditional write, which takes each record once.
3. Beside that they go to the tracker; sent again they carry the same event id.
4. What was set aside goes to the failure queue, but only what lies before the first failure: what lies behind it comes
   again with the next delivery.

Each batch tells how many events it took, rejected and failed, metrics that are a log line too: of what comes again only
the failures are told twice.

What fails in passing (a throttled table, a tracker that cannot be reached) is tried again as long as there is time.
What fails even so is answered as a batch item failure, which the event source mapping retries, bisects and in the end
describes in the failure queue.
"""

import base64
import os
from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from botocore.config import Config

from ..clock import Clock
from ..events import Invalid, decode, parse
from ..tracing import annotate, traced, watched
from ..values import session
from .profile import Record
from .table import Profiles
from .tracker import THREADS, Refused, Rejected, put_events, quarantine, refusal

MARGIN = 15.0  # seconds kept of the 60: for calls that wait in vain, and for the queue

logger = Logger()
metrics = Metrics(namespace="Recsys", service="stream-processor")
processor = BatchProcessor(event_type=EventType.KinesisDataStreams)

# Nothing here is typed by a person, so no request is validated; and without a name of its own a request describes
# Python, system and settings in its user agent, which takes a fifth of the time it is made in. A call is made once: who
# makes it asks again, and knows when it is too late for that; what the queue does not take comes again.
settings = {"connect_timeout": 2, "read_timeout": 5, "parameter_validation": False, "user_agent": "stream-processor"}
config = Config(retries={"total_max_attempts": 1}, **settings)
aws = session()
beside = ThreadPoolExecutor(1)
dynamodb = watched(aws.create_client("dynamodb", config=config))
profiles = Profiles(dynamodb, os.environ["TABLE_NAME"], int(os.environ["PROFILE_DAYS"]))
side_by_side = config.merge(Config(max_pool_connections=THREADS))
personalize = watched(aws.create_client("personalize-events", config=side_by_side))
sqs = watched(aws.create_client("sqs", config=config))


@traced
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Process one batch; answers the sequence numbers to deliver again. Raises where every record failed.

    A batch of nothing, which Kinesis never sends, asks whether the function works.
    """
    if not event["Records"]:
        return {"batchItemFailures": []}
    failed = process(event["Records"], Clock(context, MARGIN))

    def outcome(record: Any) -> None:
        if error := failed.get(record.kinesis.sequence_number):
            raise error

    return dict(process_partial_response(event, record_handler=outcome, processor=processor, context=context))


def process(raw: Sequence[dict[str, Any]], clock: Clock) -> dict[str, Exception]:
    """Take the records as far as they go; returns the sequence numbers that failed, and why."""
    records, rejected = sort_out(raw)
    by_user = of_users(records)
    taking = beside.submit(profiles.take, by_user, clock)
    failed = put_events(personalize, os.environ["TRACKING_ID"], records, clock)
    users = taking.result()
    failed |= {record.sequence: users[record.event.user_id] for record in records if record.event.user_id in users}
    refused = [record for record in records if isinstance(failed.get(record.sequence), Refused)]
    rejected += [refusal(record, str(failed.pop(record.sequence))) for record in refused]
    first = min(map(int, failed), default=None)
    due = [entry for entry in rejected if first is None or int(entry.sequence) < first]
    due.sort(key=lambda entry: int(entry.sequence))
    failed |= quarantine(sqs, os.environ["QUEUE_URL"], due)
    reasons = sorted({str(error) for error in failed.values()})
    counts = {"records": len(raw), "users": len(by_user), "rejected": len(due), "failed": len(failed)}
    logger.info("batch", extra={**counts, "reasons": reasons})
    annotate(**counts)
    measure(raw, {entry.sequence for entry in due}, failed.keys())
    return failed


def measure(raw: Sequence[dict[str, Any]], rejected: Set[str], failed: Set[str]) -> None:
    """Count events, by their sequence numbers; those behind a failure are counted when they come again."""
    first = min(map(int, failed), default=None)
    sequences = (entry["kinesis"]["sequenceNumber"] for entry in raw)
    done = {sequence for sequence in sequences if first is None or int(sequence) < first}
    counts = {"EventsTaken": done - rejected, "EventsRejected": done & rejected, "EventsFailed": failed}
    for name, found in counts.items():
        if found:
            metrics.add_metric(name, MetricUnit.Count, len(found))
    metrics.add_dimension(name="environment", value=os.environ["ENVIRONMENT"])
    metrics.flush_metrics()


def of_users(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Each user's records, in the stream's order."""
    by_user: dict[str, list[Record]] = {}
    for record in records:
        by_user.setdefault(record.event.user_id, []).append(record)
    return by_user


def sort_out(raw: Sequence[dict[str, Any]]) -> tuple[list[Record], list[Rejected]]:
    """The records that hold an event, and those that never will, both in the stream's order."""
    records, rejected = [], []
    for entry in raw:
        kinesis, shard = entry["kinesis"], entry["eventID"].split(":")[0]
        sequence, arrived = kinesis["sequenceNumber"], float(kinesis["approximateArrivalTimestamp"])
        data = base64.b64decode(kinesis["data"])
        try:
            event = parse(decode(data), arrived, entry["eventID"])
            records.append(Record(event, shard, sequence, arrived))
        except Invalid as error:
            rejected.append(Rejected(shard, sequence, data.decode(errors="replace"), str(error)))
    return records, rejected
