"""How the next-item model grows: seconds, memory and quality from 1 to 25 million events, 1,000 to a million items.

    python -m benchmarks.scale --json build/scale.json --folder docs
    python -m benchmarks.scale --cell 25000000 200000
    python -m benchmarks.scale --read build/scale.json --folder docs

The data is synthetic and seeded. Users stay with a few clusters of items, of which some are far more popular than
others (Zipf, exponent 1), and in 35 of 100 events take one of a few followers of something they had lately: so order
says more than popularity. Each cell runs in a process of its own; its memory is that process's peak up to the trained
model, data included. 5,000 users' last events are held out and never seen by the fit, which chooses its own settings.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from benchmarks.machine import machine
from recsys import metrics
from recsys.models import NextItem, Popularity, Sequences
from recsys.models.protocol import Split, leave_last_out
from recsys.plots import style

CELLS = (  # events, items
    *((1_000_000, items) for items in (1_000, 20_000, 200_000, 1_000_000)),
    *((5_000_000, items) for items in (1_000, 20_000, 200_000, 1_000_000)),
    *((25_000_000, items) for items in (1_000, 20_000, 200_000, 1_000_000)),
)
EVENTS_A_USER, MOST_EVENTS = 50, 500
CLUSTER, TASTES, FOLLOWERS = 100, 4, 4  # items of a cluster, clusters of a user, followers of an item
FOLLOWING, FAR = 0.35, 0.2  # share of events that follow an earlier one, and of followers outside the cluster
TESTED = 5_000


def main() -> None:
    """Parse, measure or read, print, draw."""
    options = parse()
    if options.cell:
        print(json.dumps(measure(*options.cell, options.seed, options.threads)))
        return
    if options.read:
        cells = json.loads(options.read.read_text())
    else:
        cells = [in_own_process(events, items, options) for events, items in CELLS]
    print(table(cells))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(cells, indent=1) + "\n")
    if options.folder:
        draw(cells, options.folder / "scale.svg")
        (options.folder / "scale.md").write_text(page(cells))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", type=int, nargs=2, metavar=("EVENTS", "ITEMS"), help="measure one, print JSON")
    parser.add_argument("--read", type=Path, metavar="FILE", help="results of an earlier run instead of a new one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here")
    parser.add_argument("--folder", type=Path, help="write the page scale.md and its figure scale.svg here")
    parser.add_argument("--seed", type=int, default=0, help="of the data, the split and the model (0)")
    parser.add_argument("--threads", type=int, default=2, help="threads of the matrix products (2)")
    return parser.parse_args()


def in_own_process(events: int, items: int, options: argparse.Namespace) -> dict[str, Any]:
    """One cell's result; where it fails, `failed` holds the last line of what it printed."""
    command = [sys.executable, "-m", "benchmarks.scale", "--cell", str(events), str(items)]
    command += ["--seed", str(options.seed), "--threads", str(options.threads)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"events": events, "items": items, "failed": (done.stderr.strip().splitlines() or [""])[-1]}
    cell = json.loads(done.stdout)
    print(line(cell), file=sys.stderr)
    return cell


