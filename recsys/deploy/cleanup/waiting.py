"""Asking until something is so, with a deadline."""

import time
from collections.abc import Callable

from recsys import aws
from recsys.aws import Report
from recsys.errors import Refused, TimedOut

# What a service answers while something else still holds on to a resource, or is at work on it: CloudTrail writes into
# its bucket for some minutes after its trail is gone.
BUSY = (
    "BucketNotEmpty",
    "ConflictException",
    "LimitExceededException",
    "OperationAborted",
    "ResourceConflictException",
    "ResourceInUseException",
    "ThrottlingException",
    "TooManyRequestsException",
)


def until(done: Callable[[], bool], what: str, deadline: float, tell: Report) -> None:
    """Ask `done` again and again, telling once a minute what is waited for.

    `deadline` is in the seconds of time.monotonic(). Raises TimedOut then.
    """
    started = told = time.monotonic()
    look = aws.patiently(done)
    while not look():
        now = time.monotonic()
        if now > deadline:
            raise TimedOut(f"{what} after {now - started:.0f} s; run the command again to go on")
        if told == started or now - told >= 60:
            tell(f"waiting: {what} for {now - started:.0f} s")
            told = now
        time.sleep(min(10.0, max(0.05, (now - started) / 10)))


def accepted(delete: Callable[[], None]) -> bool:
    """Whether a deletion was taken; False while the resource is in use."""
    try:
        delete()
    except Refused as error:
        if error.code in BUSY:
            return False
        raise
    return True
