"""Moments as AWS's messages tell them."""

from datetime import UTC, datetime


def iso(seconds: float) -> str:
    """Seconds since 1970 as `1970-01-01T00:00:00.000Z`: UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
