"""The stream processor beside a handler written the plain way: events a second, and AWS calls per 1,000 events.

    python -m benchmarks.stream
    python -m benchmarks.stream --events 500 --runs 1
    python -m benchmarks.stream --round-trip 5        # ms that every call takes longer, as over a network

The plain handler takes one record after another: an update that counts the event and appends it to the profile's list,
and a PutEvents. Both run in this process, in turns, over batches of the same shape, against one embedded AWS with a
campaign, a tracker and profiles of 25 events. A batch is what the event source mapping hands over: so many records of
so many users, each in one session. Two more rows are no handlers but limits: the events sent to the tracker and the
profiles written, each alone with nothing else to do. Since PutEvents takes one session a call, no stream processor can
be faster than the first.
"""

import argparse
import base64
import itertools
import json
import os
import platform
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from decimal import Decimal
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Any

import boto3
import numpy as np

from benchmarks.batch_worker import Context
from benchmarks.embedded import CALLED, TABLE, Done, campaign, count_calls, count_calls_of, counted, fill, tracking_id
from benchmarks.machine import machine
from benchmarks.serving import server
from recsys.lambdas.clock import Clock

SHAPES = ((100, 20), (100, 100), (1_000, 200), (1_000, 1_000))  # records and users of a batch
USERS = 5_000
PLAIN = "plain-profiles"
SEQUENCES = itertools.count(10**55)

Batch = dict[str, Any]
Handler = Callable[[list[Batch]], int]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000, help="a run (2,000)")
    parser.add_argument("--runs", type=int, default=3, help="of each, in turns; the median counts (3)")
    parser.add_argument("--round-trip", type=float, default=0.0, metavar="MS", help="that every call takes longer (0)")
    options = parser.parse_args()
    round_trip = options.round_trip / 1e3
    print(f"{machine()}, python {platform.python_version()}; {options.events:,} events, median of {options.runs};")
    print(f"every call takes {options.round_trip:g} ms longer\n")
    with tempfile.TemporaryDirectory(prefix="recsys-benchmark-") as state, server(Path(state)):
        campaign(Path(state))
        for name in (TABLE, PLAIN):
            fill([f"user-{number}" for number in range(USERS)], name)
        os.environ.update(
            TABLE_NAME=TABLE, TRACKING_ID=tracking_id(), PROFILE_DAYS="365", QUEUE_URL="", ENVIRONMENT="b"
        )
        count_calls(round_trip)
        kinds = {"plain": plain(), **ours(round_trip)}
        print(f"{'records':>7}{'users':>7}  {'':18}{'events/s':>10}{''.join(f'{n:>13}' for n in CALLED)}{'all':>13}")
        for records, users in SHAPES:
            rounds = [race(kinds, records, users, options.events) for _ in range(options.runs)]
            table(records, users, {name: [done[name] for done in rounds] for name in kinds})


