"""Further metadata of items and users: which columns say something, and what Personalize takes of them."""

import re

import pandas as pd

from recsys.columns import CATEGORICAL, CREATION_TIMESTAMP, IN_STOCK, ITEM_ID, NUMERIC, PRICE, TITLE, USER_ID
from recsys.data.recognition import MOST_TYPES, NAMES, Column, Recognised, examples, misfit, spelled
from recsys.errors import DataError

MOST_FIELDS = {ITEM_ID: 100, USER_ID: 25}  # of a schema, beside the id
LONGEST = 1_000  # characters of a category
FIELD = re.compile(r"[A-Z][A-Z0-9_]*")
MOST_VALUES = 0.5  # of a category, as a share of the rows: a description is none
CODES = ("id", "no", "nr", "number", "code", "zip", "postcode")  # numbers by which nothing is more or less
STOCKED = {"true": "true", "yes": "true", "1": "true", "false": "false", "no": "false", "0": "false"}


def with_metadata(found: Recognised, frame: pd.DataFrame, table: str) -> Recognised:
    """What was recognised in a table of an `item` or `user`, and what else it says of them that can be learned from."""
    columns, unused = list(found.columns), dict(found.unused)
    for theirs in found.unused:
        ours, (kind, why) = "_".join(spelled(theirs)).upper(), _kind(theirs, frame[theirs].dropna())
        ours = f"{table.upper()}_{ours}" if ours in NAMES else ours
        if not FIELD.fullmatch(ours):
            kind, why = "", "begins with no Latin letter: rename it to have it learned from"
        elif _plain(ours) in {_plain(column.ours) for column in columns} | {_plain(name) for name in NAMES}:
            kind, why = "", f"there is a {ours} already: rename it to have it learned from"
        if kind:
            columns.append(Column(ours, theirs, f"further metadata, {kind}", examples(frame[theirs]), kind))
            del unused[theirs]
        else:
            unused[theirs] = unused[theirs] or why
    return Recognised(tuple(columns), unused)


def in_stock(values: pd.Series, where: str) -> pd.Series:
    """`true` or `false`, as the API's filter asks for them. Raises DataError for another value."""
    read = values.str.lower().map(STOCKED)
    if (unread := values.notna() & read.isna()).any():
        raise DataError(f"{where}: {values[unread].iloc[0]!r} is neither true nor false, yes nor no, 1 nor 0")
    return read


def require_importable(frame: pd.DataFrame, parameter: str) -> None:
    """Raises DataError where Personalize would refuse a table of items or users for its metadata."""
    key, *columns = frame.columns
    fields = [name for name in columns if name != CREATION_TIMESTAMP]
    if len(fields) > MOST_FIELDS[key]:
        raise DataError(
            f"data.{parameter}: it makes {len(fields)} fields, {fields[0]} and others of ours among them; Personalize "
            f"takes {MOST_FIELDS[key]}"
        )
    plain: dict[str, str] = {}
    for name in frame.columns:
        if (same := plain.setdefault(_plain(name), name)) != name:
            raise DataError(f"data.{parameter}: {same} and {name} are one name to Personalize; rename one")
    for name in fields:
        if name == TITLE or pd.api.types.is_numeric_dtype(frame[name].dtype):
            continue
        if (long := frame[name].str.len() > LONGEST).any():
            raise DataError(
                f"{name} of {frame[key][long].iloc[0]!r} has {int(frame[name].str.len().max()):,} characters: "
                f"Personalize takes {LONGEST:,} of a category"
            )


def _plain(name: str) -> str:
    """A name as Personalize compares them."""
    return name.replace("_", "")


def _kind(name: str, values: pd.Series) -> tuple[str, str]:
    """Categorical, numeric or nothing, and the reason for the latter."""
    kinds, words = values.nunique(), spelled(name)
    if kinds < 2:
        return "", "says nothing, or of all the same"
    if words[-1:] and words[-1] not in CODES and words != spelled(IN_STOCK) and not misfit(PRICE, values, "UTC"):
        return NUMERIC, ""
    if kinds > max(MOST_TYPES, MOST_VALUES * len(values)):
        return "", f"{kinds:,} different values, too many to learn from"
    return CATEGORICAL, ""
