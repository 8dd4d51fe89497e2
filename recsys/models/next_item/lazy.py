"""What a search keeps from one trial to the next: promised first, made when it is asked for.

So a trial that is skipped, as it was measured before, leaves kept what it would have left, and what the next ones cost
is the same.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Lazy(Generic[T]):
    """Something that is made when it is first asked for."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make: Callable[[], T] | None = make

    def __call__(self) -> T:
        if self._make:
            self._made, self._make = self._make(), None
        return self._made


class Recent(OrderedDict):
    """The last `size` things promised, by key."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def take(self, key: Hashable, promise: Callable[[], Lazy]) -> Lazy:
        """What was kept under `key`, else what `promise` promises, in the place of the one longest unused."""
        if key not in self:
            while len(self) >= self.size:
                self.popitem(last=False)  # before the next is made: memory never holds one more
            self[key] = promise()
        self.touch(key)
        return self[key]

    def touch(self, key: Hashable) -> None:
        """Keep this one longer, where it is still here."""
        if key in self:
            self.move_to_end(key)
