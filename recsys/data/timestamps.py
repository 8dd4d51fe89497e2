"""Whatever a file calls a time, as whole seconds since 1970-01-01 UTC."""

import re
from datetime import UTC, tzinfo

import numpy as np
import pandas as pd

from recsys.errors import DataError
from recsys.timezones import time_zone

UNITS = (  # (name, units in a second, smallest and largest plausible value: 1973 to 2286 in that unit)
    ("seconds", 1, 10**8, 10**10),
    ("milliseconds", 10**3, 10**11, 10**13),
    ("microseconds", 10**6, 10**14, 10**16),
    ("nanoseconds", 10**9, 10**17, 10**19),
)
UNREADABLE_SHARE = 0.01
YEAR_FIRST = re.compile(r"^(\d{4})[-/](\d{2})[-/](\d{2})")
YEAR_LAST = re.compile(r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?=\D|$)")
NAMED_UTC = re.compile(r" ?(?:UTC|GMT)$")
ZONE = re.compile(r"[T ]\d[\d:.]* *(?:Z|[+-][\d:]+)$")  # after a time, however short
YEARS = 1901, 2261  # an item may be older than 1970; 1900 stands for no time, and pandas' nanoseconds end in 2262


def epoch_seconds(values: pd.Series, where: str, timezone: str = "UTC") -> tuple[pd.Series, str]:
    """The times as nullable whole seconds (Int64, <NA> where there is none), and what they were read as.

    Takes epoch seconds, milliseconds, microseconds and nanoseconds, as numbers or as text; ISO 8601 text, and dates
    that end in the year where those of the column say which number is the day; datetimes. A time without a zone is of
    `timezone`, an IANA name; where clocks were put back it is the earlier of two. Up to 1 % of values may be
    unreadable, or placeholders such as 0 among epoch seconds or the year 1, and become <NA>. Raises DataError, naming
    `where` (file and column), when the unit or the order of day and month is open, and for a time zone that is none.
    """
    zone = known_zone(timezone)
    if isinstance(values.dtype, pd.DatetimeTZDtype) or np.issubdtype(np.asarray(values[:0]).dtype, np.datetime64):
        naive, values = values.dt.tz is None, _plausible(values)
        return _seconds(_in_zone(values, zone) if naive else values), "datetimes" + _taken(naive, timezone)
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
    times, written, naive = _from_text(text.where(given), where, zone)
    return times, written + _taken(naive, timezone)


def known_zone(timezone: str) -> tzinfo:
    """The time zone of an IANA name. Raises DataError where it is none."""
    zone = time_zone(timezone)
    if zone is None:
        raise DataError(f'data.timezone: "{timezone}" is no IANA time zone, such as Europe/Berlin')
    return zone


def _taken(naive: bool, timezone: str) -> str:
    return f", taken as {timezone}" if naive else ""


def _plausible(values: pd.Series) -> pd.Series:
    return values.where(values.dt.year.between(*YEARS))


def _seconds(values: pd.Series) -> pd.Series:
    # A difference, not a cast: the integer behind a datetime is in ns, us, ms or s, depending on where it came from.
    return ((values - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1)).astype("Int64")


def _in_zone(values: pd.Series, zone: tzinfo) -> pd.Series:
    earlier = np.ones(len(values), dtype=bool)
    return values.dt.tz_localize(zone, ambiguous=earlier, nonexistent="shift_forward").dt.tz_convert("UTC")


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


def _from_text(text: pd.Series, where: str, zone: tzinfo) -> tuple[pd.Series, str, bool]:
    """The seconds, what they were read as, and whether any has no zone."""
    iso, written = _as_iso(text, where)
    if iso.str.endswith(("UTC", "GMT"), na=False).any():
        iso = iso.str.replace(NAMED_UTC, "Z", regex=True)
    zoned = iso.str.contains(ZONE, regex=True, na=False)
    times = _plausible(pd.to_datetime(iso, format="ISO8601", utc=True, errors="coerce"))
    naive = ~zoned & times.notna()
    if naive.any() and zone is not UTC:
        times = times.mask(naive, _in_zone(times.dt.tz_localize(None), zone))
    if times.isna().sum() - text.isna().sum() > UNREADABLE_SHARE * text.notna().sum():
        example = text[times.isna() & text.notna()].iloc[0]
        raise DataError(
            f"{where}: {example!r} is not a time of {YEARS[0]} to {YEARS[1]}; write it like 2026-11-23 14:05:00"
        )
    return _seconds(times), written, bool(naive.any())


def _as_iso(text: pd.Series, where: str) -> tuple[pd.Series, str]:
    """The texts with the year first, and what they were. Raises DataError where that is open."""
    known = text.dropna()
    if known.str.match(YEAR_FIRST).mean() >= 1 - UNREADABLE_SHARE:
        slashes = known.str.contains("/", regex=False).any()
        return text.str.replace(YEAR_FIRST, r"\1-\2-\3", regex=True) if slashes else text, "ISO 8601 text"
    dates = known.str.extract(YEAR_LAST).dropna().astype(int)
    if len(dates) < (1 - UNREADABLE_SHARE) * len(known):
        example = known[~known.str.match(YEAR_FIRST)].iloc[0]
        raise DataError(
            f"{where}: {example!r} is not readable as a time: it is not ISO 8601; write it like 2026-11-23 14:05:00"
        )
    day_first, month_first = (dates[0] > 12).any(), (dates[1] > 12).any()
    if day_first == month_first:
        raise DataError(
            f"{where}: {known[dates.index].iloc[0]!r} is not readable as a time: day and month could be either way "
            "round; write it like 2026-11-23 14:05:00"
        )
    day, month = (1, 2) if day_first else (2, 1)
    padded = text.str.replace(r"\b(\d)(?=[./-])", r"0\1", regex=True)
    order = "day.month.year" if day_first else "month/day/year"
    return padded.str.replace(YEAR_LAST, rf"\3-\g<{month}>-\g<{day}>", regex=True), f"{order} text"


def _one_of_each(values: pd.Series, numbers: pd.Series) -> str:
    return f"{values[numbers.notna()].iloc[0]!r} and {values[numbers.isna() & values.notna()].iloc[0]!r}"


def _dashed(number: float) -> str:
    digits = f"{number:.0f}"
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
