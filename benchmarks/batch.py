"""The daily batch beside a handler written the plain way: users a second, and AWS calls per 1,000 users.

    python -m benchmarks.batch
    python -m benchmarks.batch --users 500 --runs 1
    python -m benchmarks.batch --endpoint        # a SageMaker endpoint; then 100,000 users, killed half-way
    python -m benchmarks.batch --round-trip 5    # ms that every call takes longer, as over a network

The plain handler scans once, without pages, then asks for one user after another and updates the profile. A scan ends
after 1 MB, so it reaches the first few hundred users only; its speed is that of those it serves. Both run in this
process, in turns, against one embedded AWS, every user active, every profile with 25 events in it, or 5 over an
endpoint. Two more rows are no handlers but limits: the campaign or endpoint asked as the batch asks it, and the
profiles written 25 a call, each alone with nothing else to do. Since GetRecommendations takes one user a call, no batch
over a campaign can be faster than the first.
"""

import argparse
import contextlib
import io
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import batch_endpoint
from benchmarks.batch_plain import Ask, of_campaign, of_endpoint, plain
from benchmarks.batch_worker import Context
from benchmarks.embedded import BUCKET, SERVICES, TABLE, Done, add, campaign, count_calls, count_calls_of, counted, fill
from benchmarks.machine import machine
from benchmarks.serving import server
from recsys.lambdas.batch_processor import handler
from recsys.lambdas.batch_processor.state import State
from recsys.lambdas.clock import Clock

IN_TURNS = 5_000  # users over an endpoint, before there are all

Kind = Callable[[Sequence[str], int], Done]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, help="2,000; with --endpoint 100,000")
    parser.add_argument("--runs", type=int, default=3, help="of each, in turns; the median counts (3)")
    parser.add_argument("--endpoint", action="store_true", help="a SageMaker endpoint instead of a campaign")
    parser.add_argument("--round-trip", type=float, default=0.0, metavar="MS", help="that every call takes longer (0)")
    options = parser.parse_args()
    round_trip = options.round_trip / 1e3
    print(f"every call takes {options.round_trip:g} ms longer")
    users = [f"user-{number}" for number in range(options.users or (100_000 if options.endpoint else 2_000))]
    with tempfile.TemporaryDirectory(prefix="recsys-benchmark-") as state, server(Path(state)):
        count_calls(round_trip)
        count_calls_of(handler.as_they_travel.get_component("event_emitter"), round_trip)
        os.environ.update(TABLE_NAME=TABLE, BUCKET_NAME=BUCKET, ENDPOINT_NAME="", CAMPAIGN_ARN="")
        os.environ.update(ACTIVE_DAYS="30", MAX_FAILED_PERCENT="5", ENVIRONMENT="benchmark")
        if options.endpoint:
            over_endpoint(users, options.runs)
        else:
            over_campaign(users, options.runs, Path(state))


def over_campaign(users: Sequence[str], runs: int, folder: Path) -> None:
    """Both in turns, with one trained campaign."""
    os.environ["CAMPAIGN_ARN"] = campaign(folder)
    fill(users)
    in_turns(users, runs, of_campaign, "campaign alone")


def over_endpoint(users: Sequence[str], runs: int) -> None:
    """Both in turns with the first users, then the batch alone with all, killed and resumed."""
    batch_endpoint.hosted()
    os.environ["ENDPOINT_NAME"] = batch_endpoint.NAME
    first, others = users[:IN_TURNS], users[IN_TURNS:]
    fill(first, events=batch_endpoint.EVENTS)
    in_turns(first, runs, of_endpoint, "endpoint alone")
    add(others, events=batch_endpoint.EVENTS)
    batch_endpoint.measure(len(users))


def in_turns(users: Sequence[str], runs: int, asking: Callable[[], Ask], alone: str) -> None:
    """Measure the batch, the plain handler and the limits, `runs` times, and print."""
    kinds: dict[str, Kind] = {"plain": plain(asking), "batch": batch, alone: asked, "writes alone": written}
    print(f"{machine()}, python {platform.python_version()}; {len(users):,} users, median of {runs}\n")
    rounds = [{name: run(users, number) for name, run in kinds.items()} for number in range(runs)]
    table({name: [done[name] for done in rounds] for name in kinds})


def batch(users: Sequence[str], number: int) -> Done:
    """The batch processor, for a day not done yet."""
    handler.logger.setLevel("CRITICAL")
    with contextlib.redirect_stdout(io.StringIO()):  # its metrics
        return counted(lambda: handler.handler({"date": f"2030-02-{number + 1:02}"}, Context())["served"])


def asked(users: Sequence[str], number: int) -> Done:
    """The batch's questions alone."""
    source, clock = handler._source(), Clock(Context())
    parts = [users[begin : begin + source.at_once] for begin in range(0, len(users), source.at_once)]
    return counted(lambda: sum(len(source.recommend(dict.fromkeys(part, ()), clock)) for part in parts))


def written(users: Sequence[str], number: int) -> Done:
    """The batch's writes alone, one after another."""
    source, clock = handler._source(), Clock(Context())
    items = source.recommend({users[0]: ()}, clock)[users[0]]
    profiles = handler._profiles(State("", 0, ""), source)
    return counted(lambda: len(users) - len(profiles.write(dict.fromkeys(users, items), "benchmark", clock)))


def table(measured: dict[str, list[Done]]) -> None:
    """Users a second and calls per 1,000 users, of each; then the batch over the plain handler."""
    services = [
        name for name in dict.fromkeys(SERVICES.values()) if any(runs[-1][2][name] for runs in measured.values())
    ]
    print(f"{'':16}{'users':>8}{'users/s':>10}{''.join(f'{name:>13}' for name in services)}{'all calls':>13}")
    speeds, calls = {}, {}
    for name, runs in measured.items():
        users, _, counts = runs[-1]
        speeds[name] = median(done / seconds for done, seconds, _ in runs)
        each: dict[str, Any] = {service: 1000 * counts[service] / users for service in services}
        calls[name] = {**each, "all": sum(each.values())}
        row = "".join(f"{value:13,.0f}" for value in calls[name].values())
        print(f"{name:16}{users:8,}{speeds[name]:10,.0f}{row}", flush=True)
    fewer = {service: calls["plain"][service] / calls["batch"][service] for service in ("DynamoDB", "all")}
    print(f"\nbatch over plain: {speeds['batch'] / speeds['plain']:.1f} times the users per second,", end=" ")
    print(f"{fewer['DynamoDB']:.1f} times fewer DynamoDB calls, {fewer['all']:.1f} times fewer in all")
    alone = [name for name in speeds if name.endswith("alone")]
    shares = ", ".join(f"{100 * speeds['batch'] / speeds[name]:.0f} % of {name}" for name in alone)
    print(f"the batch's speed is {shares}\n")


if __name__ == "__main__":
    main()
