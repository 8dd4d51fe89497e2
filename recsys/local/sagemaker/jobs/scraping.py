"""Metrics found in what a job prints, by its metric definitions."""

import math
import re
import time
from typing import Any

from recsys.local.shared.errors import broken

Params = dict[str, Any]


class Scraper:
    """Metrics found in log lines by the regular expressions of a job's metric definitions; `last` value of each."""

    def __init__(self, definitions: list[dict[str, str]]) -> None:
        self._patterns = [(each["Name"], compiled(each)) for each in definitions]
        self.last: dict[str, tuple[float, float]] = {}

    def scrape(self, line: str) -> list[tuple[str, float]]:
        """Name and value of every metric in a line."""
        found = []
        for name, pattern in self._patterns:
            for match in pattern.finditer(line):
                try:
                    value = float(match.group(1))
                except (ValueError, IndexError, TypeError):
                    continue
                if math.isfinite(value):  # CloudWatch takes no others, nor does JSON
                    found.append((name, value))
        self.last |= {name: (value, time.time()) for name, value in found}
        return found

    def final(self) -> list[Params]:
        return [{"MetricName": name, "Value": value, "Timestamp": at} for name, (value, at) in self.last.items()]


def compiled(definition: dict[str, str]) -> re.Pattern[str]:
    """The expression of a metric definition. Raises ValidationException."""
    try:
        return re.compile(definition["Regex"])
    except re.error as error:
        raise broken(f"Invalid regular expression of metric {definition['Name']}: {error}") from None
