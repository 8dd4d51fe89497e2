"""Interactions in the forms public data sets come in, as a table of USER_ID, ITEM_ID and TIMESTAMP.

A table         CSV, TSV, Parquet or `::`, with a header in any usual spelling (`userId`, `item_id:token`, `asin`), or
                without one: user, item, timestamp or user, item, rating, timestamp
Sequences       a line a user, `user item item ...`, oldest first (S3-Rec), separated by spaces
Pairs           a line an event, `user item`, oldest first (SASRec), separated by spaces
A given split   a folder with train.txt and test.txt, a line a user, `user item item ...`, in no order (LightGCN)
Online Retail   UCI's file as it is; unknown customers, cancellations and free lines are left out
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.columns import ITEM_ID, TIMESTAMP, USER_ID
from recsys.data import files
from recsys.data.files import ids_as_text, require_file
from recsys.data.timestamps import epoch_seconds
from recsys.errors import DataError

SPELLINGS = {
    USER_ID: ("userid", "user", "uid", "customerid", "visitorid", "reviewerid", "sessionid"),
    ITEM_ID: (
        "itemid",
        "item",
        "iid",
        "movieid",
        "productid",
        "parentasin",
        "asin",
        "businessid",
        "bookid",
        "artistid",
    ),
    TIMESTAMP: ("timestamp", "time", "ts", "unixreviewtime", "eventtime", "datetime", "date"),
}
HEADERLESS = {3: (USER_ID, ITEM_ID, TIMESTAMP), 4: (USER_ID, ITEM_ID, "rating", TIMESTAMP)}
RETAIL = {"InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"}
SEPARATORS = ("::", "\t", ",", ";", "|")


@dataclass(frozen=True)
class Source:
    """A data set: its interactions, those of the given test part if it came with one, and whether times are real.

    Where a file has an order but no times, or not even an order, TIMESTAMP is the place in the file.
    """

    name: str
    interactions: pd.DataFrame
    test: pd.DataFrame | None = None
    timed: bool = True


def read(path: Path, core: int = 0) -> Source:
    """The data set at `path`, a file or a folder; with `core`, only users and items with that many events.

    Raises DataError that names the file, the line where there is one, and what to do.
    """
    if path.is_dir():
        if core:
            raise DataError(f"{path}: a core would change the split the data came with; leave --core out")
        train, test = (_sequences(path / name, _lines(path / name)) for name in ("train.txt", "test.txt"))
        return Source(path.name, _shuffled(train), test, timed=False)
    require_file(path)
    if path.suffix.lower() in (".parquet", ".pq"):
        source = Source(path.stem, _columns(files.read(path), path))
    elif _separator(path):
        source = Source(path.stem, _columns(_table(path, _separator(path)), path))
    else:
        source = Source(path.stem, _without_times(path), timed=False)
    return Source(source.name, k_core(source.interactions, core), timed=source.timed) if core else source


def k_core(interactions: pd.DataFrame, core: int) -> pd.DataFrame:
    """What is left when users and items with fewer than `core` events are dropped until none is.

    Raises DataError when nothing is left.
    """
    users, items = (pd.factorize(interactions[column])[0] for column in (USER_ID, ITEM_ID))
    kept = np.arange(len(interactions))
    while len(kept):
        enough = (np.bincount(users[kept]) >= core)[users[kept]] & (np.bincount(items[kept]) >= core)[items[kept]]
        if enough.all():
            return interactions.iloc[kept].reset_index(drop=True)
        kept = kept[enough]
    raise DataError(f"no user and item with {core} events each is left of {len(interactions):,}: choose a smaller core")


def _lines(path: Path) -> list[list[str]]:
    """The fields of each line, split at white space."""
    require_file(path)
    try:
        return [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not utf-8 text at byte {error.start:,}; convert it to utf-8") from None


def _without_times(path: Path) -> pd.DataFrame:
    """Pairs where every line has two fields, else sequences."""
    lines = _lines(path)
    if all(len(fields) in (0, 2) for fields in lines):
        users, items = zip(*(fields for fields in lines if fields), strict=True)
        return _ordered(users, items)
    return _sequences(path, lines)


def _sequences(path: Path, lines: list[list[str]]) -> pd.DataFrame:
    first: dict[str, int] = {}
    for number, fields in enumerate(lines, 1):
        if fields and first.setdefault(fields[0], number) != number:
            raise DataError(
                f"{path}: line {number:,}: user {fields[0]!r} has line {first[fields[0]]:,} already; write one line a "
                "user, `user item item ...`, or a table with commas or tabs and a header"
            )
    histories = [fields for fields in lines if fields]
    users = np.repeat([fields[0] for fields in histories], [len(fields) - 1 for fields in histories])
    if not len(users):
        raise DataError(f"{path}: no user has an item; write one line a user, `user item item ...`")
    return _ordered(users, list(chain.from_iterable(fields[1:] for fields in histories)))


def _ordered(users: Sequence[str] | np.ndarray, items: Sequence[str] | np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({USER_ID: users, ITEM_ID: items, TIMESTAMP: np.arange(len(items))})


def _shuffled(interactions: pd.DataFrame) -> pd.DataFrame:
    """The same events in a random order, always the same one: such files are sorted by id, which is not time."""
    rows = interactions.sample(frac=1, random_state=0)
    return _ordered(rows[USER_ID].to_numpy(), rows[ITEM_ID].to_numpy())


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.readline().rstrip("\r\n")


def _separator(path: Path) -> str | None:
    """What separates the columns of the first line; None where nothing but spaces does."""
    first = _first_line(path)
    found = max(SEPARATORS, key=first.count)  # `::` comes first where counts are equal
    return found if found in first else None


def _table(path: Path, separator: str) -> pd.DataFrame:
    names = _first_line(path).split(separator)
    known = set(chain.from_iterable(SPELLINGS.values()))
    headed = any(_plain(name) in known for name in names)
    if not headed and len(names) not in HEADERLESS:
        raise DataError(
            f"{path}: line 1 is no header with user, item and timestamp, and without a header {len(names)} columns "
            "could be anything: write user, item, timestamp or user, item, rating, timestamp"
        )
    text: Path | io.StringIO = path
    if len(separator) > 1:  # pandas reads a longer separator ten times slower
        text, separator = io.StringIO(path.read_text(encoding="utf-8").replace(separator, "\t")), "\t"
    form = {"header": 0} if headed else {"header": None, "names": HEADERLESS[len(names)]}
    try:
        table = pd.read_csv(text, sep=separator, dtype="str", keep_default_na=False, na_values=[""], **form)
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: {' '.join(str(error).split())}; mend the line or leave it out") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes surplus leading fields for an index, in silence
        raise DataError(f"{path}: line 2 has more fields than line 1; give every column a name")
    return table


def _plain(name: str) -> str:
    """`User_ID:token` as `userid`."""
    return re.sub("[^a-z0-9]", "", str(name).casefold().split(":")[0])


def _columns(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Our three columns of a table in whatever spelling. Raises DataError for a missing column or value."""
    if set(table.columns) >= RETAIL:
        return _retail(table)
    by_plain = {_plain(name): name for name in reversed(list(table.columns))}
    found = {ours: next((by_plain[s] for s in each if s in by_plain), None) for ours, each in SPELLINGS.items()}
    missing = [ours for ours, theirs in found.items() if theirs is None]
    if missing:
        there = ", ".join(map(str, table.columns))
        raise DataError(f"{path}: no column {' and '.join(missing)} in any usual spelling; there are {there}: rename")
    for ours, theirs in found.items():
        gaps = np.flatnonzero(table[theirs].isna())
        if len(gaps):
            raise DataError(f"{path}: row {gaps[0] + 1:,} has no {ours} ({theirs}); mend it or leave it out")
    times, _ = epoch_seconds(table[found[TIMESTAMP]], f"{path}: {found[TIMESTAMP]}")
    return _events(table[found[USER_ID]], table[found[ITEM_ID]], times)


def _events(users: pd.Series, items: pd.Series, times: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({USER_ID: ids_as_text(users), ITEM_ID: ids_as_text(items), TIMESTAMP: times})


def _retail(rows: pd.DataFrame) -> pd.DataFrame:
    """The least cleaning everybody does: no unknown customer, cancellation, quantity or price of zero or less."""
    cancelled = rows["InvoiceNo"].astype("str").str.startswith("C")
    sold = rows["CustomerID"].notna() & ~cancelled
    sold &= (pd.to_numeric(rows["Quantity"]) > 0) & (pd.to_numeric(rows["UnitPrice"]) > 0)
    rows = rows[sold].reset_index(drop=True)
    times, _ = epoch_seconds(pd.to_datetime(rows["InvoiceDate"]), "InvoiceDate")
    return _events(rows["CustomerID"], rows["StockCode"], times)
