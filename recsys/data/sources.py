"""Where interactions come from: the sample shop, Online Retail, or a person's own file; all end in the same columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recsys.columns import (
    CATEGORY,
    COUNTRY,
    CREATION_TIMESTAMP,
    EVENT_TYPE,
    EVENT_VALUE,
    INTERACTION_COLUMNS,
    ITEM_COLUMNS,
    ITEM_ID,
    PRICE,
    TIMESTAMP,
    TITLE,
    USER_COLUMNS,
    USER_ID,
    VIEW,
)
from recsys.data import files, retail, tables
from recsys.data.clean import Rule
from recsys.data.retail_categories import categories
from recsys.data.timestamps import epoch_seconds
from recsys.errors import DataError

PROJECT = Path(__file__).resolve().parents[2]
SAMPLE = PROJECT / "data" / "sample"
ONLINE_RETAIL = PROJECT / "data" / "raw" / "online-retail.parquet"
SOURCES = ("sample", "online-retail", "file")
REQUIRED = (USER_ID, ITEM_ID, TIMESTAMP)
WITH_EVENTS = (EVENT_TYPE, EVENT_VALUE, CATEGORY, PRICE, TITLE, COUNTRY)  # may stand in the file of events


@dataclass(frozen=True)
class Loaded:
    """A source as it came: nothing removed, our column names and types.

    `events` has the interaction columns, with missing values where the source has none, and perhaps CATEGORY, PRICE,
    TITLE and COUNTRY of the item and the user; `items` and `users` are tables of their own, if there are any. `rules`
    are the source's own, and `one_per` the columns of which one row is kept. `notes` say what was read as what.
    """

    source: str
    file: Path
    events: pd.DataFrame
    items: pd.DataFrame | None = None
    users: pd.DataFrame | None = None
    rules: Sequence[Rule] = ()
    one_per: Sequence[str] = ()
    notes: tuple[str, ...] = ()


def load(
    source: str,
    data_file: str | Path | None = None,
    items_file: str | Path | None = None,
    users_file: str | Path | None = None,
    column_mapping: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
) -> Loaded:
    """Load `sample`, `online-retail` or `file`; relative paths start at the project's root.

    `column_mapping` is ours -> theirs; a column of ours that it does not name is looked for under our name. Raises
    DataError when a file or a required column is missing or cannot be read.
    """
    if source == "sample":
        return _sample(path_of(data_file) if data_file else SAMPLE)
    if source == "online-retail":
        return _online_retail(path_of(data_file) if data_file else ONLINE_RETAIL)
    if source == "file":
        if not data_file:
            raise DataError("data.source is file, but data.data_file is not set; set it to your CSV or Parquet file")
        return _own(path_of(data_file), items_file, users_file, column_mapping or {}, encoding)
    raise DataError(f'"{source}" is no source of data; choose one of {", ".join(SOURCES)}')


def path_of(path: str | Path) -> Path:
    """Relative paths start at the project's root, wherever a kernel was started."""
    path = Path(path).expanduser()
    return path if path.is_absolute() else PROJECT / path


def _sample(folder: Path) -> Loaded:
    interactions, items, users = tables.read(folder)
    return Loaded("sample", folder / "interactions.csv", interactions, items, users)


def _online_retail(path: Path) -> Loaded:
    if not path.exists():
        raise DataError(
            f"{path}: no such file; get it with: recsys data fetch online-retail (or --from a copy at hand)"
        )
    lines = retail.events(retail.typed(retail.read(path), path))
    lines[CATEGORY] = lines[TITLE].map(_of_each(categories, lines[TITLE]))
    notes = (
        "Online Retail records purchases only, to the minute; its times are taken as UTC",
        "a product's category is read from the words of its description, its creation time is its first sale",
    )
    return Loaded(
        "online-retail",
        path,
        lines,
        rules=retail.rules(),
        one_per=(USER_ID, ITEM_ID, TIMESTAMP, EVENT_TYPE),
        notes=notes,
    )


def _of_each(function, values: pd.Series) -> dict[str, str]:
    distinct = pd.Series(values.dropna().unique())
    return dict(zip(distinct, function(distinct), strict=True))


