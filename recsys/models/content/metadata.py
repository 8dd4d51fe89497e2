"""Columns of metadata as vectors: what is said of an item, a user or an action, in a form that a cosine can compare."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from scipy import sparse

from recsys.errors import ModelError

CATEGORICAL, NUMBER, TEXT = "categorical", "number", "text"
BINS = 10  # quantile bins of a number: two numbers more than a tenth of the catalogue apart have nothing in common

Embed = Callable[[Sequence[str]], np.ndarray]  # n texts -> (n, width) float32, rows of length 1


class Vectors(NamedTuple):
    """n vectors in two parts side by side: `sparse` (n, a) for categories and numbers, `dense` (n, b) for text."""

    sparse: sparse.csr_array
    dense: np.ndarray

    def take(self, rows: np.ndarray | slice) -> "Vectors":
        """These rows only."""
        return Vectors(self.sparse[rows], self.dense[rows])

    def toarray(self) -> np.ndarray:
        """(n, a + b) float32."""
        return np.hstack([self.sparse.toarray(), self.dense])


@dataclass(frozen=True)
class Categories:
    """A text column with several values separated by `|`; a value weighs its inverse document frequency, log(n / df).

    What every row has weighs nothing, and a value that was not there in training is ignored.
    """

    values: dict[str, int]
    weights: np.ndarray

    @classmethod
    def fit(cls, column: Sequence[Any]) -> Self:
        rows = [set(_split(cell)) for cell in column]
        counts: dict[str, int] = {}
        for value in (value for row in rows for value in row):
            counts[value] = counts.get(value, 0) + 1
        told = sorted(value for value, count in counts.items() if count < len(rows))
        weights = np.log(len(rows) / np.array([counts[value] for value in told], np.float64))
        return cls({value: at for at, value in enumerate(told)}, weights.astype(np.float32))

    @property
    def width(self) -> int:
        return len(self.weights)

    def encode(self, column: Sequence[Any]) -> sparse.csr_array:
        rows = [[self.values[value] for value in sorted(set(_split(cell))) if value in self.values] for cell in column]
        ends = np.cumsum([0, *(len(row) for row in rows)])
        codes = np.fromiter((code for row in rows for code in row), np.int32, ends[-1])
        return sparse.csr_array((self.weights[codes], codes, ends), shape=(len(rows), self.width))

    def as_dict(self) -> dict[str, Any]:
        return {"values": list(self.values), "weights": self.weights.tolist()}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Self:
        values = {value: at for at, value in enumerate(state["values"])}
        return cls(values, np.array(state["weights"], np.float32))


@dataclass(frozen=True)
class Quantiles:
    """A number as its place among the quantiles of its column, shared between the two nearest."""

    knots: np.ndarray

    @classmethod
    def fit(cls, column: Sequence[Any]) -> Self:
        numbers = _numbers(column)
        numbers = numbers[np.isfinite(numbers)]
        knots = np.unique(np.quantile(numbers, np.linspace(0, 1, BINS))) if len(numbers) else numbers
        return cls(knots if len(knots) > 1 else np.empty(0))

    @property
    def width(self) -> int:
        return len(self.knots)

    def encode(self, column: Sequence[Any]) -> sparse.csr_array:
        numbers, width = _numbers(column), self.width
        rows = np.flatnonzero(np.isfinite(numbers) & (width > 0))
        places = np.interp(numbers[rows], self.knots, np.arange(width)) if width else np.empty(0)
        low = np.minimum(places.astype(np.int64), width - 2)
        share = places - low
        entries = (np.r_[1 - share, share], (np.r_[rows, rows], np.r_[low, low + 1]))
        return sparse.csr_array(entries, shape=(len(numbers), width), dtype=np.float32)

    def as_dict(self) -> dict[str, Any]:
        return {"knots": self.knots.tolist()}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Self:
        return cls(np.array(state["knots"], np.float64))


class Metadata:
    """How columns are read, learned once from a table; every row of such columns then has a vector in the same space.

    Each column that has a value takes an equal part of the row's vector, whose length is 1, or 0 where there is no
    value at all. None, NaN and pandas' NA are missing values; a text column counts only where there is an embedding.
    """

    def __init__(
        self, readers: dict[str, Categories | Quantiles], texts: dict[str, int], embed: Embed | None = None
    ) -> None:
        self.readers, self.texts, self.embed = readers, texts, embed

    @classmethod
    def fit(
        cls, columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, str], embed: Embed | None = None
    ) -> "Metadata":
        """Learn the categories and quantiles of `columns`; `kinds` says how each is read.

        Raises ModelError for a kind that is none of "categorical", "number" and "text", and for a cell that is no value
        of its kind.
        """
        readers: dict[str, Categories | Quantiles] = {}
        texts: dict[str, int] = {}
        for name, kind in kinds.items():
            if kind not in (CATEGORICAL, NUMBER, TEXT):
                raise ModelError(f"column {name!r} is of kind {kind!r}; choose one of {CATEGORICAL}, {NUMBER}, {TEXT}")
            if kind != TEXT:
                reader = Categories if kind == CATEGORICAL else Quantiles
                readers[name] = _of_column(name, reader.fit, columns[name])
            elif embed:
                texts[name] = embed(["text"]).shape[1]  # any text tells the width
        return cls(readers, texts, embed)

    def encode(self, columns: Mapping[str, Sequence[Any]], n: int) -> Vectors:
        """Vectors of n rows given by column; a column left out is missing in all of them."""
        given = {name: columns.get(name, [None] * n) for name in self.names}
        parts = [_unit(_of_column(name, reader.encode, given[name])) for name, reader in self.readers.items()]
        texts = [self._embedded(cells(name, given[name]), width) for name, width in self.texts.items()]
        filled = [np.diff(part.indptr) > 0 for part in parts] + [text.any(axis=1) for text in texts]
        scale = (1 / np.sqrt(np.maximum(1, sum(filled, np.zeros(n))))).astype(np.float32)
        joined = sparse.hstack([sparse.csr_array((n, 0), dtype=np.float32), *parts], format="csr")
        dense = np.hstack([np.empty((n, 0), np.float32), *texts])
        return Vectors(sparse.csr_array(sparse.diags_array(scale) @ joined), dense * scale[:, None])

    @property
    def names(self) -> list[str]:
        """The columns it reads."""
        return [*self.readers, *self.texts]

    def _embedded(self, column: Sequence[Any], width: int) -> np.ndarray:
        """(n, width) float32, rows of zeros where there is no text or nothing that embeds it."""
        vectors = np.zeros((len(column), width), np.float32)
        rows = [row for row, cell in enumerate(column) if cell is not None and str(cell).strip()]
        if rows and self.embed:
            vectors[rows] = self.embed([str(column[row]) for row in rows])
        return vectors

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, all but the embedding."""
        read = {name: [type(reader).__name__, reader.as_dict()] for name, reader in self.readers.items()}
        return {"readers": read, "texts": self.texts}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> "Metadata":
        kinds = {kind.__name__: kind for kind in (Categories, Quantiles)}
        readers = {name: kinds[kind].from_dict(inner) for name, (kind, inner) in state["readers"].items()}
        return cls(readers, state["texts"])


