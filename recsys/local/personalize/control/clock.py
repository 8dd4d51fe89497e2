"""How time passes for schedules."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """How long a day of a schedule lasts, in seconds, and whether solutions train by themselves at all."""

    day_seconds: float = 86400.0
    auto_training: bool = True
