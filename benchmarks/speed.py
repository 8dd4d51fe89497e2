"""How long one request takes beside the time memory needs, and how many users a second a batch answers.

    python -m benchmarks.speed
    python -m benchmarks.speed --items 10000 100000 --threads 2 --json speed.json
    pip install --target build/libs implicit faiss-cpu && python -m benchmarks.speed --libraries build/libs

Factors: 64 numbers an item, the 25 best products with a user. Their limit is one reading of the same array in the same
run, at whatever level of cache or memory it lies. Next item: the 25 best for a history of 50 events, from a model that
is fitted here. Contenders take turns, so that other load on the machine meets all alike; the median counts. All must
give the same items. implicit and faiss are left out, and named, where they are not installed.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from benchmarks.machine import machine
from recsys.models import NextItem, Sequences
from recsys.models.next_item.settings import Settings
from recsys.models.topk import top, top_k

WIDTH, FOUND, HISTORY = 64, 25, 50
AT_ONCE = 64  # users of one product: fewer waste it, more take their scores out of the cache before the best are found
LIMIT = "read once: the limit"

Call = Callable[[], Any]


@dataclass(frozen=True)
class Row:
    """One line of the table: median milliseconds of a call, their ratio to the limit's, users answered a second."""

    task: str
    items: int
    contender: str
    milliseconds: float
    times_limit: float | None
    users_per_second: float


def main() -> None:
    """Parse, measure, print."""
    options = parse()
    about = setting(options.threads)
    sys.path += [str(folder) for folder in options.libraries]
    others = {name: module for name in ("faiss", "implicit") if (module := installed(name))}
    with threadpool_limits(options.threads):
        print(about)
        missing = [name for name in ("faiss", "implicit") if name not in others]
        print(f"not installed and left out: {', '.join(missing)}\n" if missing else "")
        rows = []
        for row in measured(options, others):
            rows.append(row)
            limit = "" if row.times_limit is None else f"{row.times_limit:7.2f} x limit"
            timing = f"{row.milliseconds:10.3f} ms{row.users_per_second:12,.0f} users/s"
            print(f"{row.task:22}{row.items:>10,}  {row.contender:28}{timing}{limit}", flush=True)
    if options.json:
        figures = {"machine": about, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(figures, indent=1))


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
    parser.add_argument("--json", type=Path, metavar="FILE", help="the same figures as JSON")
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
    return f"{machine()}, {threads} threads, python {platform.python_version()}, {blas}"


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
        "recsys": lambda: top(users[0] @ factors, FOUND),
        "numpy argpartition": lambda: partitioned(users[0] @ factors),
    }
    batch = {"recsys": lambda: in_blocks(users, factors)}
    for name, search in ((name, CONTENDERS[name](items, users, options.threads, others)) for name in others):
        lone[name], batch[name] = partial(search, 1), partial(search, len(users))
    agree(lone)
    agree(batch)
    read = {LIMIT: lambda: factors.max()}
    yield from lines("factors, one request", n_items, race(read | lone, options.seconds), 1)
    yield from lines("factors, batch", n_items, race(batch, options.seconds), len(users))


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
    lone = {"recsys": lambda: top(model.scores(next(turn)), FOUND)}
    yield from lines("next item", n_items, race(lone, options.seconds), 1)
    batch = {"recsys": lambda: model.recommend(asked, FOUND)}
    yield from lines("next item, batch", n_items, race(batch, options.seconds), len(asked))


def agree(contenders: dict[str, Call]) -> None:
    """Raises SystemExit where two contenders do not find the same items; their order may differ by rounding."""
    answers = {name: np.sort(np.atleast_2d(call()), axis=1) for name, call in contenders.items()}
    differing = [name for name, answer in answers.items() if np.mean(answer == answers["recsys"]) < 0.99]
    if differing:
        raise SystemExit(f"{', '.join(differing)} found other items than recsys: nothing to compare")


def race(contenders: dict[str, Call], seconds: float) -> dict[str, float]:
    """Median seconds of a call of each; they take turns until `seconds` are over, three turns at least."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    end, rounds = time.perf_counter() + seconds, 0
    while time.perf_counter() < end or rounds < 4:
        for name, call in contenders.items():
            started = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - started)
        rounds += 1
    return {name: float(np.median(times[1:])) for name, times in taken.items()}  # the first call only warms


def lines(task: str, n_items: int, medians: dict[str, float], users: int) -> Iterator[Row]:
    limit = medians.get(LIMIT)
    for name, seconds in medians.items():
        yield Row(task, n_items, name, 1e3 * seconds, seconds / limit if limit else None, users / seconds)


if __name__ == "__main__":
    main()
