"""Which of a file's columns are users, items, times and so on: by their names first, and only where the values fit.

Nothing is taken in silence: each column comes with the reason for it, and what is taken for nothing is named too.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from recsys.columns import (
    CATEGORY,
    COUNTRY,
    CREATION_TIMESTAMP,
    EVENT_TYPE,
    EVENT_VALUE,
    ITEM_ID,
    PRICE,
    TIMESTAMP,
    TITLE,
    USER_ID,
)
from recsys.data import files
from recsys.data.timestamps import epoch_seconds
from recsys.errors import DataError

LOOKED_AT = 10_000  # values of a column
SHOWN = 40  # characters of a value
MOST_TYPES = 10  # event types that Personalize takes

# What each is called elsewhere, likeliest first; a longer name counts by the words that it ends in.
NAMES: dict[str, tuple[str, ...]] = {
    USER_ID: (
        "user id", "customer id", "visitor id", "client id", "member id", "account id", "reviewer id", "buyer id",
        "user", "customer", "visitor", "client", "member", "account", "reviewer", "buyer", "shopper", "subscriber",
        "listener", "reader", "viewer", "person", "uid",
    ),
    ITEM_ID: (
        "item id", "product id", "article id", "sku", "asin", "movie id", "track id", "song id", "book id", "video id",
        "content id", "offer id", "listing id", "parent asin", "stock code", "product code", "item", "product",
        "article", "movie", "track", "song", "book", "isbn", "video", "content", "offer", "listing", "iid",
    ),
    TIMESTAMP: (
        "timestamp", "event time", "event timestamp", "unix timestamp", "datetime", "time", "date", "ts", "when",
        "created at", "occurred at", "at",
    ),
    EVENT_TYPE: (
        "event type", "event", "action", "action type", "behavior", "behaviour", "behavior type", "behaviour type",
        "interaction type", "interaction", "activity", "type",
    ),
    EVENT_VALUE: ("event value", "rating", "stars", "score", "value", "revenue", "amount"),
    CATEGORY: (
        "category", "categories", "genre", "genres", "department", "category name", "main category", "category code",
        "product type", "topic", "section", "type",
    ),
    PRICE: ("price", "unit price", "list price"),
    TITLE: ("title", "product name", "item name", "article name", "movie name", "name", "description"),
    CREATION_TIMESTAMP: (
        "creation timestamp", "creation date", "created at", "release date", "released", "published", "published at",
        "publish date", "launch date", "available from", "first seen", "added at", "created",
    ),
    COUNTRY: ("country", "country code"),
}  # fmt: skip
ALONE = {(CATEGORY, "type"), (TITLE, "name")}  # that say so in a table of items alone
PEOPLE = {name for name in NAMES[USER_ID] if " " not in name}
OF_ITEMS = (ITEM_ID, CATEGORY, PRICE, TITLE)  # a customer_name is no title
NUMBERED = ("no", "nr", "num", "number", "key", "uuid", "hash")  # say what an id says
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")
TYPED = re.compile(r":(?:token|float)(?:_seq)?$")  # how RecBole's files end a name


@dataclass(frozen=True)
class Column:
    """A column of theirs that is taken for one of ours, why, and values of it; of further metadata also its kind."""

    ours: str
    theirs: str
    why: str
    examples: tuple[str, ...]
    kind: str = ""


@dataclass(frozen=True)
class Recognised:
    """What a file's columns are taken for, in our order, and the others with what speaks against them, if anything."""

    columns: tuple[Column, ...]
    unused: Mapping[str, str]

    @property
    def all_names(self) -> set[str]:
        """All that the file has, theirs."""
        return {*self.names.values(), *self.unused}

    @property
    def names(self) -> dict[str, str]:
        """Ours -> theirs."""
        return {column.ours: column.theirs for column in self.columns}


