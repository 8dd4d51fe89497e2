"""The whole of data preparation: load, clean, complete, check. Nothing is written and nothing is created."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.columns import EVENT_VALUE, INTERACTION_COLUMNS, PURCHASE, TIMESTAMP
from recsys.data import checks, clean, entities, metadata, sources, tables
from recsys.files import resolve

# Those of `prepare` that are parameters of the section `data`.
PREPARE_ARGUMENTS = {
    "source", "data_file", "items_file", "users_file", "item_metadata", "user_metadata", "column_mapping", "encoding",
    "timezone", "max_events_per_user",
}  # fmt: skip


@dataclass(frozen=True)
class Prepared:
    """The three tables, interactions in time order, and the report of how they came to be."""

    interactions: pd.DataFrame
    items: pd.DataFrame
    users: pd.DataFrame
    report: checks.QualityReport
    source: str

    def describe(self) -> pd.DataFrame:
        return tables.describe(self.interactions, self.items, self.users)

    def write(self, folder: str | Path) -> list[Path]:
        """Write interactions.csv, items.csv and users.csv as Personalize imports them."""
        return tables.write(resolve(folder), self.interactions, self.items, self.users)


def prepare(
    source: str = "sample",
    data_file: str | Path | None = None,
    items_file: str | Path | None = None,
    users_file: str | Path | None = None,
    item_metadata: Mapping[str, str] | None = None,
    user_metadata: Mapping[str, str] | None = None,
    column_mapping: sources.ColumnMapping | None = None,
    encoding: str = "utf-8",
    timezone: str = "UTC",
    max_events_per_user: int | None = None,
    purchase_events: Sequence[str] = (PURCHASE,),
) -> Prepared:
    """Load a source (see `sources.load`), clean it, complete items and users, and hold Personalize's minimums.

    `timezone` is an IANA name, of times that name none in a file of one's own. Users with more than
    `max_events_per_user` events are left out as bots; null keeps everyone. The report notes where no event is of one of
    the `purchase_events`, types that mean bought. Raises DataError when a file cannot be used as it is, or when too
    little is left.
    """
    further = {"item_metadata": item_metadata, "user_metadata": user_metadata}
    loaded = sources.load(source, data_file, items_file, users_file, column_mapping, encoding, timezone, **further)
    events, problems = clean.clean(loaded.events, [*loaded.rules, *clean.rules(int(time.time()), max_events_per_user)])
    if loaded.one_per:
        events, merged = clean.merge_lines(events, loaded.one_per)
        problems.append(merged)
    checks.require_minimums(events, str(loaded.file), problems)
    items, about_items = entities.items_table(events, loaded.items)
    users, about_users = entities.users_table(events, loaded.users)
    metadata.require_importable(items, "item_metadata")
    metadata.require_importable(users, "user_metadata")
    found = (*problems, *about_items, *about_users)
    notes = [*loaded.notes, *entities.untold(loaded.events, loaded.items, loaded.users)]
    notes += [*checks.event_types(events, purchase_events), *checks.heavy_users(events)]
    report = checks.QualityReport(loaded.source, len(loaded.events), len(events), found, tuple(notes))
    return Prepared(interactions_table(events), items, users, report, loaded.source)


def interactions_table(events: pd.DataFrame) -> pd.DataFrame:
    """The interaction columns in time order; events of one moment keep the order they came in."""
    ordered = events.sort_values(TIMESTAMP, kind="stable").reset_index(drop=True)
    values = ordered[EVENT_VALUE].replace([np.inf, -np.inf], np.nan)
    return ordered.assign(**{TIMESTAMP: ordered[TIMESTAMP].astype("int64"), EVENT_VALUE: values})[
        list(INTERACTION_COLUMNS)
    ]
