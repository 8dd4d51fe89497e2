"""Metrics' old points made few, so that the saves of a busy server stay small.

MiniStack keeps every point for two weeks, and a save writes all points of a metric that changed.
"""

from typing import Any

from ministack.services import cloudwatch

FRESH = 900.0  # seconds a point keeps its own moment

Point = dict[str, Any]


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
