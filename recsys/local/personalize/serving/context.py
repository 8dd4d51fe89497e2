"""What a user's context says about items, and what a new user's metadata say.

Naive Bayes over the interactions the model was trained on: the odds of item i are multiplied by its lift,

    lift(i | v) = P(v | i) / P(v),  P(v | i) = (n(i, v) + TRUST P(v)) / (n(i) + TRUST)

for every value v that is known: of the contextual columns of the Interactions dataset that the request's context names,
and, for a user without history, of the columns of the Users dataset. m columns say the same thing in part, so their
logarithms are summed and divided by the root of m. Numbers with many values are compared by decile.

[AWS says that both are learned with the rest and does not say how. Columns and values that training has not seen have
no effect, as programs send more context than their schema knows.]
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.local.personalize.filters import Table
from recsys.local.personalize.schemas import TYPES, Field, plain
from recsys.local.personalize.serving.group import Interactions, coded

TRUST = 20.0  # interactions of an item at which its own rate of a value counts as much as the overall one
MOST_NUMBERS = 24  # distinct numbers that are still categories: the hours of a day
MOST_KEPT = 256  # lifts of values kept at a time


class Column:
    """The values of one column beside the interactions, and the lift of each."""

    def __init__(self, values: pa.ChunkedArray | pa.Array, items: np.ndarray, n_items: int, numeric: bool) -> None:
        """values (n,): one per interaction, null where unknown; items (n,): codes below n_items."""
        self._edges: np.ndarray | None = None
        codes, names = coded(values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values]))
        if numeric and len(names) > MOST_NUMBERS:
            numbers = np.array([np.nan if name is None else name for name in names], np.float64)
            self._edges = np.unique(np.nanquantile(numbers[codes], np.linspace(0, 1, 11)[1:-1]))
            codes = np.where(np.isnan(numbers), -1, np.searchsorted(self._edges, numbers))[codes]
            names = list(range(len(self._edges) + 1))
        self._numeric = numeric
        self._code_of = {name: code for code, name in enumerate(names) if name is not None}
        known = np.isin(codes, list(self._code_of.values()))
        pairs = (np.ones(known.sum(), np.float32), (codes[known], items[known]))
        from scipy.sparse import coo_array  # slow to import: loaded with the model

        self._counts = coo_array(pairs, shape=(len(names), n_items)).tocsr()
        self._of_item = np.asarray(self._counts.sum(axis=0)).ravel()
        self._total = max(1.0, float(self._of_item.sum()))
        self._kept: dict[int, np.ndarray] = {}

    def log_lift(self, value: Any) -> np.ndarray | None:
        """(n_items,) float32; None for a value that no interaction has."""
        code = self._code(value)
        if code is None:
            return None
        if code not in self._kept:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[code] = self._log_lift(code)
        return self._kept[code]

    def _log_lift(self, code: int) -> np.ndarray:
        together = self._counts[[code]].toarray()[0]
        share = together.sum() / self._total
        return np.log((together / share + TRUST) / (self._of_item + TRUST)).astype(np.float32)

    def _code(self, value: Any) -> int | None:
        if self._numeric:
            try:
                value = float(value)
            except (TypeError, ValueError):
                return None
            value = value if self._edges is None else int(np.searchsorted(self._edges, value))
        return self._code_of.get(value)


Columns = Mapping[str, Column]


def context_columns(
    bulk: Interactions, kept: np.ndarray, items: np.ndarray, n_items: int, fields: Mapping[str, Field]
) -> Columns:
    """The contextual columns, by names as programs may write them (schemas.plain).

    kept (n_bulk,): the interactions that count; items (n_kept,): their codes.
    """
    names = [name for name in _usable(fields, "Interactions") if bulk.file and name in pq.read_schema(bulk.file).names]
    if not names:
        return {}
    table = pq.read_table(bulk.file, columns=names).filter(pa.array(kept))
    return {plain(name): Column(table[name], items, n_items, fields[name].numeric) for name in names}


def user_columns(
    bulk: Interactions, kept: np.ndarray, items: np.ndarray, n_items: int, users: Table, fields: Mapping[str, Field]
) -> Columns:
    """Those `fields` of the Users dataset by name, each interaction with the value of its user."""
    events = np.diff(np.r_[0, np.cumsum(kept)][bulk.offsets])
    columns = {}
    for name in _usable(fields, "Users"):
        values = pa.array([users.value(user, name) for user in bulk.users]).take(
            pa.array(np.repeat(np.arange(len(events)), events))
        )
        if values.null_count < len(values):
            columns[name] = Column(values, items, n_items, fields[name].numeric)
    return columns


def summed(lifts: Iterable[np.ndarray | None]) -> np.ndarray | None:
    """(n_items,) the logarithms of several lifts as one; None where nothing is known."""
    known = [lift for lift in lifts if lift is not None]
    return np.sum(known, axis=0) / np.float32(np.sqrt(len(known))) if known else None


def _usable(fields: Mapping[str, Field], kind: str) -> list[str]:
    """Metadata columns that training uses: numbers and categories."""
    own = {*TYPES[kind].required, *TYPES[kind].reserved}
    return [name for name, each in fields.items() if name not in own and (each.numeric or each.categorical)]
