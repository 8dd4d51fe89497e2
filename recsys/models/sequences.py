"""Interactions as flat arrays: each user's item codes, oldest first, one user after another."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

import numpy as np
from scipy import sparse

from recsys.columns import ITEM_ID, TIMESTAMP, USER_ID
from recsys.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd  # slow to import, and whoever only serves never needs it

NUMBER = r"(?!\d{8}$)\d+(\.\d+)?"  # 20240501 is a date
LATEST = 10**11  # epoch seconds of the year 5138; milliseconds passed it in 1973
# Events of a user that count as touched: a co-occurrence table grows with the square of a history. With that many
# different items instead, some of them older, item similarity was 3 % worse for new users of Online Retail.
NEWEST = 500


@dataclass(frozen=True, eq=False, repr=False)
class Sequences:
    """All histories of a data set; user `u` owns `codes[offsets[u]:offsets[u + 1]]`, oldest first.

    user_ids: (n_users,) str, item_ids: (n_items,) str, offsets: (n_users + 1,) int64, codes: (n_events,) int32 into
    item_ids, times: (n_events,) int64 epoch seconds. An item of the catalogue may have no event. weights: (n_events,)
    float32, how much each event counts as something to be predicted; None where all count alike.
    """

    user_ids: np.ndarray
    item_ids: np.ndarray
    offsets: np.ndarray
    codes: np.ndarray
    times: np.ndarray
    weights: np.ndarray | None = None

    def __repr__(self) -> str:
        return f"Sequences({self.n_users:,} users, {self.n_items:,} items, {self.n_events:,} events)"

    @classmethod
    def from_interactions(
        cls, interactions: "pd.DataFrame", catalogue: Sequence[str] = (), weights: np.ndarray | None = None
    ) -> "Sequences":
        """Sequences of a table with USER_ID, ITEM_ID and TIMESTAMP (epoch seconds or datetimes).

        Repeated events are kept. Ids become the text they make; datetimes without a zone are in UTC. Events of one user
        are ordered by time, those of the same second stay in the order of the table. Items of `catalogue` are part of
        item_ids even where nobody has touched them. `weights` are one per row.

        Raises ModelError for a missing column, an empty table, a missing id, a timestamp that is not in seconds, a
        weight that is none, and for another number of weights than rows.
        """
        import pandas as pd

        refuse_unusable(interactions, (USER_ID, ITEM_ID, TIMESTAMP))
        if interactions.empty:
            raise ModelError("interactions are empty: a model needs at least one event")
        if weights is not None and np.shape(weights) != (len(interactions),):
            raise ModelError(
                f"weights of shape {np.shape(weights)} for {len(interactions)} interactions: give one each"
            )
        if weights is not None and not (np.isfinite(weights).all() and np.min(weights) >= 0):
            raise ModelError("weights must be numbers from 0 up: leave out the events that are not to count")
        users, user_ids = codes_of(interactions[USER_ID])
        items, item_ids = codes_of(interactions[ITEM_ID])
        if len(catalogue):
            of_known, item_ids = codes_of(pd.Series([*item_ids, *map(id_text, catalogue)], dtype=str))
            items = of_known[items]
        times = seconds_of(interactions[TIMESTAMP])
        order = np.lexsort((times, users))  # stable: input order decides within one second
        offsets = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=len(user_ids)))]).astype(np.int64)
        weights = None if weights is None else np.asarray(weights, np.float32)[order]
        return cls(user_ids, item_ids, offsets, items[order].astype(np.int32), times[order], weights)

    @property
    def n_users(self) -> int:
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        return len(self.item_ids)

    @property
    def n_events(self) -> int:
        return len(self.codes)

    @property
    def lengths(self) -> np.ndarray:
        """(n_users,) number of events of each user."""
        return np.diff(self.offsets)

    @property
    def users(self) -> np.ndarray:
        """(n_events,) the user index of each event."""
        return np.repeat(np.arange(self.n_users), self.lengths)

    @property
    def positions(self) -> np.ndarray:
        """(n_events,) how many events of the same user come before each event."""
        return np.arange(self.n_events) - np.repeat(self.offsets[:-1], self.lengths)

    def history(self, user: int) -> np.ndarray:
        """Item codes of one user index, oldest first."""
        return self.codes[self.offsets[user] : self.offsets[user + 1]]

    def histories(self) -> list[np.ndarray]:
        """Item codes of every user, oldest first."""
        return np.split(self.codes, self.offsets[1:-1])

    def weights_by_user(self) -> list[np.ndarray] | None:
        """The weights of every user's events; None where all count alike."""
        return None if self.weights is None else np.split(self.weights, self.offsets[1:-1])

    def select(self, users: np.ndarray) -> "Sequences":
        """The same catalogue with only these user indices, in this order."""
        users = np.asarray(users, dtype=np.int64)
        lengths = self.lengths[users]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        events = np.repeat(self.offsets[users] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return self._of_events(self.user_ids[users], offsets, events)

    def keep_events(self, mask: np.ndarray) -> "Sequences":
        """The same users and catalogue with only the events where `mask` (n_events,) is true."""
        lengths = np.bincount(self.users[mask], minlength=self.n_users)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return self._of_events(self.user_ids, offsets, mask)

    def _of_events(self, user_ids: np.ndarray, offsets: np.ndarray, events: np.ndarray) -> "Sequences":
        weights = None if self.weights is None else self.weights[events]
        return Sequences(user_ids, self.item_ids, offsets, self.codes[events], self.times[events], weights)


Interactions = Union[Sequences, "pd.DataFrame"]  # what models are fitted on


def sequences_of(interactions: Interactions, catalogue: Sequence[str] = ()) -> Sequences:
    """Sequences as they are, and those of a table and a catalogue as `Sequences.from_interactions` makes them.

    Raises ModelError for anything else, and for a table that cannot be used.
    """
    if isinstance(interactions, Sequences):
        return interactions
    import pandas as pd

    if not isinstance(interactions, pd.DataFrame):
        raise ModelError(
            f"a {kind_of(interactions)} cannot be fitted: give a pandas DataFrame with {USER_ID}, {ITEM_ID} and "
            f"{TIMESTAMP}, or Sequences"
        )
    return Sequences.from_interactions(interactions, catalogue)


def kind_of(value: Any) -> str:
    """Its class as a message names it, with the library it is of."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.split('.')[0]}.{kind.__name__}"


def codes_of(ids: "pd.Series") -> tuple[np.ndarray, np.ndarray]:
    """Codes (n,) into the sorted distinct ids (m,), each as `id_text` has it.

    Object arrays, so that one long id costs nothing to the others. Raises ModelError for what is no id, as a list.
    """
    import pandas as pd

    try:
        codes, different = pd.factorize(ids)
    except TypeError as error:
        raise ModelError(
            f"the column {ids.name} holds what is no id ({error}): give each row one, of one value"
        ) from None
    texts = pd.Series(different)
    if not (pd.api.types.is_integer_dtype(texts) or isinstance(texts.dtype, pd.StringDtype)):
        texts = texts.astype(object).map(id_text)
    # Text in Arrow sorts in a third of the time of objects.
    of_different, texts = texts.astype(str).factorize(sort=True)
    return of_different[codes], np.asarray(texts, dtype=object)


def id_texts(ids: "pd.Series") -> np.ndarray:
    """(n,) a column of ids as text, each as `id_text` has it."""
    codes, texts = codes_of(ids)
    return texts[codes]


def id_text(value: Any) -> str:
    """An id as models know it: text as it is, a number as the text it makes, whole floats without their `.0`.

    >>> id_text("007"), id_text(7), id_text(7.0)
    ('007', '7', '7')
    """
    if not isinstance(value, Hashable):
        raise ModelError(f"{value!r} is no id: encode() takes one list of ids, give it each history by itself")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def refuse_unusable(table: "pd.DataFrame", columns: Sequence[str]) -> None:
    """Raises ModelError where one of the columns is not there, is there twice or has gaps."""
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise ModelError(f"interactions lack the columns {missing}; found {list(table.columns)}: rename yours")
    for name in columns:
        if table.columns.tolist().count(name) > 1:
            raise ModelError(f"interactions have several columns {name}: leave one of them")
        gaps = int(table[name].isna().sum())
        if gaps:
            raise ModelError(f"{gaps} of {len(table)} interactions have no {name}: drop or fill them first")


def seconds_of(times: "pd.Series") -> np.ndarray:
    """(n,) int64 epoch seconds of a column of them, or of datetimes, which without a zone are in UTC.

    Raises ModelError for anything else, and for numbers that look like milliseconds.
    """
    import pandas as pd

    if times.empty:
        return np.empty(0, np.int64)
    if pd.api.types.is_datetime64_any_dtype(times):
        return pd.to_datetime(times, utc=True).to_numpy("datetime64[s]").astype(np.int64)
    if times.dtype.kind not in "iuf" or not np.isfinite(times.to_numpy(np.float64)).all():
        is_number = times.astype(str).str.fullmatch(NUMBER).all()  # which to_datetime would take for nanoseconds
        how = "pd.to_numeric(times)" if is_number else "pd.to_datetime(times, utc=True)"
        raise ModelError(
            f"TIMESTAMP must hold epoch seconds or datetimes, not {times.dtype} such as {times.iloc[0]!r}: make them "
            f"with {how}"
        )
    if (largest := times.abs().max()) >= LATEST:
        raise ModelError(f"TIMESTAMP holds {largest}, which looks like milliseconds: divide by 1000 for epoch seconds")
    return times.to_numpy().astype(np.int64)


def between(counts: np.ndarray, low: float, high: float) -> np.ndarray:
    """(n,) bool: counts from their `low` to their `high` percentile (0 to 1), both included.

    A percentile between two counts is the lower of them for `low` and the higher for `high`: a cut never takes more
    than its share, and nothing at all of a small data set. AWS does not say how it rounds. Zero counts have no share.
    """
    some = counts[counts > 0]
    if not len(some):
        return np.ones(len(counts), bool)
    least, most = np.quantile(some, low, method="lower"), np.quantile(some, high, method="higher")
    return (counts >= least) & (counts <= most)


def seen_table(histories: list[np.ndarray], n_items: int) -> sparse.csr_array:
    """(n, n_items) float32: how often each history holds each item."""
    codes = np.concatenate([np.empty(0, np.int64), *histories])
    ends = np.cumsum([0, *(len(history) for history in histories)])
    return sparse.csr_array((np.ones(len(codes), np.float32), codes, ends), shape=(len(histories), n_items))


def touched_table(seqs: Sequences) -> sparse.csr_array:
    """(n_users, n_items) float32, 1 where the user touched the item among the NEWEST events."""
    newest = seqs.lengths[seqs.users] - seqs.positions <= NEWEST
    shape = (seqs.n_users, seqs.n_items)
    touched = sparse.csr_array((np.ones(newest.sum(), np.float32), (seqs.users[newest], seqs.codes[newest])), shape)
    touched.sum_duplicates()
    touched.data[:] = 1
    return touched


def unique_users(seqs: Sequences) -> np.ndarray:
    """(n_items,) float32: how many different users touched each item, each as much as the heaviest of the events."""
    pairs = seqs.users * seqs.n_items + seqs.codes
    if seqs.weights is None:
        pairs.sort()  # np.unique hashes, at a tenth of this speed
        first = np.concatenate([[True], pairs[1:] != pairs[:-1]])[: len(pairs)]
        return np.bincount(pairs[first] % seqs.n_items, minlength=seqs.n_items).astype(np.float32)
    pairs, of_pair = np.unique(pairs, return_inverse=True)
    heaviest = np.zeros(len(pairs), np.float32)
    np.maximum.at(heaviest, of_pair, seqs.weights)
    return np.bincount(pairs % seqs.n_items, heaviest, seqs.n_items).astype(np.float32)
