"""How time passes for what happens on its own."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """day_seconds: real seconds that are a day in a schedule; auto_training: whether anything trains on its own."""

    day_seconds: float = 86400.0
    auto_training: bool = True

    def after(self, days: float) -> float:
        """The moment so many of its days from now, epoch seconds."""
        return time.time() + days * self.day_seconds


REAL_TIME = Clock()
