"""How long an invocation may still work, and how often it asks AWS again."""

import random
import time
from collections.abc import Iterator
from typing import Any

MARGIN = 60.0  # seconds kept to save, and to start the successor
ATTEMPTS = 10
FIRST_WAIT, LONGEST_WAIT = 0.2, 20.0  # seconds; ten attempts are spread over about a minute


class OutOfTime(Exception):
    """The invocation ends before this could be done; a later one does it."""


class Clock:
    """What is left of an invocation, for all its threads."""

    def __init__(self, context: Any) -> None:
        self.context, self.stopped = context, False

    def stop(self) -> None:
        """No time is left for any thread."""
        self.stopped = True

    def check(self, seconds: float = 0.0) -> None:
        """Raises OutOfTime where less than `seconds` is left beside the margin."""
        if self.stopped or self.context.get_remaining_time_in_millis() / 1000 - MARGIN < seconds:
            raise OutOfTime

    def attempts(self) -> Iterator[int]:
        """Numbers of attempts, a growing random wait before each but the first; raises OutOfTime instead of waiting
        too long."""
        for number in range(ATTEMPTS):
            wait = random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2**number)) if number else 0.0
            self.check(wait)
            if wait:  # who sleeps for no time waits for a processor all the same
                time.sleep(wait)
            yield number
