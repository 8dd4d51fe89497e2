"""`prepare`: raw interactions to a clean table, as a SageMaker processing job.

Reads the CSV and Parquet files in processing/input and writes processing/output/interactions/interactions.csv, which is
what `train` reads, and processing/output/report/report.json: every rule, how many rows it met and what was done.
`--map USER_ID=customer` says what a column is called in the files; those of our names need none.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from recsys.columns import INTERACTION_COLUMNS
from recsys.data import clean, sources, tables
from recsys.data.checks import QualityReport
from recsys.data.preparation import interactions_table
from recsys.errors import DataError
from recsys.sagemaker.container.channels import files_in
from recsys.sagemaker.container.paths import Paths, reason_told, write

SUFFIXES = (".csv", ".parquet")


def main(arguments: list[str] | None = None) -> None:
    """Prepare what is under the base folder; exit 1 with the reason in output/message, which SageMaker shows."""
    parser = argparse.ArgumentParser(prog="prepare", description=__doc__.splitlines()[0])
    parser.add_argument("--map", action="append", default=[], metavar="OURS=THEIRS", dest="pairs")
    parser.add_argument("--max-events-per-user", type=int, metavar="N", help="leave out users with more, as bots")
    asked = parser.parse_args(arguments)
    paths = Paths.here()
    with reason_told(paths.message):
        prepare(paths.processing, _mapping(asked.pairs), asked.max_events_per_user)


def prepare(folder: Path, mapping: dict[str, str], max_events_per_user: int | None = None) -> None:
    """From folder/input to folder/output. mapping: our column -> theirs.

    Raises DataError where a file cannot be used as it is, or nothing is left of them.
    """
    found = [path for path in files_in(folder / "input") if path.name.endswith(SUFFIXES)]
    if not found:
        raise DataError(f"{folder / 'input'} has no file that ends in {' or '.join(SUFFIXES)}")
    loaded = [_loaded(path, mapping) for path in found]
    raw = pd.concat([each.events for each in loaded], ignore_index=True)
    events, problems = clean.clean(raw, clean.rules(int(time.time()), max_events_per_user))
    notes = tuple(f"{each.file.name}: {note}" for each in loaded for note in each.notes)
    report = QualityReport(f"{len(found)} files", len(raw), len(events), tuple(problems), notes)
    print(report, flush=True)
    if events.empty:
        raise DataError(f"nothing is left of {len(raw):,} interactions: {_removed(report)}")
    tables.write_table(
        folder / "output" / "interactions" / "interactions.csv", interactions_table(events), INTERACTION_COLUMNS
    )
    write(folder / "output" / "report" / "report.json", json.dumps(asdict(report), indent=1))


def _mapping(pairs: list[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    for ours, equals, theirs in split:
        if not (ours and equals and theirs):
            raise DataError(f'--map "{ours}{equals}{theirs}": write it as USER_ID=customer')
    return {ours: theirs for ours, _, theirs in split}


def _loaded(path: Path, mapping: dict[str, str]) -> sources.Loaded:
    try:
        return sources.load("file", path, column_mapping=mapping)
    except DataError as error:  # which speaks of the parameters of a notebook
        raise DataError(str(error).replace("data.column_mapping", "--map")) from None


def _removed(report: QualityReport) -> str:
    return ", ".join(f"{each.problem} {each.removed:,}" for each in report.problems if each.removed)


if __name__ == "__main__":
    main()
