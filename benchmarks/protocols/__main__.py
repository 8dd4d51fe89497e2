"""Each task by a protocol of its own: similar items, popular and trending ones, rankings, segments of users.

    python -m benchmarks.protocols data/sample/interactions.csv
    python -m benchmarks.protocols data/raw/online-retail.parquet --only "ranking, segments" --json retail.json

FILE as in benchmarks/files.py. Metadata are those of items.csv beside it, or Online Retail's own. Seen items are kept
everywhere. What has settings chooses them inside the training data; what is not installed is left out.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.arguments import some_of
from benchmarks.files import read
from benchmarks.protocols.data import Data, items_of
from benchmarks.protocols.moments import moments
from benchmarks.protocols.ranking import ranking
from benchmarks.protocols.segments import segments
from benchmarks.protocols.similar import similar
from benchmarks.tables import Table, report
from recsys.errors import RecsysError
from recsys.models import Sequences

PROTOCOLS: dict[str, Callable[[Data], list[Table]]] = {
    "similar": similar,
    "moments": moments,
    "ranking": ranking,
    "segments": segments,
}


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="interactions")
    parser.add_argument(
        "--only", type=some_of(PROTOCOLS, "protocol"), default=list(PROTOCOLS), help=f"some of: {', '.join(PROTOCOLS)}"
    )
    parser.add_argument("--name", help="what the data is called in the results (the file's name)")
    parser.add_argument("--json", type=Path, help="write the results here, for benchmarks.tables")
    parser.add_argument("--seed", type=int, default=0, help="of the users held out, the models and the bootstrap (0)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of a model (all cores)")
    options = parser.parse_args()
    try:
        source = read(options.file)
        sequences = Sequences.from_interactions(source.interactions)
        data = Data(sequences, items_of(options.file), options.seed, options.threads)
        tables = [table for name in options.only for table in PROTOCOLS[name](data)]
    except RecsysError as error:
        sys.exit(f"error: {error}")
    report(f"{options.name or source.name}: tasks", options.seed, options.threads, tables, options.json)


if __name__ == "__main__":
    main()
