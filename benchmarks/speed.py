"""How long one request takes beside the time that memory needs, and how many users a second a batch answers.

    python -m benchmarks.speed
    python -m benchmarks.speed --items 10000 100000 --threads 2 --json speed.json
    python -m benchmarks.speed --read speed.json --folder docs
    pip install --target build/libs implicit faiss-cpu && python -m benchmarks.speed --libraries build/libs

Factors: 64 numbers an item, the 25 best products with a user, beside the time of their bytes at memory's bandwidth and
beside one reading of the same array, at whatever level of cache or memory it lies. Next item: the 25 best for a history
of 50 events, from a model that is fitted here. Contenders take turns, so that other load on the machine meets all
alike; p50 and p99 are those of their calls. All must give the same items. implicit and faiss are left out, and named,
where they are not installed.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache, partial
from importlib import import_module
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from benchmarks.machine import machine
from benchmarks.report import read
from benchmarks.speed_page import BATCH, BATCH_NEXT, ONE, ONE_NEXT, OURS, READ, Row, draw, page
from recsys.errors import RecsysError
from recsys.models import NextItem, Sequences
from recsys.models.next_item.settings import Settings
from recsys.models.topk import top, top_k

WIDTH, FOUND, HISTORY = 64, 25, 50
BEYOND_CACHES = 2**28  # bytes
AT_ONCE = 64  # users of one product: fewer waste it, more take their scores out of the cache before the best are found

Call = Callable[[], Any]


def main() -> None:
    """Parse, measure or read, print, draw."""
    options = parse()
    try:
        found = read(options.read, "rows", "benchmarks.speed") if options.read else raced(options)
    except RecsysError as error:
        sys.exit(f"error: {error}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    rows = [Row(**row) for row in found["rows"]]
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        draw(rows, options.folder / "speed.svg")
        (options.folder / "speed.md").write_text(page(found["machine"], found["left_out"], rows))


def raced(options: argparse.Namespace) -> dict[str, Any]:
    """The machine, who was not installed, and all rows, printed as they are ready."""
    about = setting(options.threads)
    sys.path += [str(folder) for folder in options.libraries]
    others = {name: module for name in CONTENDERS if (module := installed(name))}
    missing = [name for name in CONTENDERS if name not in others]
    with threadpool_limits(options.threads):
        print(about)
        print(f"not installed and left out: {', '.join(missing)}\n" if missing else "")
        rows = []
        for row in measured(options, others):
            rows.append(row)
            times = "" if row.times_read is None else f"{row.times_read:7.2f} x read{row.times_memory:7.2f} x memory"
            timing = f"p50{row.p50:10.3f} ms  p99{row.p99:10.3f} ms{row.users_per_second:12,.0f} users/s"
            print(f"{row.task:22}{row.items:>10,}  {row.contender:22}{timing}{times}", flush=True)
    return {"machine": about, "left_out": missing, "rows": [asdict(row) for row in rows]}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--users", type=int, default=256, help="of a batch (256)")
    parser.add_argument("--threads", type=int, default=1, help="of every contender (1)")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each size and kind of request (5)")
    parser.add_argument(
        "--libraries", type=Path, nargs="*", default=[], metavar="DIR", help="where others are looked for"
    )
    parser.add_argument("--read", type=Path, metavar="FILE", help="results of an earlier run instead of a new one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here")
    parser.add_argument("--folder", type=Path, help="write the page speed.md and its figure speed.svg here")
    return parser.parse_args()


def installed(name: str) -> Any:
    """A module, or None."""
    try:
        return import_module(name)
    except ImportError:
        return None


def setting(threads: int) -> str:
    """The machine, what multiplies on it and in how many threads."""
    blas = next((f"{each['internal_api']} {each['version']}" for each in threadpool_info()), "no BLAS found")
    return f"{machine()}, {threads} thread{'s' * (threads != 1)}, python {platform.python_version()}, {blas}"


def measured(options: argparse.Namespace, others: dict[str, Any]) -> Iterator[Row]:
    """All lines, as they are ready."""
    for n_items in options.items:
        yield from by_factors(n_items, options, others)
    for n_items in options.items:
        yield from next_item(n_items, options)


def by_factors(n_items: int, options: argparse.Namespace, others: dict[str, Any]) -> Iterator[Row]:
    """One user and a batch of them against the factors of all items."""
    rng = np.random.default_rng(0)
    items = rng.standard_normal((n_items, WIDTH), dtype=np.float32)
    users = rng.standard_normal((options.users, WIDTH), dtype=np.float32)
    factors = np.ascontiguousarray(items.T)
    lone = {
        OURS: lambda: top(users[0] @ factors, FOUND),
        "numpy argpartition": lambda: partitioned(users[0] @ factors),
    }
    batch = {OURS: lambda: in_blocks(users, factors)}
    for name, search in ((name, CONTENDERS[name](items, users, options.threads, others)) for name in others):
        lone[name], batch[name] = partial(search, 1), partial(search, len(users))
    agree(lone)
    agree(batch)
    read = {READ: lambda: factors.max()}
    yield from lines(ONE, n_items, race(read | lone, options.seconds), 1, factors.nbytes / bandwidth())
    yield from lines(BATCH, n_items, race(batch, options.seconds), len(users))


@cache
def bandwidth() -> float:
    """Bytes a second that come from memory: of readings of more than any cache holds."""
    array = np.ones(BEYOND_CACHES // 4, np.float32)
    (seconds,) = race({READ: lambda: array.max()}, 0.5).values()
    return array.nbytes / float(np.median(seconds))


def in_blocks(users: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """(n, FOUND) the best of each user's products."""
    parts = (users[at : at + AT_ONCE] for at in range(0, len(users), AT_ONCE))
    return np.concatenate([top_k(part @ factors, FOUND)[0] for part in parts])


