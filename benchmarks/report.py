"""docs/quality.md and docs/quality.svg from what `benchmarks.quality --json` wrote.

python -m benchmarks.report build/quality/*.json
python -m benchmarks.report build/quality/*.json --folder docs
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import verdicts
from benchmarks.recommenders import NEXT_ITEM
from recsys.errors import DataError, RecsysError
from recsys.plots import style

Report = dict[str, Any]  # what quality.written answers

COLUMNS = ("NDCG@10", "recall@10", "recall@20", "MRR@25", "precision@10")
ROW_INCHES = 0.27
LEAST_SECONDS = 0.01  # where the axis of seconds begins: less is no training
INTRODUCTION = """# Recommenders side by side

Written by `make quality`. Within a table everything is the same for all: data, split, rule about seen items, machine,
run. Nothing is tuned on the tested users; whoever has settings chooses them inside the training data, by the same
protocol, and those seconds count as training: so the next item is told its goal, the `next` event (leave-last-out), a
list for unseen users (`newest`, personalize) or the weeks to come (`later`, temporal). Brackets are 95 % intervals over
the tested users, by the bootstrap; those of coverage and Gini by leaving out one user at a time. *Next item against it*
is the ratio of the two NDCG@10, the users resampled in pairs; where its interval holds 1, no difference is shown.
Peak memory is that of the model's own process (`ru_maxrss`) beyond what holding the data takes; users/s is all tested
users in one call, top 25. What the metrics mean is said in [`recsys/metrics`](../recsys/metrics) and
[`benchmarks/beyond.py`](../benchmarks/beyond.py), the protocols in [`protocol.py`](../recsys/models/protocol.py).
"""


def main() -> None:
    """Read, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "files", type=Path, nargs="+", help="what benchmarks.quality --json wrote, one for each data set"
    )
    parser.add_argument("--folder", type=Path, default=Path("docs"), help="where the page and its figure go (docs)")
    options = parser.parse_args()
    try:
        reports = [read(path) for path in options.files]
    except RecsysError as error:
        sys.exit(f"error: {error}")
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "quality.md").write_text(page(reports))
    draw(reports, options.folder / "quality.svg")


def read(path: Path, part: str = "results", writer: str = "benchmarks.quality") -> Report:
    """What `writer` wrote of one data set. Raises DataError where the file has no such part."""
    try:
        report = json.loads(path.read_text())
        if report[part]:
            return report
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise DataError(f"{path}: no {part}; write them with: python -m {writer} FILE --json {path}")


def page(reports: Sequence[Report]) -> str:
    """The whole page in Markdown."""
    alt = (
        "NDCG@10 with 95 % intervals, and training seconds, of each model on each data set; the tables hold the values"
    )
    return "\n".join([INTRODUCTION, f"![{alt}](quality.svg)", *(section(report) for report in reports)])


def section(report: Report) -> str:
    """One data set: what was measured how, how good the lists are, what they are like, what they took, the settings."""
    head = (
        "\n## {data}, {protocol}\n\n{events:,} events, {users:,} users, {items:,} items. Seed {seed}: "
        "{tested:,} users tested; {repeats:.1%} of their events are repeats, seen items are {seen} for all models.\n\n"
        "Measured on {machine}; {python}; {threads} threads.\n"
    ).format(**report)
    results = report["results"]
    accuracy = table_lines(["model", *COLUMNS, f"{NEXT_ITEM} against it"], [_accuracies(result) for result in results])
    names = list(dict.fromkeys(name for result in results for name in result["lists"]))
    beyond = table_lines(["model", *names], [_beyond(result, names) for result in results])
    costs = table_lines(["model", "train s", "users/s", "peak MB"], [_costs(result) for result in results])
    ranked, timed = verdicts.of_accuracy(results, NEXT_ITEM), verdicts.of_seconds(results, NEXT_ITEM)
    notes = [f"- {result['name']}: {result['note']}" for result in results if result["note"]]
    parts = [head, *accuracy, "", ranked, "", "Beyond accuracy, at 10:", "", *beyond, "", *costs, "", timed]
    return "\n".join([*parts, *(["", "Settings:", "", *notes] if notes else []), ""])


def _accuracies(result: dict[str, Any]) -> list[str]:
    ratio = f"× {interval(result['ratio'], 2)}" if result["ratio"] else ""
    return [result["name"], *(interval(result["metrics"][name], 4) for name in COLUMNS), ratio]


def _costs(result: dict[str, Any]) -> list[str]:
    costs = [f"{result['train_seconds']:.1f}", f"{result['users_per_second']:,.0f}", f"{result['peak_mb']:,.0f}"]
    return [result["name"], *costs]


def _beyond(result: dict[str, Any], names: Sequence[str]) -> list[str]:
    lists = result["lists"]
    return [result["name"], *(interval(lists[name], 3) if name in lists else "" for name in names)]


def table_lines(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    return [f"| {' | '.join(cells)} |" for cells in (names, ["---", *["---:"] * (len(names) - 1)], *rows)]


def interval(values: Sequence[float], digits: int) -> str:
    """Mean, low and high in words."""
    mean, low, high = (f"{value:.{digits}f}" for value in values)
    return f"{mean} [{low}, {high}]"


def draw(reports: Sequence[Report], path: Path) -> None:
    """A row of two panels for each data set, NDCG@10 and training seconds; the same bytes for the same results."""
    heights = [ROW_INCHES * len(report["results"]) + 0.9 for report in reports]
    with matplotlib.rc_context({**style.RC, "svg.hashsalt": "quality"}):
        figure = Figure(figsize=(style.WIDTH, sum(heights)), layout="constrained", facecolor="white")
        grid = figure.subplots(len(reports), 2, squeeze=False, height_ratios=heights, width_ratios=(3, 2))
        for (accuracy, seconds), report in zip(grid, reports, strict=True):
            _accuracy(accuracy, report)
            _seconds(seconds, report)
        figure.savefig(path, metadata={"Date": None})


def _accuracy(axes: Axes, report: Report) -> None:
    for place, result in enumerate(report["results"]):
        mean, low, high = result["metrics"]["NDCG@10"]
        axes.errorbar(mean, place, xerr=[[mean - low], [high - mean]], fmt="o", capsize=3, color=_colour(result))
    axes.set_yticks(range(len(report["results"])), [result["name"] for result in report["results"]])
    axes.tick_params(axis="y", labelcolor=style.INK)
    axes.set(title=f"{report['data']}, {report['protocol']}", xlabel="NDCG@10", xlim=(0, None))
    axes.invert_yaxis()


def _seconds(axes: Axes, report: Report) -> None:
    for place, result in enumerate(report["results"]):
        axes.plot(max(LEAST_SECONDS, result["train_seconds"]), place, "o", color=_colour(result))
    slowest = max(result["train_seconds"] for result in report["results"])
    decades = math.ceil(math.log10(max(1.0, slowest) * 1.5))
    axes.set(xscale="log", xlabel="seconds to train, settings chosen", xlim=(LEAST_SECONDS / 1.5, 10**decades))
    axes.set_yticks(range(len(report["results"])), [""] * len(report["results"]))
    axes.invert_yaxis()


def _colour(result: dict[str, Any]) -> str:
    return style.VERMILLION if result["name"] == NEXT_ITEM else style.BLUE


if __name__ == "__main__":
    main()
