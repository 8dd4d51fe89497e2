"""Schedules of EventBridge: which texts it takes, and how often they come, for what each time costs."""

import re

DAYS, WEEKS = 365.25 / 12, 365.25 / 12 / 7  # of a month
MINUTES_OF_A_DAY = {"minute": 1440, "hour": 24, "day": 1}
WEEK = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
YEAR = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
NUMBERS = {name: number for names in (WEEK, YEAR) for number, name in enumerate(names, 1)}


def _field(value: str, *more: str) -> str:
    """A field of a cron expression: values, ranges and steps, or one of `more`."""
    part = rf"(\*|{value}(-{value})?)(/[1-9]\d*)?"
    return "|".join((rf"({part}(,{part})*", *more)) + ")"


MONTH = f"(0?[1-9]|1[0-2]|{'|'.join(YEAR)})"
WEEKDAY = f"([1-7]|{'|'.join(WEEK)})"
DAY = "(0?[1-9]|[12][0-9]|3[01])"
MONTHS, WEEKDAYS = _field(MONTH), _field(WEEKDAY, f"{WEEKDAY}?L", f"{WEEKDAY}#[1-5]")
# Of the day of the month and that of the week EventBridge takes one, and wants a ? for the other.
DAY_FIELDS = rf"({_field(DAY, 'L', 'LW', f'{DAY}W')} {MONTHS} \?|\? {MONTHS} {WEEKDAYS})"
TIMES = f"{_field('[0-5]?[0-9]')} {_field('(1?[0-9]|2[0-3])')}"
RATE = r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minute|hour|day)s)\)"
SCHEDULE = re.compile(rf"{RATE}|cron\({TIMES} {DAY_FIELDS} {_field('(19[7-9][0-9]|2[01][0-9][0-9])')}\)")


def valid_schedule(text: str) -> str:
    """The text, if it is a schedule. Raises ValueError."""
    if not SCHEDULE.fullmatch(text):
        raise ValueError("is no schedule of EventBridge, such as cron(0 4 ? * SUN *), rate(1 day) or rate(7 days)")
    return text


def runs_a_month(schedule: str) -> float:
    """Times a month, on average, of `rate(7 days)` or `cron(0 4 ? * SUN *)`; the year of a cron does not count.

    >>> [round(runs_a_month(each), 1) for each in ("rate(7 days)", "cron(0 4 ? * SUN *)", "cron(0 4 1,15 * ? *)")]
    [4.3, 4.3, 2.0]
    """
    kind, _, rest = schedule.rstrip(")").partition("(")
    if kind == "rate":
        number, unit = rest.split()
        return DAYS * MINUTES_OF_A_DAY[unit.removesuffix("s")] / int(number)
    minutes, hours, days, months, weekdays, _ = rest.upper().split()
    at = _chosen(minutes, 60) * _chosen(hours, 24) * _chosen(months, 12) / 12
    if weekdays not in ("*", "?"):
        return at * (1 if re.search("[L#]", weekdays) else WEEKS * _chosen(weekdays, 7))
    return at * (DAYS if days in ("*", "?") else 1 if re.search("[LW]", days) else _chosen(days, DAYS))


def _chosen(field: str, all_: float) -> float:
    """How many values a field of a cron expression names: a list of values, ranges and steps."""
    return sum(_part(part, all_) for part in field.split(","))


def _part(part: str, all_: float) -> float:
    values, _, step = part.partition("/")
    first, _, last = values.partition("-")
    count = all_ if first == "*" or step else 1
    if last:
        count = (int(NUMBERS.get(last, last)) - int(NUMBERS.get(first, first))) % all_ + 1
    return max(1.0, count / int(step)) if step else count
