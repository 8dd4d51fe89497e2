"""Equal points of a metric kept as one, with a count, so that the saves of a busy server stay small.

MiniStack keeps every point for two weeks, and a save writes all points of a metric that changed. Here those of one
second are one point from the start, and later those of one minute.
"""

import time
from collections.abc import Callable
from typing import Any

from ministack.services import cloudwatch

FRESH = 900.0  # seconds a point keeps its own moment
LOOK_BACK = 50  # points of the same second that are compared

Point = dict[str, Any]


def install() -> None:
    """Merge the points that the services record."""
    cloudwatch.record_metric = _merged(cloudwatch.record_metric)


def _merged(record: Callable[..., None]) -> Callable[..., None]:
    """MiniStack's adds a point each time; here equal ones of a second become one with a count."""

    def recorded(
        namespace: str, name: str, value: float, unit: str = "None", dimensions: dict[str, str] | None = None
    ) -> None:
        points = cloudwatch._metrics.get((namespace, name, cloudwatch._dims_key(dimensions or {}))) or []
        second = int(time.time())
        for point in points[: -LOOK_BACK - 1 : -1]:
            if int(point["Timestamp"]) != second:
                break
            if point["Value"] == value and point["Unit"] == unit:
                point["Count"] = point.get("Count", 1.0) + 1.0
                return
        record(namespace, name, value, unit, dimensions)

    return recorded


def thin(now: float) -> None:
    """Make one point, with a count, of the equal older ones of a minute.

    No statistic changes, percentiles neither: a count is as good as so many points.
    """
    for points in list(cloudwatch._metrics.all_values()):
        old = next((index for index, point in enumerate(points) if point["Timestamp"] > now - FRESH), len(points))
        merged: dict[Any, Point] = {}
        for point in points[:old]:
            _merge(merged, point)
        if len(merged) < old:
            points[:old] = merged.values()  # at once: others append meanwhile


def _merge(merged: dict[Any, Point], point: Point) -> None:
    minute = int(point["Timestamp"] // 60)
    key = id(point) if "_stat" in point else (minute, point["Value"], point["Unit"])
    if key in merged:
        merged[key]["Count"] = merged[key].get("Count", 1.0) + point.get("Count", 1.0)
    else:
        merged[key] = dict(point)
