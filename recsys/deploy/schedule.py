"""How often a schedule of EventBridge comes, for what each time costs."""

import re

DAYS, WEEKS = 365.25 / 12, 365.25 / 12 / 7  # of a month
MINUTES_OF_A_DAY = {"minute": 1440, "hour": 24, "day": 1}
WEEK = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
YEAR = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
NUMBERS = {name: number for names in (WEEK, YEAR) for number, name in enumerate(names, 1)}


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
