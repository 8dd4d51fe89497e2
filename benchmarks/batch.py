"""The daily batch beside a handler written the plain way: users a second, and AWS calls per 1,000 users.

    python -m benchmarks.batch
    python -m benchmarks.batch --users 500 --runs 1
    python -m benchmarks.batch --endpoint        # 100,000 users over a SageMaker endpoint, killed half-way

The plain handler scans once, without pages, then asks the campaign and updates the profile for one user after another.
A scan ends after 1 MB, so it reaches the first few hundred users only; its speed is that of those it serves.
Both run in this process, in turns, against one embedded AWS with one trained campaign, every user active, every profile
with 25 events in it. Two more rows are no handlers but limits: the campaign asked by as many threads as the batch has,
and the profiles written 25 a call, each alone with nothing else to do. Since GetRecommendations takes one user a call,
no batch over a campaign can be faster than the first.
"""

import argparse
import contextlib
import io
import os
import platform
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import boto3

from benchmarks.batch_endpoint import Context, measure
from benchmarks.embedded import BUCKET, CALLED, TABLE, Done, campaign, count_calls, counted, fill
from benchmarks.machine import machine
from benchmarks.serving import server
from recsys import aws
from recsys.lambdas.batch_processor import handler
from recsys.lambdas.batch_processor.clock import Clock
from recsys.lambdas.batch_processor.profiles import Profiles
from recsys.lambdas.batch_processor.source import RESULTS
from recsys.lambdas.campaign import COLUMNS, Campaign


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, help="2,000; with --endpoint 100,000")
    parser.add_argument("--runs", type=int, default=3, help="of each, in turns; the median counts (3)")
    parser.add_argument("--endpoint", action="store_true", help="a SageMaker endpoint instead of a campaign")
    options = parser.parse_args()
    if options.endpoint:
        print(f"{machine()}, python {platform.python_version()}\n")
        measure(options.users or 100_000)
        return
    options.users = options.users or 2_000
    print(f"{machine()}, python {platform.python_version()}; {options.users:,} users, median of {options.runs}\n")
    with tempfile.TemporaryDirectory(prefix="recsys-benchmark-") as state, server(Path(state)):
        count_calls()
        settings = {"TABLE_NAME": TABLE, "BUCKET_NAME": BUCKET, "CAMPAIGN_ARN": campaign(Path(state))}
        os.environ.update(settings, ACTIVE_DAYS="30", MAX_FAILED_PERCENT="5", ENVIRONMENT="benchmark")
        users = [f"user-{number}" for number in range(options.users)]
        fill(users)
        kinds = {"plain": plain, "batch": batch, "campaign alone": asked, "writes alone": written}
        rounds = [{name: run(users, number) for name, run in kinds.items()} for number in range(options.runs)]
        table({name: [done[name] for done in rounds] for name in kinds})


def plain(users: list[str], number: int) -> Done:
    """One unpaged scan, one question and one update a user."""

    def work() -> int:
        table, runtime = boto3.resource("dynamodb").Table(TABLE), boto3.client("personalize-runtime")
        since, arn = time.time() - 30 * 86400, os.environ["CAMPAIGN_ARN"]
        active = [profile["userId"] for profile in table.scan()["Items"] if profile["lastEventAt"] >= since]
        request = {"campaignArn": arn, "numResults": RESULTS, "metadataColumns": {"ITEMS": list(COLUMNS)}}
        for user in active:
            items = runtime.get_recommendations(userId=user, **request)["itemList"]
            table.update_item(
                Key={"userId": user},
                UpdateExpression="SET recommendations = :items, recommendedAt = :now",
                ExpressionAttributeValues={":items": [item["itemId"] for item in items], ":now": int(time.time())},
            )
        return len(active)

    return counted(work)


def batch(users: list[str], number: int) -> Done:
    """The batch processor, for a day not done yet."""
    handler.logger.setLevel("CRITICAL")
    with contextlib.redirect_stdout(io.StringIO()):  # its metrics
        return counted(lambda: handler.handler({"date": f"2030-01-{number + 1:02}"}, Context())["served"])


def asked(users: list[str], number: int) -> Done:
    """The batch's questions alone."""
    return counted(lambda: len(handler._source().recommend(dict.fromkeys(users, ()), Clock(Context()))))


def written(users: list[str], number: int) -> Done:
    """The batch's writes alone, one after another."""
    source = Campaign(aws.client("personalize-runtime"), os.environ["CAMPAIGN_ARN"])
    items = dict.fromkeys(users, tuple(source.ask(RESULTS, userId=users[0])[0]))

    def work() -> int:
        profiles = Profiles(boto3.client("dynamodb"), TABLE, 0)
        return len(users) - len(profiles.write(items, "benchmark", Clock(Context())))

    return counted(work)


def table(measured: dict[str, list[Done]]) -> None:
    """Users a second and calls per 1,000 users, of each; then the batch over the plain handler."""
    print(f"{'':16}{'users':>8}{'users/s':>10}{''.join(f'{name:>13}' for name in CALLED)}{'all calls':>13}")
    speeds, calls = {}, {}
    for name, runs in measured.items():
        users, _, counts = runs[-1]
        speeds[name] = median(done / seconds for done, seconds, _ in runs)
        each: dict[str, Any] = {service: 1000 * counts[service] / users for service in CALLED}
        calls[name] = {**each, "all": sum(each.values())}
        row = "".join(f"{value:13,.0f}" for value in calls[name].values())
        print(f"{name:16}{users:8,}{speeds[name]:10,.0f}{row}", flush=True)
    fewer = {service: calls["plain"][service] / calls["batch"][service] for service in ("DynamoDB", "all")}
    print(f"\nbatch over plain: {speeds['batch'] / speeds['plain']:.1f} times the users per second,", end=" ")
    print(f"{fewer['DynamoDB']:.1f} times fewer DynamoDB calls, {fewer['all']:.1f} times fewer in all")
    print(f"batch over the campaign alone: {100 * speeds['batch'] / speeds['campaign alone']:.0f} % of its speed")


if __name__ == "__main__":
    main()
