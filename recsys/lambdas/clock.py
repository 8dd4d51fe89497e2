"""How long an invocation may still work, and how often it asks AWS again."""

import random
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from .transient import is_transient

MARGIN = 60.0  # seconds the daily batch keeps to save, and to start its successor
ATTEMPTS = 10
FIRST_WAIT, LONGEST_WAIT = 0.2, 20.0  # seconds; ten attempts are spread over about a minute

Subject = TypeVar("Subject")


class OutOfTime(Exception):
    """The invocation ends before this could be done; a later one does it."""


class Clock:
    """What is left of an invocation beside a margin, in seconds, for all its threads."""

    def __init__(self, context: Any, margin: float = MARGIN) -> None:
        self.context, self.margin, self.stopped = context, margin, False

    def stop(self) -> None:
        """No time is left for any thread."""
        self.stopped = True

    def check(self, seconds: float = 0.0) -> None:
        """Raises OutOfTime where less than `seconds` is left beside the margin."""
        if self.stopped or self.context.get_remaining_time_in_millis() / 1000 - self.margin < seconds:
            raise OutOfTime("no time was left")

    def attempts(self) -> Iterator[int]:
        """Numbers of attempts, a growing random wait before each but the first; raises OutOfTime instead of waiting
        too long."""
        for number in range(ATTEMPTS):
            wait = random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2**number)) if number else 0.0
            self.check(wait)
            if wait:  # who sleeps for no time waits for a processor all the same
                time.sleep(wait)
            yield number

    def retry(
        self,
        work: Callable[[Collection[Subject]], dict[Subject, Exception]],
        subjects: Collection[Subject],
        retryable: Callable[[Exception], bool] = is_transient,
    ) -> dict[Subject, Exception]:
        """Do some work, and again for those it fails as long as the failure is retryable; returns who is left, and why.

        `work` takes the subjects and returns those that failed.
        """
        settled: dict[Subject, Exception] = {}
        failed: dict[Subject, Exception] = dict.fromkeys(subjects, OutOfTime("no time was left"))
        with suppress(OutOfTime):
            for _ in self.attempts():
                failed = work([each for each in failed if each not in settled])
                settled |= {each: error for each, error in failed.items() if not retryable(error)}
                if failed.keys() <= settled.keys():
                    break
        return settled | failed