def measure(n_events: int, n_items: int, seed: int, threads: int) -> dict[str, Any]:
    """Fit and evaluate on one synthetic data set."""
    seqs = synthetic(n_events, n_events // EVENTS_A_USER, n_items, seed)
    split = leave_last_out(seqs, np.random.default_rng(seed).choice(seqs.n_users, min(TESTED, seqs.n_users), False))
    start = time.perf_counter()
    model = NextItem.fit(split.train, seed, threads)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    ours, popular = (ndcg(each, split) for each in (model, Popularity.fit(split.train)))
    return {
        "machine": f"{machine()}; {threads} threads",
        "events": n_events,
        "users": split.train.n_users,
        "items": n_items,
        "seconds": round(seconds, 1),
        "peak_gb": round(peak / 1e9, 2),
        "ndcg": round(ours.mean(), 4),
        "popularity_ndcg": round(popular.mean(), 4),
        "ratio": [round(value, 2) for value in metrics.bootstrap_ratio(ours, popular, seed)],
        "trials": len(model.trials),
        "settings": model.settings,
    }


def ndcg(model: NextItem | Popularity, split: Split) -> np.ndarray:
    """(n,) NDCG@10 of each held-out user."""
    return metrics.ndcg_at(model.recommend(split.histories, 10)[0], split.targets, 10)


def synthetic(n_events: int, n_users: int, n_items: int, seed: int = 0) -> Sequences:
    """About n_events events of users with two events or more, the one with the most events first."""
    rng = np.random.default_rng(seed)
    n_clusters = max(1, n_items // CLUSTER)

    def of_cluster(clusters: np.ndarray) -> np.ndarray:
        """An item of each of these clusters, by popularity; item `i` is of cluster `i % n_clusters`."""
        return np.minimum(zipf(rng, len(clusters), CLUSTER) * n_clusters + clusters, n_items - 1)

    followers = of_cluster(np.repeat(np.arange(n_items) % n_clusters, FOLLOWERS)).reshape(n_items, FOLLOWERS)
    far = rng.random(followers.shape) < FAR
    followers[far] = rng.integers(0, n_items, far.sum())
    tastes = zipf(rng, n_users * TASTES, n_clusters).reshape(n_users, TASTES)
    lengths = lengths_of(rng, n_events, n_users)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    codes = np.empty(offsets[-1], np.int32)
    for step in range(lengths[0]):  # the step-th event of all users that have one: these come first
        active = int(np.searchsorted(-lengths, -step))
        at = offsets[:active] + step
        codes[at] = of_cluster(tastes[np.arange(active), rng.integers(0, TASTES, active)])
        if step:
            after = at[rng.random(active) < FOLLOWING]
            back = np.minimum(rng.geometric(0.6, len(after)), step)
            which = np.minimum(rng.geometric(0.5, len(after)), FOLLOWERS) - 1
            codes[after] = followers[codes[after - back], which]
    names = rng.permutation(n_items).astype(np.int32)  # so that a code tells nothing
    return Sequences(_ids("u", n_users), _ids("i", n_items), offsets, names[codes], np.arange(len(codes)))


def zipf(rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """(n,) int64 ranks from 0 to size - 1, of probability about 1 / (1 + rank)."""
    ranks = np.exp(rng.random(n) * np.log(size + 1)) - 1
    return np.minimum(ranks.astype(np.int64), size - 1)


def lengths_of(rng: np.random.Generator, n_events: int, n_users: int) -> np.ndarray:
    """(n_users,) int64, from 2 to MOST_EVENTS, geometric, the largest first."""
    drawn = np.minimum(rng.geometric(n_users / n_events, n_users), MOST_EVENTS)
    return -np.sort(-np.clip(np.round(drawn * (n_events / drawn.sum())).astype(np.int64), 2, MOST_EVENTS))


def _ids(prefix: str, n: int) -> np.ndarray:
    return np.array([f"{prefix}{i}" for i in range(n)], object)


def growth(sizes: list[float], values: list[float]) -> float:
    """The exponent b of values = a * sizes ^ b, by least squares of the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


HEADS = ("events", "users", "items", "seconds", "peak GB", "NDCG@10", "x popularity")


def table(cells: list[dict[str, Any]]) -> str:
    """One line a cell, and the growth laws of the cells that were measured."""
    head = "".join(f"{name:>{width}}" for name, width in zip(HEADS, (12, 10, 11, 9, 9, 9, 22), strict=True))
    return "\n".join([head, *(line(cell) for cell in cells), "", *laws(cells)])


def line(cell: dict[str, Any]) -> str:
    """One line of the table."""
    if "failed" in cell:
        return f"{cell['events']:>12,}{'':10}{cell['items']:>11,}  {cell['failed']}"
    events, users, items, seconds, memory, ndcg, ratio = values(cell)
    return f"{events:>12}{users:>10}{items:>11}{seconds:>9}{memory:>9}{ndcg:>9}{ratio:>22}"


def values(cell: dict[str, Any]) -> list[str]:
    """What a line shows of a measured cell."""
    mean, low, high = cell["ratio"]
    counts = [f"{cell[name]:,}" for name in ("events", "users", "items")]
    measured = [f"{cell['seconds']:.1f}", f"{cell['peak_gb']:.2f}", f"{cell['ndcg']:.4f}"]
    return [*counts, *measured, f"{mean:.2f} [{low:.2f}, {high:.2f}]"]


AGAINST = (("events", "items"), ("items", "events"))  # what is varied, and what is held
TICKS = {"seconds": (10, 20, 50, 100, 200, 500), "peak_gb": (0.5, 1, 2, 5, 10)}


def laws(cells: list[dict[str, Any]]) -> list[str]:
    """How seconds and memory grow with events at each number of items, and with items at each number of events."""
    found = []
    for varied, held in AGAINST:
        for size, some in series(cells, held):
            seconds, memory = (growth(column(some, varied), column(some, of)) for of in ("seconds", "peak_gb"))
            found.append(f"{size:>11,} {held}: seconds ~ {varied} ^ {seconds:.2f}, memory ~ {varied} ^ {memory:.2f}")
    return found


def series(cells: list[dict[str, Any]], held: str) -> list[tuple[int, list[dict[str, Any]]]]:
    """Measured cells by what is held, in order; those alone with theirs are left out."""
    groups: dict[int, list[dict[str, Any]]] = {}
    for cell in cells:
        if "failed" not in cell:
            groups.setdefault(cell[held], []).append(cell)
    return [(size, groups[size]) for size in sorted(groups) if len(groups[size]) > 1]


def column(cells: list[dict[str, Any]], name: str) -> list[float]:
    """One value of each cell."""
    return [cell[name] for cell in cells]


def draw(cells: list[dict[str, Any]], path: Path) -> None:
    """Seconds and peak memory against events and against items, a line for each size of the other."""
    with matplotlib.rc_context({**style.RC, "svg.hashsalt": "scale"}):
        figure = Figure(figsize=(style.WIDTH, 6.4), layout="constrained", facecolor="white")
        for row, (varied, held) in zip(figure.subplots(2, 2, sharey="col"), AGAINST, strict=True):
            for axis, name, title in zip(row, ("seconds", "peak_gb"), ("seconds to train", "peak GB"), strict=True):
                for place, (size, some) in enumerate(series(cells, held)):
                    label = f"{short(size)} {held}"
                    axis.loglog(column(some, varied), column(some, name), label=label, **style.look(place))
                axis.set(xlabel=varied, ylabel=title, xticks=sorted({cell[varied] for cell in cells}))
                axis.minorticks_off()
                axis.xaxis.set_major_formatter(lambda value, _: short(value))
                axis.set_yticks(TICKS[name], [f"{tick:g}" for tick in TICKS[name]])
            row[0].legend(fontsize=7)
        figure.savefig(path, metadata={"Date": None})


def short(count: float) -> str:
    """A count as an axis shows it: 1k, 200k, 25M."""
    return f"{count / 1e6:g}M" if count >= 1e6 else f"{count / 1e3:g}k"


def page(cells: list[dict[str, Any]]) -> str:
    """The table, the laws and the figure as Markdown."""
    measured = [cell for cell in cells if "failed" not in cell]
    rows = [" | ".join(values(cell)) for cell in measured]
    failed = [f"- {line(cell).strip()}" for cell in cells if "failed" in cell]
    return "\n".join(
        [
            "# How the next-item model grows",
            "",
            "Written by `make scale`. Synthetic data and default settings, each size in a process of its own: see",
            "[`benchmarks/scale.py`](../benchmarks/scale.py). Seconds are those of choosing settings and training;",
            "peak memory is the whole process's, data included; NDCG@10 is that of 5,000 users' last events. Up to",
            "6,000 items the regression is solved exactly, which costs their number to the third, with a softmax twin",
            "beside it, which costs the number of events; above that all work is counted event by event. The search",
            "for settings has a budget, which the small sizes do not use up: so every exponent below is under 1.",
            "",
            f"Measured on {', '.join(dict.fromkeys(column(measured, 'machine')))}.",
            "",
            "![Seconds and peak memory of training against events and against items](scale.svg)",
            "",
            f"| {' | '.join(HEADS)} |",
            "|" + " ---: |" * len(HEADS),
            *(f"| {row} |" for row in rows),
            *(["", *failed] if failed else []),
            "",
            "Growth, by least squares of the logarithms:",
            "",
            *(f"- {law.strip()}" for law in laws(cells)),
            "",
        ]
    )


if __name__ == "__main__":
    main()
