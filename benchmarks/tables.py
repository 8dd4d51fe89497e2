"""Small tables of what was measured: on the terminal, as JSON, and together as docs/protocols.md.

python -m benchmarks.tables build/protocols/*.json
"""

import argparse
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.machine import machine
from benchmarks.report import interval, read, table_lines
from benchmarks.verdicts import behind_by, standing
from recsys import metrics
from recsys.errors import RecsysError

INTRODUCTION = """# Each task by a protocol of its own

Written by `make protocols`. [The quality page](quality.md) ranks everything for a user; this one asks of each
recommender what it is there for. Brackets are 95 % bootstrap intervals; *against it* is the ratio of the first column,
ours over that line's, resampled in pairs: an interval that holds 1 shows no difference. Settings are chosen inside the
training data. Some constants of our models were chosen on the sample and on Online Retail: how sure a trend must be and
how much better it must be to forget, and for similar items, how far what comes soon counts, from how many interactions
on they are trusted and how little a pair says that few users touched; the last also on short pieces of histories, from
which it matters. How far the whole history counts for new items was chosen on the sample and on MovieLens-1M. The
protocols are in [`benchmarks/protocols`](../benchmarks/protocols) and
[`benchmarks/newcomers.py`](../benchmarks/newcomers.py).
"""
AGAINST = "against it"
BOUND = "the truth itself"  # a line that nothing can be ahead of


@dataclass(frozen=True)
class Table:
    """What was measured how, in a sentence or two, and (mean, low, high) of each line and column."""

    title: str
    about: str
    rows: dict[str, dict[str, metrics.Interval]]


def compared(
    title: str, about: str, values: Mapping[str, Mapping[str, np.ndarray]], ours: str | None = None, seed: int = 0
) -> Table:
    """A table of values (n,) per query, by line and column: means with intervals, and the ratio of our line to each.

    The ratio is of the first column; a value that is NaN has no part in the mean.
    """
    rows = {name: {column: mean(each, seed) for column, each in columns.items()} for name, columns in values.items()}
    if ours:
        first = next(iter(values[ours]))
        for name, row in rows.items():
            if name != ours:
                row[f"{ours} {AGAINST}"] = metrics.bootstrap_ratio(values[ours][first], values[name][first], seed)
    return Table(title, about, rows)


def mean(values: np.ndarray, seed: int = 0) -> metrics.Interval:
    """The mean of what there is of (n,) values."""
    return metrics.bootstrap(values[~np.isnan(values)], seed)


def auc(scores: np.ndarray, wanted: np.ndarray) -> float:
    """How often one of `wanted` (n,) bool has a higher score (n,) than one of the others; ties count half."""
    ranks = pd.Series(scores).rank().to_numpy()[wanted]
    return float((ranks.sum() - len(ranks) * (len(ranks) + 1) / 2) / (len(ranks) * (len(wanted) - len(ranks))))


def report(data: str, seed: int, threads: int, tables: Sequence[Table], path: Path | None) -> None:
    """Print the tables, and write them to `path` as JSON where there is one."""
    found = {
        "data": data,
        "seed": seed,
        "threads": threads,
        "machine": machine(),
        "python": f"Python {platform.python_version()}, numpy {np.__version__}",
        "tables": [asdict(table) for table in tables],
    }
    print(section(found))
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n")


def section(found: Mapping[str, Any]) -> str:
    """The tables of one data set in Markdown."""
    head = "## {data}\n\nMeasured on {machine}; {python}; threads: {threads}, seed {seed}.\n".format(**found)
    return "\n".join([head, *(markdown(table) for table in found["tables"])])


def markdown(table: Mapping[str, Any]) -> str:
    """One table under its title, and in words where ours is not ahead."""
    names = list(dict.fromkeys(column for row in table["rows"].values() for column in row))
    rows = [[line, *(_cell(row, name) for name in names)] for line, row in table["rows"].items()]
    parts = [f"### {table['title']}\n", f"{table['about']}\n", *table_lines(["", *names], rows), *verdict(table)]
    return "\n".join([*parts, ""])


def verdict(table: Mapping[str, Any]) -> list[str]:
    """Which lines ours is behind, and which it is not shown to differ from, by the intervals of the ratios.

    By the other columns, whose intervals are not of pairs, only where ours is behind beyond both of them.
    """
    rows = {line: row for line, row in table["rows"].items() if line != BOUND}
    ratios = {(name, line): row[name] for line, row in rows.items() for name in row if name.endswith(AGAINST)}
    if not ratios:
        return []
    ours = next(iter(ratios))[0].removesuffix(f" {AGAINST}")
    words = standing({line: ratio for (_, line), ratio in ratios.items()})
    columns = [name for name in rows.get(ours, {}) if not name.endswith(AGAINST)][1:]
    return [f"\nBy the first column {ours} is {words}.{behind_by(ours, rows, columns)}"]


def _cell(row: Mapping[str, Sequence[float]], name: str) -> str:
    if name not in row:
        return ""
    return f"× {interval(row[name], 2)}" if "against" in name else interval(row[name], 3)


def main() -> None:
    """Read, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", help="what benchmarks.newcomers and benchmarks.protocols wrote")
    parser.add_argument("--page", type=Path, default=Path("docs/protocols.md"), help="(docs/protocols.md)")
    options = parser.parse_args()
    try:
        sections = [section(read(path, "tables", "benchmarks.protocols")) for path in options.files]
    except RecsysError as error:
        sys.exit(f"error: {error}")
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text("\n".join([INTRODUCTION, *sections]))


if __name__ == "__main__":
    main()