def cells(name: str, column: Sequence[Any]) -> list[Any]:
    """The cells of a column, every missing one as None. Raises ModelError for one that holds several values."""
    for cell in column:
        if isinstance(cell, list | tuple | set | dict | np.ndarray):
            raise ModelError(f"column {name!r} holds {cell!r}: give each row one value, or several as text with `|`")
    return [None if missing(cell) else cell for cell in column]


def missing(cell: Any) -> bool:
    """Whether a cell is None, NaN or pandas' NA."""
    same = cell == cell  # NaN is not the same as itself, and NA does not know
    return cell is None or not isinstance(same, bool | np.bool_) or not same


def _of_column(name: str, read: Callable[[list[Any]], Any], column: Sequence[Any]) -> Any:
    try:
        return read(cells(name, column))
    except (TypeError, ValueError) as error:
        raise ModelError(f"column {name!r} holds something that is no number ({error}): leave it out or None") from None


def _split(cell: Any) -> list[str]:
    return [] if cell is None else [value for value in str(cell).split("|") if value]


def _numbers(column: Sequence[Any]) -> np.ndarray:
    return np.array([np.nan if cell is None else cell for cell in column], np.float64)


def _unit(rows: sparse.csr_array) -> sparse.csr_array:
    """The same rows at length 1, without stored zeros; an empty one stays empty."""
    rows.eliminate_zeros()
    owner = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    lengths = np.sqrt(np.bincount(owner, rows.data.astype(np.float64) ** 2, minlength=rows.shape[0]))
    data = (rows.data / lengths[owner]).astype(np.float32)
    return sparse.csr_array((data, rows.indices, rows.indptr), shape=rows.shape)
