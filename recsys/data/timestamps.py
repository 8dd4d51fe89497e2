"""Whatever a file calls a time, as whole seconds since 1970-01-01 UTC."""

import re

import numpy as np
import pandas as pd

from recsys.errors import DataError

UNITS = (  # (name, units in a second, smallest and largest plausible value: 1973 to 2286 in that unit)
    ("seconds", 1, 10**8, 10**10),
    ("milliseconds", 10**3, 10**11, 10**13),
    ("microseconds", 10**6, 10**14, 10**16),
    ("nanoseconds", 10**9, 10**17, 10**19),
)
UNREADABLE_SHARE = 0.01
ISO = re.compile(r"\d{4}-\d{2}-\d{2}")


def epoch_seconds(values: pd.Series, where: str) -> tuple[pd.Series, str]:
    """The times as nullable whole seconds (Int64, <NA> where there is none), and what they were read as.

    Takes epoch seconds, milliseconds, microseconds and nanoseconds, as numbers or as text; ISO 8601 text; datetimes.
    A time without a zone counts as UTC. Up to 1 % of values may be unreadable, or placeholders such as 0 among epoch
    seconds, and become <NA>. Raises DataError, naming `where` (file and column), when the unit or the order of day and
    month is open.
    """
    if isinstance(values.dtype, pd.DatetimeTZDtype) or np.issubdtype(np.asarray(values[:0]).dtype, np.datetime64):
        return _from_datetimes(values), "datetimes"
    if pd.api.types.is_bool_dtype(values.dtype):
        raise DataError(f"{where}: true and false are no times; name the column that holds them in data.column_mapping")
    text = values.astype("str").str.strip() if not pd.api.types.is_numeric_dtype(values.dtype) else None
    given = values.notna() if text is None else values.notna() & (text != "")
    numbers = pd.to_numeric(values if text is None else text, errors="coerce")
    if not given.any():
        raise DataError(f"{where}: every time is missing; name the column that holds them in data.column_mapping")
    if (given & numbers.isna()).sum() <= UNREADABLE_SHARE * given.sum():
        return _from_numbers(numbers, where)
    if text is None or (given & numbers.notna()).sum() > UNREADABLE_SHARE * given.sum():
        raise DataError(
            f"{where}: some times are numbers and some are text, such as {_one_of_each(values, numbers)}; "
            "write them all one way"
        )
    return _from_text(text.where(given), where)


def _from_datetimes(values: pd.Series) -> pd.Series:
    zero = pd.Timestamp(0, tz="UTC") if values.dt.tz is not None else pd.Timestamp(0)
    # A difference, not a cast: the integer behind a datetime is in ns, us, ms or s, depending on where it came from.
    return ((values - zero) // pd.Timedelta(seconds=1)).astype("Int64")


def _from_numbers(numbers: pd.Series, where: str) -> tuple[pd.Series, str]:
    known = numbers.dropna()
    low, high = known.min(), known.max()
    misfits = len(known)
    for name, units, least, most in UNITS:
        fits = ((numbers >= least) & (numbers < most)).fillna(False).astype(bool)
        misfits = min(misfits, len(known) - int(fits.sum()))
        if misfits <= UNREADABLE_SHARE * len(known):
            whole = (numbers.mask(~fits, least) // units).astype("Int64")  # whole numbers stay exact where none is NaN
            return whole.where(fits), f"epoch {name}"
    found = {name for name, _, least, most in UNITS if ((known >= least) & (known < most)).any()}
    if len(found) > 1:
        raise DataError(
            f"{where}: times in {' and '.join(sorted(found))} are mixed ({low:g} to {high:g}); convert them to one unit"
        )
    if low >= 19_000_101 and high <= 21_001_231:
        raise DataError(f"{where}: {low:.0f} looks like a date written as a number; write it as {_dashed(low)}")
    raise DataError(
        f"{where}: {misfits:,} of {len(known):,} values, from {low:g} to {high:g}, are no times; "
        "give epoch seconds, milliseconds or ISO 8601 text"
    )


def _from_text(text: pd.Series, where: str) -> tuple[pd.Series, str]:
    iso = text.dropna().str.match(ISO)
    if iso.mean() < 1 - UNREADABLE_SHARE:
        example = text.dropna()[~iso].iloc[0]
        why = (
            "day and month could be either way round"
            if re.match(r"\d{1,2}[./-]\d{1,2}[./-]\d", example)
            else "it is not ISO 8601"
        )
        raise DataError(f"{where}: {example!r} is not readable as a time: {why}; write it like 2026-11-23 14:05:00")
    times = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
    if times.isna().sum() - text.isna().sum() > UNREADABLE_SHARE * text.notna().sum():
        example = text[times.isna() & text.notna()].iloc[0]
        raise DataError(f"{where}: {example!r} is not a time; write it like 2026-11-23 14:05:00")
    zoned = text.dropna().str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", regex=True).all()
    return _from_datetimes(times), "ISO 8601 text" + ("" if zoned else ", taken as UTC")


def _one_of_each(values: pd.Series, numbers: pd.Series) -> str:
    return f"{values[numbers.notna()].iloc[0]!r} and {values[numbers.isna() & values.notna()].iloc[0]!r}"


def _dashed(number: float) -> str:
    digits = f"{number:.0f}"
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
