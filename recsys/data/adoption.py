"""A person's files as they are, and the parameters that read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recsys.columns import EVENT_TYPE, ITEM_COLUMNS, ITEM_ID, USER_COLUMNS, USER_ID
from recsys.data import files
from recsys.data.recognition import Recognised, recognise, with_metadata, words_of
from recsys.data.sources import REQUIRED, WITH_EVENTS
from recsys.data.timestamps import known_zone
from recsys.errors import DataError

BOUGHT = ("purchase", "buy", "bought", "order", "transaction", "checkout", "sale", "sold", "pay", "paid")


@dataclass(frozen=True)
class Adopted:
    """What the columns of each file are, by the parameter that names it, and which event types mean bought."""

    tables: Mapping[str, Recognised]
    purchase_events: list[str]

    def metadata(self, table: str) -> dict[str, str]:
        """Further columns of that table, ours -> "categorical" or "numeric"."""
        columns = self.tables[table].columns if table in self.tables else ()
        return {column.ours: column.kind for column in columns if column.kind}

    def column_mapping(self) -> dict[str, str | list[str]]:
        """Ours -> theirs, of what somebody calls otherwise than we do; two names where the files differ."""
        mapping: dict[str, list[str]] = {}
        for table in self.tables.values():
            for ours, theirs in table.names.items():
                if theirs not in mapping.setdefault(ours, []):
                    mapping[ours].append(theirs)
        return {ours: each if len(each) > 1 else each[0] for ours, each in mapping.items() if each != [ours]}


def adopt(
    data_file: Path,
    items_file: Path | None = None,
    users_file: Path | None = None,
    given: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    timezone: str = "UTC",
) -> Adopted:
    """Find our columns in a file of interactions, and in tables of items and of users where there are any.

    `given`, ours -> theirs, is taken as it is, in each file that has such a column. Raises DataError where a file
    cannot be read, where a column that it must have cannot be found, where no file has one that is given, and for an
    unknown time zone.
    """
    known_zone(timezone)  # else no column would hold a time
    paths = {"data_file": data_file, "items_file": items_file, "users_file": users_file}
    frames = {name: files.read(path, encoding) for name, path in paths.items() if path}
    asked = {"items_file": ITEM_COLUMNS, "users_file": USER_COLUMNS, "data_file": (*REQUIRED, *WITH_EVENTS)}
    required = {"items_file": [ITEM_ID], "users_file": [USER_ID], "data_file": REQUIRED}
    found: dict[str, Recognised] = {}
    told = set()  # what an item or a user is, said by a table of its own
    for name in [name for name in asked if name in frames]:
        frame, must = frames[name], required[name]
        may = [ours for ours in asked[name] if ours not in {*must, *told}]
        named = {ours: theirs for ours, theirs in (given or {}).items() if theirs in frame and ours in {*must, *may}}
        try:
            known = recognise(frame, must, may, named, timezone)
        except DataError as error:
            raise DataError(f"{paths[name]}: {error}") from None
        found[name] = known if name == "data_file" else with_metadata(known, frame)
        told |= {*known.names} - {*REQUIRED}
    for ours, theirs in (given or {}).items():
        if theirs not in {each.names.get(ours) for each in found.values()}:
            there = dict.fromkeys(str(column) for frame in frames.values() for column in frame.columns)
            raise files.no_column(
                ", ".join(map(str, filter(None, paths.values()))), ours, theirs, there, "--map names one of these"
            )
    return Adopted({name: found[name] for name in frames}, _purchases(frames["data_file"], found["data_file"]))


def _purchases(events: pd.DataFrame, found: Recognised) -> list[str]:
    """The event types whose names say bought, in lower case."""
    if EVENT_TYPE not in found.names:
        return []
    kinds = events[found.names[EVENT_TYPE]].dropna().astype("str").str.strip().str.lower().unique()
    return sorted(kind for kind in kinds if any(word.startswith(BOUGHT) for word in words_of(kind)))
