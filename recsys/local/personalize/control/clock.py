"""How time passes for what happens on its own."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """day_seconds: real seconds that are a day in a schedule; auto_training: whether solutions train on their own."""

    day_seconds: float = 86400.0
    auto_training: bool = True


REAL_TIME = Clock()
