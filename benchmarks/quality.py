"""Recommenders side by side: same data, same split, same rule about seen items, same machine, same run.

    python -m benchmarks.quality data/sample/interactions.csv
    python -m benchmarks.quality ml-1m.inter --core 5 --protocol leave-last-out --models "popularity,EASE,next item"
    python -m benchmarks.quality gowalla --json gowalla.json

    python -m benchmarks.quality ratings.dat --core 5 --protocol leave-last-out --categories movies.dat

FILE is a table, sequences, pairs or a folder with train.txt and test.txt: see benchmarks/files.py. Nothing is tuned on
the tested users: whoever has settings chooses them inside the training data, and the seconds count as training.

Seen items are dropped from every model's lists, or kept in them, alike. Unless --seen says so they are dropped where
fewer than one event in a hundred is a repeat; on Personalize's protocol, which never drops them, they are kept.

Train s is the clock of one run. Users/s is all tested users in one call, top 25. Peak MB is the most memory resident in
the model's own forked process (getrusage, ru_maxrss), less that of one that only holds the data.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import verdicts
from benchmarks.arguments import some_of
from benchmarks.beyond import Catalogue, categories
from benchmarks.children import ChildFailed, in_child
from benchmarks.files import Source, read
from benchmarks.machine import machine
from benchmarks.peers import PEERS, import_libraries
from benchmarks.recommenders import NEXT_ITEM, RECOMMENDERS, LeftOut
from benchmarks.tuning import PROTOCOLS, Task
from recsys import metrics
from recsys.errors import DataError, RecsysError
from recsys.models import Sequences
from recsys.models.protocol import Split, given_split

ALL = {name: fit for name, fit in (RECOMMENDERS | PEERS).items() if name != NEXT_ITEM}
ALL[NEXT_ITEM] = RECOMMENDERS[NEXT_ITEM]  # ours is the last line
REPEATS = 0.01  # share of events on an item the user had before, from which data counts as repeated

MEASURES: dict[str, Callable[[np.ndarray, Sequence[np.ndarray]], np.ndarray]] = {
    "NDCG@10": lambda codes, targets: metrics.ndcg_at(codes, targets, 10),
    "NDCG@20": lambda codes, targets: metrics.ndcg_at(codes, targets, 20),
    "recall@10": lambda codes, targets: metrics.recall_at(codes, targets, 10),
    "recall@20": lambda codes, targets: metrics.recall_at(codes, targets, 20),
    "MRR@25": lambda codes, targets: metrics.reciprocal_rank(codes, targets, 25),
    "precision@10": lambda codes, targets: metrics.precision_at(codes, targets, 10),
}


@dataclass(frozen=True)
class Measured:
    """One model: how good its lists are, with NDCG@10 of each user (n,), what they are like, and what it took."""

    name: str
    note: str
    metrics: dict[str, metrics.Interval]
    ndcg: np.ndarray
    lists: dict[str, metrics.Interval]
    train_seconds: float
    users_per_second: float
    peak_mb: float


def main() -> None:
    """Parse, measure, print."""
    options = parse()
    try:
        source = read(options.file, options.core)
        task = task_of(source, options)
        about = described(source, task, options)
        print(heading(about))
        known = options.categories and categories(options.categories, task.split.train.item_ids)
        results = measured_all(options.models, task, Catalogue.of(task.split.train, known))
    except RecsysError as error:
        sys.exit(f"error: {error}")
    against = ratios(results, task.seed)
    print(table(results))
    print(conclusion(against))
    rows = written(results, against)
    print("\n".join(["", verdicts.of_accuracy(rows, NEXT_ITEM), verdicts.of_seconds(rows, NEXT_ITEM)]))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({**about, "results": rows}, indent=1) + "\n")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="interactions: a file, or a folder with train.txt and test.txt")
    parser.add_argument("--protocol", choices=PROTOCOLS, help="personalize; given where the data came with a split")
    parser.add_argument(
        "--seen", choices=("keep", "drop"), help="drop seen items from all lists, or from none; see below"
    )
    parser.add_argument("--core", type=int, default=0, help="only users and items with that many events")
    parser.add_argument("--models", type=some_of(ALL, "model"), default=list(ALL), help=f"some of: {', '.join(ALL)}")
    parser.add_argument("--categories", type=Path, metavar="FILE", help="of the items: columns ITEM_ID and CATEGORY")
    parser.add_argument("--name", help="what the data is called in the results (the file's name)")
    parser.add_argument("--json", type=Path, help="write the results here, for benchmarks/report.py")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the models and the bootstrap (0)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of a model (all cores)")
    return parser.parse_args()


def task_of(source: Source, options: argparse.Namespace) -> Task:
    """The split and the rule about seen items, the same for all models.

    Raises DataError where the protocol and the data do not fit.
    """
    protocol = options.protocol or ("personalize" if source.test is None else "given")
    if (protocol == "given") != (source.test is not None):
        raise DataError(f"{options.file}: --protocol given is for a folder with train.txt and test.txt, and only it is")
    if protocol == "temporal" and not source.timed:
        raise DataError(f"{options.file}: the file has an order but no times to cut at; choose leave-last-out")
    if protocol == "given":
        split = given_split(source.interactions, source.test)
    else:
        split = PROTOCOLS[protocol](Sequences.from_interactions(source.interactions), options.seed)
    drop = protocol != "personalize" and repeats(split) < REPEATS if options.seen is None else options.seen == "drop"
    return Task(split, protocol, drop, options.seed, options.threads)


def repeats(split: Split) -> float:
    """Share of the tested users' events, input and target, on an item that the same user has once more."""
    users = [np.concatenate(pair) for pair in zip(split.histories, split.targets, strict=True)]
    events = sum(len(codes) for codes in users)
    return 1 - sum(len(np.unique(codes)) for codes in users) / events


