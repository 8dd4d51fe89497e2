"""Where interactions come from: the sample shop, Online Retail, or a person's own file; all end in the same columns."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.columns import (
    CATEGORY,
    COUNTRY,
    CREATION_TIMESTAMP,
    EVENT_TYPE,
    EVENT_VALUE,
    IN_STOCK,
    INTERACTION_COLUMNS,
    ITEM_COLUMNS,
    ITEM_ID,
    NUMERIC,
    PRICE,
    TIMESTAMP,
    TITLE,
    USER_COLUMNS,
    USER_ID,
    VIEW,
)
from recsys.data import files, retail, tables
from recsys.data.clean import Rule
from recsys.data.metadata import in_stock
from recsys.data.recognition import MOST_TYPES
from recsys.data.retail_categories import categories
from recsys.data.timestamps import epoch_seconds
from recsys.errors import DataError
from recsys.files import resolve

SAMPLE = "data/sample"
ONLINE_RETAIL = "data/raw/online-retail.parquet"
SOURCES = ("sample", "online-retail", "file")
REQUIRED = (USER_ID, ITEM_ID, TIMESTAMP)
WITH_EVENTS = (EVENT_TYPE, EVENT_VALUE, CATEGORY, PRICE, TITLE, COUNTRY)  # may stand in the file of events

ColumnMapping = Mapping[str, str | Sequence[str]]  # ours -> theirs, or what each of their files calls it


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
    column_mapping: ColumnMapping | None = None,
    encoding: str = "utf-8",
    timezone: str = "UTC",
    item_metadata: Mapping[str, str] | None = None,
    user_metadata: Mapping[str, str] | None = None,
) -> Loaded:
    """Load `sample`, `online-retail` or `file`; relative paths start at the project's root.

    `column_mapping` is ours -> theirs, of several the first that a file has; a column of ours that it does not name is
    looked for under our name. What an item or a user is comes from the table of items or users where that says it, else
    from the interactions; `item_metadata` and `user_metadata`, further columns and their kinds, come from these tables
    alone. `timezone` is of times that name none. Raises DataError when a file or a required column is missing or cannot
    be read, and for a file or a mapping that the source does not read.
    """
    if source in SOURCES[:2]:
        read_nowhere = {
            "column_mapping": column_mapping,
            "item_metadata": item_metadata,
            "user_metadata": user_metadata,
        }
        _refuse_unread(source, data_file, {"items_file": items_file, "users_file": users_file, **read_nowhere})
    if source == "sample":
        return _sample(resolve(data_file or SAMPLE))
    if source == "online-retail":
        return _online_retail(resolve(data_file or ONLINE_RETAIL))
    if source == "file":
        if not data_file:
            raise DataError("data.source is file, but data.data_file is not set; set it to your CSV or Parquet file")
        tables_of_own = _Table.of("item", items_file, item_metadata), _Table.of("user", users_file, user_metadata)
        return _own(resolve(data_file), *tables_of_own, column_mapping or {}, encoding, timezone)
    raise DataError(f'"{source}" is no source of data; choose one of {", ".join(SOURCES)}')


def _refuse_unread(source: str, data_file: str | Path | None, others: Mapping[str, object]) -> None:
    """Raises DataError where somebody has named files of their own and forgotten to say so."""
    own = source == "sample" and data_file and not resolve(data_file).is_dir()
    for name, value in {"data_file": own, **others}.items():
        if value:
            raise DataError(f"data.{name} is set, but data.source is {source}: set data.source to file")


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


@dataclass(frozen=True)
class _Table:
    """A table of items or of users: its file, its key, what else it may say, and further columns with their kinds."""

    path: Path
    key: str
    columns: tuple[str, ...]
    metadata: Mapping[str, str]

    @classmethod
    def of(cls, what: str, path: str | Path | None, metadata: Mapping[str, str] | None) -> "_Table | None":
        """That of an `item` or `user`; None where no file is named. Raises DataError for metadata of no file."""
        if path:
            key, *columns = ITEM_COLUMNS if what == "item" else USER_COLUMNS
            return cls(resolve(path), key, tuple(columns), metadata or {})
        if metadata:
            raise DataError(f"data.{what}_metadata is read from data.{what}s_file, and none is named")
        return None


@dataclass(frozen=True)
class _File:
    """A file's columns under our names; what was looked for in it, ours -> theirs, and all of theirs that it has.

    kinds: of further metadata among them.
    """

    path: Path
    rows: pd.DataFrame
    wanted: dict[str, str]
    columns: list[str]
    kinds: Mapping[str, str]

    def texts(self, *columns: str) -> dict[str, pd.Series]:
        """Those of the columns that are there, each value on one line."""
        there = {column: self.rows[column] for column in columns if column in self.rows}
        return {column: tables.one_line(values).where(values.notna()) for column, values in there.items()}

    def numbers(self, column: str) -> pd.Series:
        if column not in self.rows:
            return pd.Series(float("nan"), index=self.rows.index)
        return files.numbers(self.rows[column], self.named(column))

    def metadata(self) -> dict[str, pd.Series]:
        """Further columns, each of its kind."""
        texts = self.texts(*self.kinds)
        read = {
            name: self.numbers(name).replace([np.inf, -np.inf], np.nan) if kind == NUMERIC else texts[name]
            for name, kind in self.kinds.items()
        }
        if IN_STOCK in read:
            read[IN_STOCK] = in_stock(texts[IN_STOCK], self.named(IN_STOCK))
        return read

    def decimal_commas(self) -> list[str]:
        """Their columns of numbers that are written with decimal commas."""
        further = [name for name, kind in self.kinds.items() if kind == NUMERIC]
        numeric = [column for column in (EVENT_VALUE, PRICE, *further) if column in self.rows]
        return [self.wanted[column] for column in numeric if files.has_decimal_commas(self.rows[column])]

    def named(self, column: str) -> str:
        return f"{self.path}: {self.wanted[column]}"


def _own(
    path: Path,
    items_table: _Table | None,
    users_table: _Table | None,
    column_mapping: ColumnMapping,
    encoding: str,
    timezone: str,
) -> Loaded:
    mapping = {ours: [theirs] if isinstance(theirs, str) else [*theirs] for ours, theirs in column_mapping.items()}
    tables_of_own = [table for table in (items_table, users_table) if table]
    known_names(mapping, {name for table in tables_of_own for name in table.metadata})
    raw = _read(path, REQUIRED, WITH_EVENTS, mapping, encoding)
    of_items, of_users = (table and _read_table(table, mapping, encoding) for table in (items_table, users_table))
    _found_somewhere(mapping, [each for each in (raw, of_items, of_users) if each])
    events, notes = _own_events(raw, timezone, priced=of_items is not None and PRICE in of_items.rows)
    items, users = of_items and _own_items(of_items, timezone), of_users and _own_users(of_users)
    commas = [column for each in (raw, of_items, of_users) if each for column in each.decimal_commas()]
    notes += tuple(f"{column} read with decimal commas" for column in dict.fromkeys(commas))
    return Loaded("file", path, events, items, users, notes=notes)


def _read_table(table: _Table, mapping: Mapping[str, list[str]], encoding: str) -> _File:
    return _read(table.path, (table.key, *table.metadata), table.columns, mapping, encoding, table.metadata)


def known_names(mapping: Mapping[str, Sequence[str]], metadata: Collection[str]) -> None:
    """Raises DataError where a mapping or further metadata uses a name that it may not."""
    fixed = {*INTERACTION_COLUMNS, *ITEM_COLUMNS, *USER_COLUMNS}
    for name in metadata:
        if name in fixed:
            raise DataError(f"data.item_metadata and data.user_metadata: {name} is a column of ours and read as such")
    known = {*fixed, *metadata}
    for ours in mapping:
        if ours not in known:
            raise DataError(f"data.column_mapping: {ours!r} is no column of ours; {files.nearest(ours, sorted(known))}")


def _read(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str],
    mapping: Mapping[str, list[str]],
    encoding: str,
    kinds: Mapping[str, str] | None = None,
) -> _File:
    """The file with its columns under our names, those of `optional` that it has; text that is blank is missing."""
    raw = files.read(path, encoding)
    names = {ours: mapping.get(ours) or [ours] for ours in (*required, *optional)}
    wanted = {ours: next((each for each in theirs if each in raw.columns), theirs[0]) for ours, theirs in names.items()}
    if USER_ID in wanted and wanted[USER_ID] == wanted.get(ITEM_ID):
        both = wanted[USER_ID]
        raise DataError(f"data.column_mapping: {both!r} is mapped to USER_ID and to ITEM_ID; name a column for each")
    chosen = {ours: theirs for ours, theirs in wanted.items() if ours in required or theirs in raw.columns}
    renamed = files.rename(raw, chosen, path)
    if renamed.empty:
        raise DataError(f"{path}: a header but no rows; it should hold one line per interaction, item or user")
    return _File(path, files.without_blanks(renamed), wanted, [str(column) for column in raw.columns], kinds or {})


def _found_somewhere(mapping: Mapping[str, list[str]], read: Sequence[_File]) -> None:
    """Raises DataError where somebody mapped a column that none of the files has in which it is looked for."""
    for ours, theirs in mapping.items():
        asked = [each for each in read if ours in each.wanted]
        if not asked:
            raise DataError(f"data.column_mapping: {ours} is read from data.items_file, and none is named")
        there = dict.fromkeys(column for each in asked for column in each.columns)
        for name in theirs:
            if name not in there:
                raise files.no_column(", ".join(str(each.path) for each in asked), ours, name, there)


def _own_events(raw: _File, timezone: str, priced: bool) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The events, and what was read as what; their PRICE may be no number where the items are `priced` elsewhere."""
    ids = {column: files.ids_as_text(raw.rows[column]) for column in (USER_ID, ITEM_ID)}
    times, read_as = epoch_seconds(raw.rows[TIMESTAMP], raw.named(TIMESTAMP), timezone)
    types, noted = _event_types(raw)
    events = pd.DataFrame({**ids, TIMESTAMP: times, EVENT_TYPE: types, EVENT_VALUE: raw.numbers(EVENT_VALUE)})
    events = events.assign(**raw.texts(CATEGORY, TITLE, COUNTRY))
    if PRICE in raw.rows:
        try:
            events[PRICE] = raw.numbers(PRICE)
        except DataError:
            if not priced:
                raise
            noted.append(f"{raw.wanted[PRICE]} of the interactions is no number: prices are of data.items_file alone")
    return events, (f"{raw.wanted[TIMESTAMP]} read as {read_as}", *noted)