def partitioned(scores: np.ndarray) -> np.ndarray:
    """What everybody writes first."""
    best = np.argpartition(scores, -FOUND)[-FOUND:]
    return best[np.argsort(-scores[best])]


def faiss_flat(
    items: np.ndarray, users: np.ndarray, threads: int, others: dict[str, Any]
) -> Callable[[int], np.ndarray]:
    """The first n users through an exact index."""
    others["faiss"].omp_set_num_threads(threads)
    index = others["faiss"].IndexFlatIP(WIDTH)
    index.add(items)
    return lambda n: index.search(users[:n], FOUND)[1]


def implicit_als(
    items: np.ndarray, users: np.ndarray, threads: int, others: dict[str, Any]
) -> Callable[[int], np.ndarray]:
    """The first n users through a matrix factorization that has these factors."""
    als = import_module("implicit.cpu.als").AlternatingLeastSquares(factors=WIDTH, num_threads=threads)
    als.item_factors, als.user_factors = items, users
    return lambda n: als.recommend(np.arange(n), None, N=FOUND, filter_already_liked_items=False)[0]


CONTENDERS = {"faiss": faiss_flat, "implicit": implicit_als}


def next_item(n_items: int, options: argparse.Namespace) -> Iterator[Row]:
    """A fitted model's answers; a few items are popular and the events of a user have no order."""
    rng = np.random.default_rng(0)
    n_users, length = n_items // 10, 20
    codes = (n_items * rng.random(n_users * length) ** 3).astype(np.int32)
    names, users = (np.arange(n).astype(str).astype(object) for n in (n_items, n_users))
    offsets = np.arange(0, len(codes) + 1, length)
    seqs = Sequences(users, names, offsets, codes, np.tile(np.arange(length), n_users))
    model = NextItem.fit(seqs, threads=options.threads, settings=Settings(), budget=0)
    asked = (n_items * rng.random((options.users, HISTORY)) ** 3).astype(np.int64)
    turn = cycle(asked)
    lone = {OURS: lambda: top(model.scores(next(turn)), FOUND)}
    yield from lines(ONE_NEXT, n_items, race(lone, options.seconds), 1)
    batch = {OURS: lambda: model.recommend(asked, FOUND)}
    yield from lines(BATCH_NEXT, n_items, race(batch, options.seconds), len(asked))


def agree(contenders: dict[str, Call]) -> None:
    """Raises SystemExit where two contenders do not find the same items; their order may differ by rounding."""
    answers = {name: np.sort(np.atleast_2d(call()), axis=1) for name, call in contenders.items()}
    differing = [name for name, answer in answers.items() if np.mean(answer == answers[OURS]) < 0.99]
    if differing:
        raise SystemExit(f"{', '.join(differing)} found other items than recsys: nothing to compare")


def race(contenders: dict[str, Call], seconds: float) -> dict[str, np.ndarray]:
    """Seconds of each call of each; they take turns until `seconds` are over, three turns at least."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    end, rounds = time.perf_counter() + seconds, 0
    while time.perf_counter() < end or rounds < 4:
        for name, call in contenders.items():
            started = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - started)
        rounds += 1
    return {name: np.array(times[1:]) for name, times in taken.items()}  # the first call only warms


def lines(
    task: str, n_items: int, taken: dict[str, np.ndarray], users: int, memory: float | None = None
) -> Iterator[Row]:
    """The row of each contender, from the seconds of its calls, each of so many users, and those of memory."""
    read = float(np.median(taken[READ])) if READ in taken else None
    for name, seconds in taken.items():
        p50, p99 = (float(value) for value in np.percentile(seconds, [50, 99]))
        times = read and p50 / read, memory and p50 / memory
        yield Row(task, n_items, name, len(seconds), 1e3 * p50, 1e3 * p99, *times, users / p50)


if __name__ == "__main__":
    main()