def recognise(
    frame: pd.DataFrame,
    required: Sequence[str],
    optional: Sequence[str],
    given: Mapping[str, tuple[str, str]],
    timezone: str,
) -> Recognised:
    """Find our columns among those of a file; `given`, ours -> theirs and why, is taken as it is.

    Raises DataError where one of the `required` cannot be found, naming what there is.
    """
    found = dict(given)
    taken = {theirs for theirs, _ in given.values()}
    free = [name for name in frame.columns if name not in taken]
    misfits: dict[str, str] = {}
    for ours in (*required, *optional):
        for theirs in [] if ours in given else _by_name(ours, free, alone=TIMESTAMP not in required):
            if reason := misfit(ours, frame[theirs], timezone):
                misfits[theirs] = f"no {ours}: {reason}"
            else:
                found[ours] = theirs, "by its name"
                free.remove(theirs)
                break
    if TIMESTAMP in required and TIMESTAMP not in found:
        times = [theirs for theirs in free if not misfit(TIMESTAMP, frame[theirs], timezone)]
        if len(times) == 1:
            found[TIMESTAMP] = times[0], "the only one that holds times"
            free.remove(times[0])
    for ours in required:
        if ours not in found:
            raise DataError(_not_found(ours, frame, misfits))
    columns = [
        Column(ours, *found[ours], examples(frame[found[ours][0]])) for ours in (*required, *optional) if ours in found
    ]
    return Recognised(tuple(columns), {theirs: misfits.get(theirs, "") for theirs in free})


def _by_name(ours: str, theirs: Sequence[str], alone: bool) -> list[str]:
    """Those of the names that may mean this, likeliest first; `alone`: the table is of items or of users only."""
    names = [words_of(ours), *(name.split() for name in NAMES[ours])]
    ranked = []
    for place, name in enumerate(theirs):
        words = words_of(name)
        if ours in OF_ITEMS and PEOPLE.intersection(words):
            continue
        whole = [rank for rank, known in enumerate(names) if "".join(known) == "".join(words)]
        ends = [
            rank for rank, known in enumerate(names) if words[-len(known) :] == known and (ours, *known) not in ALONE
        ]
        if whole and (alone or (ours, *words) not in ALONE):
            ranked.append((0, min(whole), place, name))
        elif ends and _may_be_longer(ours):
            ranked.append((1, min(ends), place, name))
    return [name for *_, name in sorted(ranked)]


def _may_be_longer(ours: str) -> bool:
    """Whether `shop_customer_id` is one as `customer_id` is; a `video_type` is no type of event."""
    return ours not in (EVENT_TYPE, EVENT_VALUE)


def spelled(name: str) -> list[str]:
    """The words of a name, in lower case: those of `InvoiceDate`, `invoice_date` and `invoice date:float` are two."""
    return [word.lower() for word in WORDS.findall(TYPED.sub("", name.strip()))]


def words_of(name: str) -> list[str]:
    """The words of a name, and an `id` for a number that says the same."""
    words = spelled(name)
    return [*words[:-1], "id"] if len(words) > 1 and words[-1] in NUMBERED else words


def misfit(ours: str, values: pd.Series, timezone: str) -> str:
    """What in the values speaks against it; empty where nothing does."""
    return MISFITS[ours](values.dropna(), timezone) if ours in MISFITS else ""


def _no_times(values: pd.Series, timezone: str) -> str:
    return _refused(epoch_seconds, values, timezone)


def _no_numbers(values: pd.Series, _: str) -> str:
    return _refused(files.numbers, values)


def _refused(read: Callable[..., object], values: pd.Series, *options: str) -> str:
    """Why values from all over a column cannot be read so: of a file in time order the first are of one day."""
    try:
        read(values.iloc[:: max(1, len(values) // LOOKED_AT)], "", *options)
    except DataError as error:
        return str(error).removeprefix(": ").partition(";")[0]
    return ""


def _no_types(values: pd.Series, _: str) -> str:
    kinds = values.nunique()
    return f"{kinds:,} different values where Personalize takes {MOST_TYPES} types" if kinds > MOST_TYPES else ""


MISFITS: dict[str, Callable[[pd.Series, str], str]] = {
    TIMESTAMP: _no_times,
    CREATION_TIMESTAMP: _no_times,
    EVENT_VALUE: _no_numbers,
    PRICE: _no_numbers,
    EVENT_TYPE: _no_types,
}


def examples(values: pd.Series) -> tuple[str, ...]:
    """Up to three different values, none longer than a column of a table."""
    found = (str(value) for value in values.dropna().head(LOOKED_AT).unique()[:3])
    return tuple(text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…" for text in found)


def _not_found(ours: str, frame: pd.DataFrame, misfits: Mapping[str, str]) -> str:
    there = ", ".join(f"{name} ({next(iter(examples(frame[name])), 'empty')})" for name in frame.columns)
    refused = "".join(f"; {name} is {reason}" for name, reason in misfits.items() if reason.startswith(f"no {ours}"))
    return f"no column is known as {ours}{refused}; there are {there}: name yours with --map {ours}=YOURS"
