"""The three tables of Amazon Personalize as CSV files: written whole or not at all, and read back.

Format (developer guide, "Preparing and importing bulk data"): UTF-8, a plain header, one record a line, text that needs
it in double quotes, `\\` before a quote or a backslash inside them, several values of a category separated by `|`.
"""

import csv
from pathlib import Path

import pandas as pd

from recsys.columns import (
    CREATION_TIMESTAMP,
    EVENT_VALUE,
    INTERACTION_COLUMNS,
    ITEM_COLUMNS,
    ITEM_ID,
    PRICE,
    TIMESTAMP,
    USER_COLUMNS,
    USER_ID,
)
from recsys.errors import DataError
from recsys.files import replacing

FILES = {"interactions.csv": INTERACTION_COLUMNS, "items.csv": ITEM_COLUMNS, "users.csv": USER_COLUMNS}
WHOLE_NUMBERS = (TIMESTAMP, CREATION_TIMESTAMP)
NUMBERS = (EVENT_VALUE, PRICE)
BLOCK = 500_000  # rows that are text at once: as text a table takes several times its own memory


def write(folder: Path, interactions: pd.DataFrame, items: pd.DataFrame, users: pd.DataFrame) -> list[Path]:
    """Write interactions.csv, items.csv and users.csv into `folder`; each file appears complete or not at all.

    Further columns of items and users are their metadata; those of interactions are left out. Raises DataError when a
    column is missing or a file cannot be written.
    """
    folder = Path(folder)
    written = [write_table(folder / "interactions.csv", interactions, INTERACTION_COLUMNS)]
    for name, frame in (("items.csv", items), ("users.csv", users)):
        further = [column for column in frame if column not in FILES[name]]
        written.append(write_table(folder / name, frame, (*FILES[name], *further)))
    return written


def write_table(path: Path, frame: pd.DataFrame, columns: tuple[str, ...]) -> Path:
    """Write these columns as a CSV that Personalize imports. Raises DataError as `write` does, and for an id of two
    lines.
    """
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise DataError(f"{path.name}: the table has no column {', '.join(missing)}; it has {', '.join(frame.columns)}")
    for column in {USER_ID, ITEM_ID}.intersection(columns):
        broken = frame[column][broken_ids(frame[column])]
        if len(broken):
            raise DataError(f"{path.name}: {column} {broken.iloc[0]!r} has a line break, and a record is one line")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
            file.write(f"{','.join(columns)}\n")
            file.writelines(_lines(frame.iloc[start : start + BLOCK], columns) for start in range(0, len(frame), BLOCK))
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}; nothing of it is left behind") from None
    return path


def read(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Interactions, items and users as `write` left them, without further metadata.

    Raises DataError if a file or a column is missing.
    """
    interactions, items, users = (read_table(Path(folder) / name, columns) for name, columns in FILES.items())
    return interactions, items, users


def read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """One table, text as `str`, whole numbers as int64; an id such as `007` or `NA` stays what it is.

    A quote inside a text may be escaped as `write_table` does it or doubled, as most programs do it.
    """
    numbers = dict.fromkeys(WHOLE_NUMBERS, "int64") | dict.fromkeys(NUMBERS, "float64")
    kinds = {column: numbers.get(column, "str") for column in columns}
    try:
        frame = pd.read_csv(
            path, dtype=kinds, keep_default_na=False, na_values={column: [""] for column in columns},
            usecols=lambda name: name in columns, escapechar="\\", quoting=csv.QUOTE_MINIMAL, encoding="utf-8",
        )  # fmt: skip
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; make it with: recsys data generate") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not one of this pipeline's tables: {' '.join(str(error).split())}") from None
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        there = pd.read_csv(path, nrows=0, encoding="utf-8").columns
        raise DataError(f"{path}: no column {', '.join(missing)}; it has {', '.join(there)}")
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes surplus leading fields for an index, in silence
        raise DataError(f"{path}: its rows have more fields than its header; put texts with a comma in quotes")
    return frame[list(columns)]


def one_line(text: pd.Series) -> pd.Series:
    """Text with every run of white space, line breaks included, as one space: a record must stay on one line."""
    text = text.astype("str")
    return text.map({value: " ".join(value.split()) for value in text.dropna().unique()}).astype("str")


def broken_ids(ids: pd.Series) -> pd.Series:
    """(n,) bool: ids with a line break, which a record of one line cannot hold."""
    return ids.astype("str").str.contains(r"[\r\n]", regex=True, na=False)


def _lines(rows: pd.DataFrame, columns: tuple[str, ...]) -> str:
    first, *others = (_cells(rows[column]).fillna("") for column in columns)
    for cells in others:
        first = first + "," + cells
    return "".join((first + "\n").to_numpy())


def _cells(values: pd.Series) -> pd.Series:
    """The values as they stand in the file; `csv` would leave a text with a quote but no comma outside quotes."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.astype("str")
    text = values.astype("str") if values.name in (USER_ID, ITEM_ID) else one_line(values)  # `a  b` is not `a b`
    escaped = text.str.replace("\\", "\\\\", regex=False).str.replace('"', '\\"', regex=False)
    return text.mask(text.str.contains(r'[",\\]', regex=True, na=False), '"' + escaped + '"')


def describe(interactions: pd.DataFrame, items: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    """What is in the tables, as fact and value: their sizes, events per user, density, and the dates of the events."""
    pairs = len(interactions.drop_duplicates([USER_ID, ITEM_ID]))
    events, sold = interactions[USER_ID].value_counts(), interactions[ITEM_ID].nunique()
    active = len(events)
    dates = pd.to_datetime(interactions[TIMESTAMP].agg(["min", "max"]), unit="s").dt.strftime("%Y-%m-%d")
    facts = {
        "interactions": f"{len(interactions):,}",
        "users": f"{len(users):,}, {active:,} of them active",
        "items": f"{len(items):,}, {sold:,} of them with events",
        "events per user": f"mean {events.mean():.1f}, median {events.median():.0f}",
        "density": f"{pairs / (active * sold):.2%} of user-item pairs",
        "first event": dates["min"],
        "last event": dates["max"],
    }
    return pd.DataFrame({"fact": list(facts), "value": list(facts.values())})