def _event_types(raw: _File) -> tuple[pd.Series, list[str]]:
    """Event types in lower case, VIEW where there is none, and a note of these.

    Raises DataError beyond Personalize's ten.
    """
    if EVENT_TYPE not in raw.rows:
        types = pd.Series(VIEW, index=raw.rows.index, dtype="str")
        return types, [f'no EVENT_TYPE column: every event counts as "{VIEW}"']
    given = raw.rows[EVENT_TYPE]
    types = given.astype("str").str.strip().str.lower().where(given.notna(), VIEW)
    kinds = types.unique()
    if len(kinds) > MOST_TYPES:
        raise DataError(
            f"{raw.path}: {len(kinds):,} event types, such as {', '.join(kinds[:4])}: Personalize takes {MOST_TYPES}; "
            "is EVENT_TYPE mapped to the right column?"
        )
    missing = int(given.isna().sum())
    return types, [f'EVENT_TYPE missing in {missing:,} rows: filled with "{VIEW}"'] if missing else []


def _own_items(raw: _File, timezone: str) -> pd.DataFrame:
    items = pd.DataFrame({ITEM_ID: files.ids_as_text(raw.rows[ITEM_ID]), **raw.texts(CATEGORY, TITLE)})
    if PRICE in raw.rows:
        items[PRICE] = raw.numbers(PRICE)
    if CREATION_TIMESTAMP in raw.rows and raw.rows[CREATION_TIMESTAMP].notna().any():
        created, _ = epoch_seconds(raw.rows[CREATION_TIMESTAMP], raw.named(CREATION_TIMESTAMP), timezone)
        items[CREATION_TIMESTAMP] = created
    return items.assign(**raw.metadata())


def _own_users(raw: _File) -> pd.DataFrame:
    return pd.DataFrame({USER_ID: files.ids_as_text(raw.rows[USER_ID]), **raw.texts(COUNTRY), **raw.metadata()})
