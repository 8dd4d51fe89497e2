"""What a filter is evaluated over: the candidates, which outlive a request, and the scene that a request brings.

Candidates are whatever is chosen among: the items of a model, the users of a segment, actions. Interactions come by
event type, as the places of the candidates concerned: for items and actions those of the user who asks, for users those
of each user.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from recsys.local.personalize.filters.grammar import Clause
from recsys.local.personalize.filters.table import Table

MOST_KEPT = 64  # masks of constant expressions kept at a time


class Candidates:
    """What a filter chooses among: n ids, each with its place 0..n-1, and the table that has their metadata.

    place_of: places in insertion order; its owner may append to it. A candidate without a row has no metadata.
    """

    def __init__(self, table: Table, place_of: Mapping[str, int]) -> None:
        self.table, self._place_of = table, place_of
        self._rows, self._seen = np.empty(0, np.intp), len(table.ids)
        self._kept: dict[Clause, np.ndarray] = {}
        self._kept_for = (0, 0)
        with table.lock:
            self.rows()

    def __len__(self) -> int:
        return len(self._place_of)

    def rows(self) -> np.ndarray:
        """(n,) the table's row of each candidate, 0 for none. To be called with the table's lock held."""
        table, known = self.table, len(self._rows)
        for row in range(self._seen, len(table.ids)):
            place = self._place_of.get(table.ids[row], known)
            if place < known:
                self._rows[place] = row
        self._seen = len(table.ids)
        if known < len(self):
            added = [table.row.get(each, 0) for each in islice(self._place_of, known, None)]
            self._rows = np.concatenate([self._rows, np.array(added, np.intp)])
        return self._rows

    def kept(self, clause: Clause, evaluate: Callable[[], np.ndarray]) -> np.ndarray:
        """The mask of a clause that depends on the rows alone, evaluated once for each version of the table."""
        now = (self.table.version, len(self))
        if self._kept_for != now or len(self._kept) >= MOST_KEPT:
            self._kept, self._kept_for = {}, now
        if clause not in self._kept:
            self._kept[clause] = evaluate()
        return self._kept[clause]


@dataclass(frozen=True)
class Scene:
    """What one request brings to a filter.

    users, user: the Users table and CurrentUser; item: CurrentItem. interacted: event type in lower case -> places of
    the candidates with such interactions; asked only if the filter is about them.
    """

    users: Table | None = None
    user: str | None = None
    item: str | None = None
    interacted: Callable[[], Mapping[str, np.ndarray]] = dict


def by_type(
    places: np.ndarray, types: np.ndarray, names: Sequence[str | None], most: int | None = None
) -> dict[str, np.ndarray]:
    """Interactions as a scene wants them: event type in lower case -> places, those of the latest `most` of each.

    places, types (m,): per interaction, oldest first, the place of its candidate (-1 for none) and its type's number
    in `names`.
    """
    lower = [(name or "").lower() for name in names]
    number = {name: each for each, name in enumerate(dict.fromkeys(lower))}
    types = np.array([number[name] for name in lower], np.intp)[types]
    found = {name: places[types == each][-most if most else 0 :] for name, each in number.items()}
    return {name: latest[latest >= 0] for name, latest in found.items()}
