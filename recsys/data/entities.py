"""The tables of items and users that belong to the interactions: complete, one row each, gaps filled and counted."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from recsys.columns import (
    CATEGORY,
    COUNTRY,
    CREATION_TIMESTAMP,
    ITEM_COLUMNS,
    ITEM_ID,
    PRICE,
    TIMESTAMP,
    TITLE,
    UNKNOWN,
    USER_COLUMNS,
    USER_ID,
)
from recsys.data.clean import EXAMPLES, Problem


def items_table(events: pd.DataFrame, given: pd.DataFrame | None) -> tuple[pd.DataFrame, list[Problem]]:
    """The item columns, one row per item of `events` and of `given`, and what was wrong with them.

    Further columns of `given` stay as they are. What it does not say is taken from the events: the commonest CATEGORY
    and TITLE, the median PRICE, the first event as CREATION_TIMESTAMP. Then "unknown" as CATEGORY and the id as TITLE;
    a PRICE may stay missing.
    """
    first = events.groupby(ITEM_ID, sort=True)[TIMESTAMP].min()
    items, problems = _one_row_each(given, ITEM_ID, first.index, "items")
    ids = items[ITEM_ID]
    for column in (CATEGORY, TITLE):
        items[column] = _filled(items, column, ids.map(commonest(events, ITEM_ID, column)))
    prices = events.groupby(ITEM_ID)[PRICE].median() if PRICE in events else pd.Series(dtype="float64")
    items[PRICE] = _filled(items, PRICE, ids.map(prices).astype("float64")).round(4)
    created = _filled(items, CREATION_TIMESTAMP, ids.map(first).astype("Int64"))
    items[CREATION_TIMESTAMP] = created.fillna(first.min()).astype("int64")
    told = {*events, *(() if given is None else given)}
    for column, filler in ((CATEGORY, UNKNOWN), (TITLE, ids)):
        problems += _missing(items, column, ITEM_ID, "items", "filled") if column in told else []
        items[column] = items[column].where(items[column].notna(), filler).astype("str")
    problems += _missing(items, PRICE, ITEM_ID, "items", "kept") if PRICE in told else []
    unseen = ~items[ITEM_ID].isin(first.index)
    problems += _problem("items", "item without events", items[ITEM_ID], unseen, "kept")
    late = items[CREATION_TIMESTAMP] > ids.map(first).astype("float64")  # no event: NaN, which is never less
    problems += _problem("items", "event before the item's creation", items[ITEM_ID], late, "kept")
    return _with_metadata(items, ITEM_COLUMNS), problems


def users_table(events: pd.DataFrame, given: pd.DataFrame | None) -> tuple[pd.DataFrame, list[Problem]]:
    """The user columns, one row per user of `events` and of `given`; COUNTRY is "unknown" where nothing says it.

    Further columns of `given` stay as they are.
    """
    active = pd.Index(sorted(events[USER_ID].unique()))
    users, problems = _one_row_each(given, USER_ID, active, "users")
    country = commonest(events, USER_ID, COUNTRY)
    users[COUNTRY] = _filled(users, COUNTRY, users[USER_ID].map(country))
    if COUNTRY in {*events, *(() if given is None else given)}:
        problems += _missing(users, COUNTRY, USER_ID, "users", "filled")
    users[COUNTRY] = users[COUNTRY].where(users[COUNTRY].notna(), UNKNOWN).astype("str")
    problems += _problem("users", "user without events", users[USER_ID], ~users[USER_ID].isin(active), "kept")
    return _with_metadata(users, USER_COLUMNS), problems


def _with_metadata(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Our columns, then what else the table says, with its gaps."""
    return frame[[*columns, *(column for column in frame if column not in columns)]]


def untold(events: pd.DataFrame, items: pd.DataFrame | None, users: pd.DataFrame | None) -> list[str]:
    """What the report notes of facts about items and users that no table has a column for."""
    told = {*events, *(() if items is None else items), *(() if users is None else users)}
    missing = [column for column in (CATEGORY, PRICE, TITLE, COUNTRY) if column not in told]
    return [f"no column {', '.join(missing)}: data.items_file and data.users_file can add them"] if missing else []


def commonest(events: pd.DataFrame, key: str, column: str) -> pd.Series:
    """The most frequent value of `column` for each `key`, the first in the alphabet of equals; empty without it."""
    if column not in events:
        return pd.Series(dtype="str")
    counts = events[[key, column]].dropna().value_counts().rename("n").reset_index()
    counts = counts.sort_values([key, "n", column], ascending=[True, False, True])
    return counts.drop_duplicates(key).set_index(key)[column]


def _one_row_each(
    given: pd.DataFrame | None, key: str, active: pd.Index, table: str
) -> tuple[pd.DataFrame, list[Problem]]:
    """`given` with one row per id, and rows for the ids that only the events have."""
    if given is None:
        return pd.DataFrame({key: active.astype("str")}), []
    nameless, twice = given[key].isna(), given[key].notna() & given.duplicated(key)
    problems = _problem(table, f"{key} missing", given.index.to_series().astype("str"), nameless, "removed")
    problems += _problem(table, f"{key} more than once", given[key], twice, "removed")
    kept = given[~nameless & ~twice].reset_index(drop=True)
    absent = active[~active.isin(kept[key])]
    joined = pd.concat([kept, pd.DataFrame({key: absent.astype("str")})], ignore_index=True)
    is_new = pd.Series(np.arange(len(joined)) >= len(kept))
    return joined, problems + _problem(
        table, f"not in the table of {table}, but in events", joined[key], is_new, "added"
    )


def _filled(frame: pd.DataFrame, column: str, other: pd.Series) -> pd.Series:
    """The column where it has a value, else `other`; `other` alone when there is no such column."""
    return frame[column].where(frame[column].notna(), other) if column in frame else other


def _missing(frame: pd.DataFrame, column: str, key: str, table: str, action: str) -> list[Problem]:
    return _problem(table, f"{column} missing", frame[key], frame[column].isna(), action)


def _problem(table: str, name: str, ids: pd.Series, found: pd.Series, action: str) -> list[Problem]:
    rows = int(found.sum())
    removed = rows if action == "removed" else 0
    return [Problem(table, name, rows, len(found), action, tuple(ids[found].head(EXAMPLES).astype("str")), removed)]