def race(kinds: dict[str, Handler], records: int, users: int, events: int) -> dict[str, Done]:
    """A run of each handler, over batches that nobody has seen."""
    done = {}
    for name, handler in kinds.items():
        batches = list(itertools.islice(made(records, users), max(1, events // records)))
        done[name] = counted(lambda handler=handler, batches=batches: handler(batches))
    return done


def made(records: int, users: int) -> Iterator[Batch]:
    """Batches of one shard, without end; the users of each are drawn anew, their events mixed."""
    rng = np.random.default_rng(next(SEQUENCES) % 2**32)
    while True:
        drawn = rng.choice(USERS, users, replace=False)
        yield {"Records": [record(f"user-{user}") for user in rng.permutation(np.resize(drawn, records))]}


def record(user: str) -> Batch:
    """A click, as the event source mapping hands it over."""
    now, sequence = time.time(), str(next(SEQUENCES))
    click = {"eventId": str(uuid.uuid4()), "userId": user, "itemId": "item-00017", "eventType": "view"}
    data = json.dumps({**click, "timestamp": round(now, 3), "sessionId": f"session-{user}"}).encode()
    kinesis = {"data": base64.b64encode(data).decode(), "sequenceNumber": sequence, "partitionKey": user}
    kinesis["approximateArrivalTimestamp"] = now
    return {"eventID": f"shardId-000000000000:{sequence}", "eventSource": "aws:kinesis", "kinesis": kinesis}


def plain() -> Handler:
    """A loop over the records: one update and one PutEvents each."""
    profiles, tracker = boto3.resource("dynamodb").Table(PLAIN), boto3.client("personalize-events")

    def handler(batches: list[Batch]) -> int:
        records = [entry for batch in batches for entry in batch["Records"]]
        for entry in records:
            event = json.loads(base64.b64decode(entry["kinesis"]["data"]))
            at = Decimal(str(event["timestamp"]))
            kept = {name: event[name] for name in ("eventId", "eventType", "itemId")} | {"timestamp": at}
            profiles.update_item(
                Key={"userId": event["userId"]},
                UpdateExpression="SET lastEventAt = :at, lastItems = list_append(lastItems, :new) ADD eventCount :one",
                ExpressionAttributeValues={":at": at, ":new": [kept], ":one": 1},
            )
            put = {name: event[name] for name in ("eventId", "eventType", "itemId")} | {"sentAt": event["timestamp"]}
            names = {"trackingId": os.environ["TRACKING_ID"], "userId": event["userId"]}
            tracker.put_events(**names, sessionId=event["sessionId"], eventList=[put])
        return len(records)

    return handler


def ours(round_trip: float) -> dict[str, Handler]:
    """The stream processor, and its two halves alone."""
    from recsys.lambdas.stream_processor import handler as module  # its clients are made now
    from recsys.lambdas.stream_processor.tracker import put_events

    for client in (module.dynamodb, module.personalize):
        count_calls_of(client.meta.events, round_trip)
    module.logger.setLevel("CRITICAL")

    clock = Clock(Context())

    def processed(batches: list[Batch]) -> int:
        with redirect_stdout(StringIO()):  # the metrics, a line a batch
            failed = [module.handler(batch, Context())["batchItemFailures"] for batch in batches]
        assert not any(failed), failed
        return sum(len(batch["Records"]) for batch in batches)

    def sent(batches: list[Batch]) -> int:
        sorted_out = [module.sort_out(batch["Records"])[0] for batch in batches]
        for records in sorted_out:
            assert not put_events(module.personalize, os.environ["TRACKING_ID"], records, clock)
        return sum(map(len, sorted_out))

    def written(batches: list[Batch]) -> int:
        sorted_out = [module.sort_out(batch["Records"])[0] for batch in batches]
        for records in sorted_out:
            assert not module.profiles.take(module.of_users(records), clock)
        return sum(map(len, sorted_out))

    return {"stream processor": processed, "tracker alone": sent, "profiles alone": written}


def table(records: int, users: int, measured: dict[str, list[Done]]) -> None:
    """A row a handler: events a second, calls per 1,000 events; then ours over the plain one."""
    speeds, calls = {}, {}
    for name, runs in measured.items():
        events, _, counts = runs[-1]
        speeds[name] = median(done / seconds for done, seconds, _ in runs)
        each = {service: 1000 * counts[service] / events for service in CALLED}
        calls[name] = {**each, "all": sum(each.values())}
        row = "".join(f"{value:13,.0f}" for value in calls[name].values())
        print(f"{records:7,}{users:7,}  {name:18}{speeds[name]:10,.0f}{row}", flush=True)
    fewer = {kind: calls["plain"][kind] / calls["stream processor"][kind] for kind in ("DynamoDB", "all")}
    times, share = speeds["stream processor"] / speeds["plain"], speeds["stream processor"] / speeds["tracker alone"]
    print(
        f"  over plain: {times:.1f} times the events per second, {fewer['DynamoDB']:.1f} times fewer DynamoDB", end=" "
    )
    print(f"calls, {fewer['all']:.1f} times fewer in all; {100 * share:.0f} % of the speed of the tracker alone\n")


if __name__ == "__main__":
    main()