def described(source: Source, task: Task, options: argparse.Namespace) -> dict[str, Any]:
    """What it is measured on and with, the data, the protocol and the rule about seen items."""
    events = source.interactions["USER_ID"]
    return {
        "machine": machine(),
        "python": f"Python {platform.python_version()}, numpy {np.__version__}",
        "threads": task.threads,
        "data": (options.name or source.name) + (f", {options.core}-core" if options.core else ""),
        "events": len(events),
        "users": int(events.nunique()),
        "items": task.split.train.n_items,
        "protocol": task.protocol,
        "tested": len(task.split.targets),
        "seed": task.seed,
        "seen": "dropped" if task.drop else "kept",
        "repeats": repeats(task.split),
    }


def heading(about: dict[str, Any]) -> str:
    """What is measured on what, in words."""
    return (
        "{machine}; {python}; {threads} threads\n"
        "{data}: {events:,} events, {users:,} users, {items:,} items\n"
        "protocol {protocol}, seed {seed}: {tested:,} users tested; {repeats:.1%} of their events are repeats; "
        "seen items are {seen} for all models (--seen)\n"
    ).format(**about)


def measured_all(names: Sequence[str], task: Task, catalogue: Catalogue) -> list[Measured]:
    """Each model in its own process; one that is left out or fails has a line and no result."""
    _, held = in_child(lambda: None)
    results = []
    for name in names:
        try:
            outcome, peak = in_child(lambda name=name: trained_and_asked(name, task))
        except ChildFailed as failure:
            print(f"{name} failed: {failure}", flush=True)
            continue
        if isinstance(outcome, LeftOut):
            print(f"{name} is left out: {outcome}", flush=True)
            continue
        codes, note, train, ask = outcome
        print(f"{name}{': ' if note else ''}{note}", flush=True)
        costs = train, len(codes) / max(ask, 1e-9), max(0.0, peak - held)
        results.append(measured(name, note, codes, task, catalogue, *costs))
    return results


def measured(name: str, note: str, codes: np.ndarray, task: Task, catalogue: Catalogue, *costs: float) -> Measured:
    """A model's lists (n, DEPTH) against the targets; costs: training seconds, users per second, peak MB."""
    split = task.split
    per_user = {metric: measure(codes, split.targets) for metric, measure in MEASURES.items()}
    intervals = {metric: metrics.bootstrap(values, task.seed) for metric, values in per_user.items()}
    lists = catalogue.like(codes, split, task.seed)
    return Measured(name, note, intervals, per_user["NDCG@10"], lists, *costs)


def trained_and_asked(name: str, task: Task) -> tuple[np.ndarray, str, float, float] | LeftOut:
    """A model's lists (n, DEPTH), its note, and the seconds to train and to make the lists; or why it takes no part."""
    try:
        import_libraries(name)
        with threadpool_limits(task.threads, user_api="blas"):
            start = time.perf_counter()
            lists, note = ALL[name](task)
            trained = time.perf_counter()
            codes = lists(task.split.histories)
            return np.asarray(codes, np.int32), note, trained - start, time.perf_counter() - trained
    except LeftOut as reason:
        return reason


def table(results: Sequence[Measured]) -> str:
    """One line a model: mean and 95 % bootstrap interval of each metric, and what the lists are like and took."""
    lists = list(dict.fromkeys(name for result in results for name in result.lists))
    width = max((len(result.name) for result in results), default=0) + 1
    heads = [*(f"{name:>25}" for name in (*MEASURES, *lists)), *(f"{name:>12}" for name in COSTS)]
    lines = ["", " " * width + "".join(heads)]
    for result in results:
        cells = [f"{interval!s:>25}" for interval in (*result.metrics.values(), *result.lists.values())]
        cells += [f"{cost(result):>12,.{digits}f}" for digits, cost in COSTS.values()]
        lines.append(f"{result.name:{width}}" + "".join(cells))
    return "\n".join(lines)


COSTS: dict[str, tuple[int, Callable[[Measured], float]]] = {
    "train s": (1, lambda result: result.train_seconds),
    "users/s": (0, lambda result: result.users_per_second),
    "peak MB": (0, lambda result: result.peak_mb),
}


def ratios(results: Sequence[Measured], seed: int) -> dict[str, metrics.Interval]:
    """NextItem's NDCG@10 over each other model's, users resampled in pairs; nothing where it took no part."""
    values = {result.name: result.ndcg for result in results}
    next_item = values.pop(NEXT_ITEM, None)
    if next_item is None:
        return {}
    return {name: metrics.bootstrap_ratio(next_item, theirs, seed) for name, theirs in values.items()}


def conclusion(against: dict[str, metrics.Interval]) -> str:
    """The ratios in words."""
    lines = [f"  {name:20} x {ratio}" for name, ratio in against.items()]
    return "\n".join([f"\n{NEXT_ITEM}'s NDCG@10 over that of:", *lines]) if lines else ""


def written(results: Sequence[Measured], against: dict[str, metrics.Interval]) -> list[dict[str, Any]]:
    """The results as plain values for JSON; intervals are [mean, low, high], `ratio` is NextItem's to this model."""
    rows = [asdict(result) | {"ratio": against.get(result.name)} for result in results]
    return [{name: value for name, value in row.items() if name != "ndcg"} for row in rows]


if __name__ == "__main__":
    main()
