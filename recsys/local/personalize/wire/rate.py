"""A limit on requests per second, so that a program's retries can be tried: AWS has one, this server only if asked."""

import time

from recsys.local.personalize.wire.protocol import Operation
from recsys.local.shared.errors import ServiceError

REFUSED = "The limit on the number of requests per second has been exceeded."


class Rate:
    """So many requests of each operation a second, and as many at once; `per_second` None for no limit."""

    def __init__(self, per_second: float | None = None) -> None:
        self.per_second = per_second
        self._most = max(1.0, per_second or 0.0)
        self._left: dict[str, tuple[float, float]] = {}  # operation: requests it may still make, as of when

    def admit(self, operation: Operation) -> None:
        """Count one request. Raises LimitExceededException, ThrottlingException where that is not modelled."""
        if self.per_second is None:
            return
        now = time.monotonic()
        left, then = self._left.get(operation.name, (self._most, now))
        left = min(self._most, left + (now - then) * self.per_second)
        self._left[operation.name] = (left - (left >= 1), now)
        if left < 1:
            raise ServiceError(_code(operation), REFUSED)


def _code(operation: Operation) -> str:
    code = "LimitExceededException"
    return code if any(shape.name == code for shape in operation.model.error_shapes) else "ThrottlingException"
