"""How much more than usual an item is taken by users of a kind, or at moments of a kind.

Naive Bayes over interactions: the odds of item i are multiplied by its lift,

    lift(i | v) = P(v | i) / P(v),  P(v | i) = (n(i, v) + TRUST P(v)) / (n(i) + TRUST)

for every value v that is known. m columns say the same thing in part, so their logarithms are summed and divided by the
root of m. Numbers with many values are compared by decile.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import sparse

from recsys.columns import USER_ID
from recsys.errors import ModelError
from recsys.models.content.metadata import NUMBER, TEXT, cells
from recsys.models.content.tables import ids_of, kinds_of
from recsys.models.sequences import Sequences
from recsys.models.storage import as_bytes, from_bytes, table_arrays, table_from

if TYPE_CHECKING:
    import pandas as pd  # slow to import, and whoever only serves never needs it

TRUST = 20.0  # interactions of an item at which its own rate of a value counts as much as the overall one
MOST_NUMBERS = 24  # distinct numbers that are still categories: the hours of a day
MOST_KEPT = 256  # lifts of values kept at a time


class Lifts:
    """What each value of one column says about items.

    counts: (n_values, n_items) interactions of an item with a value; names: the values, None for an unknown one; edges:
    of the deciles that numbers are compared by, None where they or their names are compared.
    """

    def __init__(
        self, counts: sparse.csr_array, names: Sequence[Any], numeric: bool, edges: np.ndarray | None = None
    ) -> None:
        self.counts, self.names, self.numeric, self.edges = counts, names, numeric, edges
        self._code_of = {name: code for code, name in enumerate(names) if name is not None}
        self._of_item, self._of_value = (np.asarray(counts.sum(axis=axis)).ravel() for axis in (0, 1))
        self._total = max(1.0, float(self._of_item.sum()))
        self._kept: dict[int, np.ndarray] = {}

    @classmethod
    def fit(cls, codes: np.ndarray, names: Sequence[Any], items: np.ndarray, n_items: int, numeric: bool) -> Self:
        """codes (n,): of each interaction's value in `names`, of which None may be one; items (n,): below n_items."""
        edges = None
        if numeric and sum(name is not None for name in names) > MOST_NUMBERS:
            numbers = np.array([np.nan if name is None else name for name in names], np.float64)
            edges = np.unique(np.nanquantile(numbers[codes], np.linspace(0, 1, 11)[1:-1]))
            codes = np.where(np.isnan(numbers), -1, np.searchsorted(edges, numbers))[codes]
            names = list(range(len(edges) + 1))
        known = np.isin(codes, [code for code, name in enumerate(names) if name is not None])
        pairs = (np.ones(known.sum(), np.float32), (codes[known], items[known]))
        counts = sparse.csr_array(sparse.coo_array(pairs, shape=(len(names), n_items)))
        return cls(counts, names, numeric, edges)

    def log_lift(self, value: Any) -> np.ndarray | None:
        """(n_items,) float32; None for a value that no interaction has."""
        code = self._code(value)
        if code is None or not self._of_value[code]:
            return None
        if code not in self._kept:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[code] = self._log_lift(code)
        return self._kept[code]

    def _log_lift(self, code: int) -> np.ndarray:
        share = self._of_value[code] / self._total
        return np.log((self.counts[[code]].toarray()[0] / share + TRUST) / (self._of_item + TRUST)).astype(np.float32)

    def _code(self, value: Any) -> int | None:
        if self.numeric:
            try:
                value = float(value)
            except (TypeError, ValueError):
                return None
            value = value if self.edges is None else int(np.searchsorted(self.edges, value))
        return self._code_of.get(value)

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """What it is made of, called after `name`."""
        edges = None if self.edges is None else self.edges.tolist()
        about = as_bytes({"names": list(self.names), "numeric": self.numeric, "edges": edges})
        return {f"{name}_about": about, **table_arrays(name, self.counts)}

    @classmethod
    def restored(cls, arrays: Mapping[str, np.ndarray], name: str) -> Self:
        """What `arrays` was called on."""
        about = from_bytes(arrays[f"{name}_about"])
        edges = None if about["edges"] is None else np.array(about["edges"])
        return cls(table_from(arrays, name), about["names"], about["numeric"], edges)


def summed(lifts: Iterable[np.ndarray | None]) -> np.ndarray | None:
    """(n_items,) the logarithms of several lifts as one; None where nothing is known."""
    known = [lift for lift in lifts if lift is not None]
    return np.sum(known, axis=0) / np.float32(np.sqrt(len(known))) if known else None


def user_lifts(users: "pd.DataFrame", seqs: Sequences) -> dict[str, Lifts]:
    """Those of the columns of a table with USER_ID that hold categories or numbers, over the events of its users.

    A category is the whole text of its cell. Raises ModelError for a table that cannot be used, has no such column, or
    knows none of the users.
    """
    import pandas as pd

    row_of = {user: row for row, user in enumerate(ids_of(users, USER_ID))}
    kinds = {name: kind for name, kind in kinds_of(users).items() if kind != TEXT}
    if not kinds:
        raise ModelError(
            f"none of the columns {list(users.columns)} says what users are like, in categories or numbers"
        )
    if row_of.keys().isdisjoint(seqs.user_ids):
        raise ModelError("none of the users of the table is among the interactions: are these the same ids?")
    rows, found = [row_of.get(user, len(row_of)) for user in seqs.user_ids], {}
    for name, kind in kinds.items():
        values = np.array([*map(plain, cells(name, users[name].tolist())), None], object)[rows]
        codes, names = pd.factorize(values)
        codes = np.where(codes < 0, len(names), codes)[seqs.users]
        found[name] = Lifts.fit(codes, [*names, None], seqs.codes, seqs.n_items, kind == NUMBER)
    return found


def plain(cell: Any) -> Any:
    """A cell as it is compared: a number as a float, anything else as text, None as it is."""
    if cell is None or isinstance(cell, str):
        return cell
    numeric = isinstance(cell, int | float | np.number | Decimal) and not isinstance(cell, bool)
    return float(cell) if numeric else str(cell)