def _own(
    path: Path,
    items_file: str | Path | None,
    users_file: str | Path | None,
    mapping: Mapping[str, str],
    encoding: str,
) -> Loaded:
    _known_names(mapping)
    raw, chosen = _read(path, REQUIRED, WITH_EVENTS, mapping, encoding)
    times, read_as = epoch_seconds(raw[TIMESTAMP], f"{path}: {chosen[TIMESTAMP]}")
    events = pd.DataFrame(
        {USER_ID: files.ids_as_text(raw[USER_ID]), ITEM_ID: files.ids_as_text(raw[ITEM_ID]), TIMESTAMP: times}
    )
    events[EVENT_TYPE] = _event_types(raw, path)
    events[EVENT_VALUE] = _numbers(raw, EVENT_VALUE, path, chosen)
    for column in (CATEGORY, TITLE, COUNTRY):
        if column in raw:
            events[column] = tables.one_line(raw[column]).where(raw[column].notna())
    if PRICE in raw:
        events[PRICE] = _numbers(raw, PRICE, path, chosen)
    notes = [f"{chosen[TIMESTAMP]} read as {read_as}"]
    if EVENT_TYPE not in raw:
        notes.append(f'no EVENT_TYPE column: every event counts as "{VIEW}"')
    items = _own_items(path_of(items_file), mapping, encoding) if items_file else None
    users = _own_users(path_of(users_file), mapping, encoding) if users_file else None
    return Loaded("file", path, events, items, users, notes=tuple(notes))


def _known_names(mapping: Mapping[str, str]) -> None:
    known = {*INTERACTION_COLUMNS, *ITEM_COLUMNS, *USER_COLUMNS}
    for ours in mapping:
        if ours not in known:
            raise DataError(f"data.column_mapping: {ours!r} is no column of ours; {files.nearest(ours, sorted(known))}")


def _read(
    path: Path, required: Sequence[str], optional: Sequence[str], mapping: Mapping[str, str], encoding: str
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The file's columns under our names, and ours -> theirs; an optional one that nobody mapped may be missing."""
    raw = files.read(path, encoding)
    wanted = {ours: mapping.get(ours, ours) for ours in required}
    wanted |= {ours: mapping.get(ours, ours) for ours in optional if ours in mapping or ours in raw.columns}
    renamed = files.rename(raw, wanted, path)
    if renamed.empty:
        raise DataError(f"{path}: a header but no rows; it should hold one line per interaction, item or user")
    return renamed, wanted


def _numbers(raw: pd.DataFrame, column: str, path: Path, chosen: Mapping[str, str]) -> pd.Series:
    if column not in raw:
        return pd.Series(float("nan"), index=raw.index)
    return files.numbers(raw[column], f"{path}: {chosen[column]}")


def _event_types(raw: pd.DataFrame, path: Path) -> pd.Series:
    """Event types in lower case, VIEW where there is none. Raises DataError beyond Personalize's ten."""
    if EVENT_TYPE not in raw:
        return pd.Series(VIEW, index=raw.index, dtype="str")
    types = raw[EVENT_TYPE].astype("str").str.strip().str.lower().where(raw[EVENT_TYPE].notna(), VIEW)
    kinds = types.unique()
    if len(kinds) > 10:
        raise DataError(
            f"{path}: {len(kinds):,} event types, such as {', '.join(kinds[:4])}: Personalize takes 10; "
            "is EVENT_TYPE mapped to the right column?"
        )
    return types


def _own_items(path: Path, mapping: Mapping[str, str], encoding: str) -> pd.DataFrame:
    raw, chosen = _read(path, (ITEM_ID,), ITEM_COLUMNS[1:], mapping, encoding)
    items = pd.DataFrame({ITEM_ID: files.ids_as_text(raw[ITEM_ID])})
    for column in (CATEGORY, TITLE):
        if column in raw:
            items[column] = tables.one_line(raw[column]).where(raw[column].notna())
    items[PRICE] = _numbers(raw, PRICE, path, chosen)
    if CREATION_TIMESTAMP in raw and raw[CREATION_TIMESTAMP].notna().any():
        items[CREATION_TIMESTAMP] = epoch_seconds(raw[CREATION_TIMESTAMP], f"{path}: {chosen[CREATION_TIMESTAMP]}")[0]
    return items


def _own_users(path: Path, mapping: Mapping[str, str], encoding: str) -> pd.DataFrame:
    raw, _ = _read(path, (USER_ID,), USER_COLUMNS[1:], mapping, encoding)
    users = pd.DataFrame({USER_ID: files.ids_as_text(raw[USER_ID])})
    if COUNTRY in raw:
        users[COUNTRY] = tables.one_line(raw[COUNTRY]).where(raw[COUNTRY].notna())
    return users
