"""Columns that conditions are evaluated on: (n+1,) values of the n rows of a table, row 0 always null.

A null satisfies no comparison and is in no list; it does satisfy != and NOT IN, for it is none of the values. A
categorical `shoes|sale` is the set of its parts: it equals, and is in, what shares a part with it. [AWS leaves both
open.]
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from recsys.local.personalize.schemas import Field

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
NEGATED = ("NOT IN", "!=")


class Growing:
    """An array that takes values one by one along its first axis; its room doubles when it is full."""

    def __init__(self, values: np.ndarray) -> None:
        self._room, self._used = values, len(values)

    def put(self, place: int, value: Any) -> None:
        """Replace a value, or append one at the place after the last."""
        if place == len(self._room):
            more = np.zeros((max(place, 16), *self._room.shape[1:]), self._room.dtype)
            self._room = np.concatenate([self._room, more])
        self._used = max(self._used, place + 1)
        self._room[place] = value

    @property
    def array(self) -> np.ndarray:
        return self._room[: self._used]


class Numbers:
    """A number per row, NaN for null."""

    numeric = True

    def __init__(self, bulk: pa.ChunkedArray | None = None) -> None:
        values = np.empty(0) if bulk is None else bulk.cast(pa.float64(), safe=False).to_numpy()
        self._values = Growing(np.concatenate([[np.nan], values]))

    def put(self, row: int, value: float | None) -> None:
        self._values.put(row, np.nan if value is None else value)

    def matches(self, op: str, wanted: Sequence[float]) -> np.ndarray:
        """(n+1,) the rows of which the condition is true; nothing wanted is a null on the right-hand side."""
        values = self._values.array
        if op in COMPARE and wanted:
            return COMPARE[op](values, wanted[0])
        found = np.isin(values, wanted)
        return ~found if op in NEGATED else found


class Texts:
    """A text per row, as codes into the distinct texts; 0 for null."""

    numeric = False

    def __init__(self, categorical: bool, bulk: pa.ChunkedArray | None = None) -> None:
        self._categorical = categorical
        self._code_of: dict[str, int] = {}
        self._codes_with: dict[str, list[int]] = {}  # part -> the codes of the texts that have it
        codes = np.empty(0)
        if bulk is not None:
            encoded = bulk.combine_chunks().dictionary_encode()
            for text in encoded.dictionary.to_pylist():
                self._code(text)
            codes = encoded.indices.fill_null(-1).to_numpy() + 1
        self._codes = Growing(np.concatenate([[0], codes]).astype(np.intp))

    def put(self, row: int, value: str | None) -> None:
        self._codes.put(row, 0 if value is None else self._code(str(value)))

    def matches(self, op: str, wanted: Sequence[str]) -> np.ndarray:
        """(n+1,) the rows of which the condition is true; nothing wanted is a null on the right-hand side."""
        having = np.zeros(len(self._code_of) + 1, bool)
        for part in wanted:
            having[self._codes_with.get(part, [])] = True
        found = having.take(self._codes.array)
        return ~found if op in NEGATED else found

    def _code(self, text: str) -> int:
        code = self._code_of.get(text)
        if code is None:
            code = self._code_of[text] = len(self._code_of) + 1
            for part in set(text.split("|")) if self._categorical else (text,):
                self._codes_with.setdefault(part, []).append(code)
        return code


Column = Numbers | Texts


def column_of(field: Field, bulk: pa.ChunkedArray | None = None) -> Column:
    """The column of a field with its rows in bulk."""
    return Numbers(bulk) if field.numeric else Texts(field.categorical, bulk)
