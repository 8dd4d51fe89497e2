"""A person's files as they are, and the parameters that read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import pandas as pd

from recsys.columns import EVENT_TYPE, ITEM_COLUMNS, USER_COLUMNS
from recsys.data import files
from recsys.data.metadata import with_metadata
from recsys.data.recognition import Recognised, examples, recognise, words_of
from recsys.data.sources import REQUIRED, WITH_EVENTS, known_names
from recsys.data.timestamps import known_zone
from recsys.errors import DataError

BOUGHT = {"purchase", "buy", "bought", "order", "transaction", "sale", "sold", "paid"}
NOT_BOUGHT = {
    "add", "begin", "start", "view", "list", "history", "fail", "failed", "cancel", "cancelled", "canceled",
    "abandoned", "refund", "refunded", "return", "returned",
}  # fmt: skip
TABLES = {"items_file": ("item", ITEM_COLUMNS), "users_file": ("user", USER_COLUMNS)}


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
        """Ours -> theirs, of what somebody calls otherwise than we do; several names where the files differ.

        Raises DataError where a file has a column of the name that another one uses, and of both one is meant.
        """
        mapping = {ours: self._names(ours) for table in self.tables.values() for ours in table.names}
        return {ours: each if len(each) > 1 else each[0] for ours, each in mapping.items() if each != [ours]}

    def _names(self, ours: str) -> list[str]:
        """Their names in an order in which each file's first is the one that is meant."""
        meant = [table for table in self.tables.values() if ours in table.names]
        different = dict.fromkeys(table.names[ours] for table in meant)
        for names in permutations(different):
            if all(next(name for name in names if name in table.all_names) == table.names[ours] for table in meant):
                return [*names]
        raise DataError(f"{ours} is called {' and '.join(different)}, and files have both: rename one of these columns")


def adopt(
    data_file: Path,
    items_file: Path | None = None,
    users_file: Path | None = None,
    given: Mapping[str, Sequence[str]] | None = None,
    encoding: str = "utf-8",
    timezone: str = "UTC",
) -> Adopted:
    """Find our columns in a file of interactions, and in tables of items and of users where there are any.

    `given`, ours -> theirs, is taken as it is: in each file the first that it has. A table's key is the column that
    holds the ids of the interactions. Raises DataError where a file cannot be read, where a column that it must have
    cannot be found, where no file has one that is given, and for an unknown time zone.
    """
    known_zone(timezone)  # else no column would hold a time
    given = given or {}
    known_names(given, ())
    paths = {"data_file": data_file, "items_file": items_file, "users_file": users_file}
    paths = {parameter: path for parameter, path in paths.items() if path}
    frames = {parameter: files.read(path, encoding) for parameter, path in paths.items()}
    _require_there(given, frames, paths)

    said = {parameter: _said(given, frame) for parameter, frame in frames.items()}

    def found(parameter: str, required: Sequence[str], optional: Sequence[str]) -> Recognised:
        asked = {ours: how for ours, how in said[parameter].items() if ours in {*required, *optional}}
        try:
            return recognise(frames[parameter], required, optional, asked, timezone)
        except DataError as error:
            raise DataError(f"{paths[parameter]}: {error}") from None

    events = found("data_file", REQUIRED, ())
    tables = {}
    for parameter in [parameter for parameter in TABLES if parameter in frames]:
        what, (key, *columns) = TABLES[parameter]
        if key not in said[parameter]:
            ids = frames["data_file"][events.names[key]]
            said[parameter][key] = _key(frames[parameter], ids, key, paths[parameter]), "holds the same ids"
        tables[parameter] = with_metadata(found(parameter, [key], columns), frames[parameter], what)
    told = {ours for table in tables.values() for ours in table.names}
    events = found("data_file", REQUIRED, [ours for ours in WITH_EVENTS if ours not in told])
    for ours in given.keys() - told - events.names.keys():
        raise DataError(f"--map {ours}: it is read from a table of items or users, and none is named")
    return Adopted({"data_file": events, **tables}, _purchases(frames["data_file"], events))


def _require_there(
    given: Mapping[str, Sequence[str]], frames: Mapping[str, pd.DataFrame], paths: Mapping[str, Path]
) -> None:
    """Raises DataError for a name that was given and that no file has."""
    there = dict.fromkeys(name for frame in frames.values() for name in frame.columns)
    for ours, names in given.items():
        for theirs in names:
            if theirs not in there:
                where = ", ".join(map(str, paths.values()))
                raise files.no_column(where, ours, theirs, there, "--map names one of these")


def _said(given: Mapping[str, Sequence[str]], frame: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """What was given of the columns that a file has, and why it is taken."""
    first = {ours: next((name for name in names if name in frame), None) for ours, names in given.items()}
    return {ours: (theirs, "as you say") for ours, theirs in first.items() if theirs}


def _key(table: pd.DataFrame, ids: pd.Series, ours: str, path: Path) -> str:
    """The column that holds most of the ids of the interactions; of equals the one of their name, or of one like it."""
    known = files.ids_as_text(ids).dropna().unique()
    shared = {column: _shared(table[column], known) for column in table.columns}
    best = max(shared, key=lambda column: (shared[column], column == ids.name, words_of(column) == words_of(ids.name)))
    if not shared[best]:
        raise DataError(
            f"{path}: no column holds ids of the interactions' {ids.name}, such as {', '.join(examples(ids))}: is this "
            f"the right file? --map {ours}=YOURS names the column nevertheless"
        )
    return best


def _shared(values: pd.Series, ids: object) -> int:
    return int(pd.Series(files.ids_as_text(values).dropna().unique()).isin(ids).sum())


def _purchases(events: pd.DataFrame, found: Recognised) -> list[str]:
    """The event types whose names say bought, in lower case."""
    if EVENT_TYPE not in found.names:
        return []
    kinds = events[found.names[EVENT_TYPE]].dropna().astype("str").str.strip().str.lower().unique()
    return sorted(kind for kind in kinds if _says_bought({word.removesuffix("s") for word in words_of(kind)}))


def _says_bought(words: set[str]) -> bool:
    return bool(words & BOUGHT) and not words & NOT_BOUGHT
