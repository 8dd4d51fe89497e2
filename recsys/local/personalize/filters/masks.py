"""A filter evaluated: which of the candidates a request may see, as a boolean mask.

Includes are united, excludes are united and taken away; without an INCLUDE there is everything to take away from. An IF
that does not hold takes its expression out of the filter, as an EXCLUDE does that lacks a value for a placeholder. [AWS
leaves the first open and says the second.] An interaction condition is true of what has an interaction of such a type:
`EVENT_TYPE NOT IN ("view")` means some interaction that is no view.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import islice
from typing import Any

import numpy as np

from recsys.local.personalize.errors import invalid
from recsys.local.personalize.filters.check import EVENTS
from recsys.local.personalize.filters.columns import COMPARE, NEGATED
from recsys.local.personalize.filters.grammar import NUMBER, TEXT, Clause, Condition, FieldOf, Param, unquoted
from recsys.local.personalize.filters.table import Table

LITERAL = re.compile(rf"\s*(?:({TEXT})|({NUMBER}))\s*(?:,|$)", re.DOTALL)
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


def allowed(clauses: tuple[Clause, ...], values: Mapping[str, str], candidates: Candidates, scene: Scene) -> np.ndarray:
    """(n,) true where the filter lets the candidate through. Raises InvalidInputException for a missing value."""
    with candidates.table.lock:
        evaluation = _Evaluation(values, candidates, scene)
        masks = [(clause.include, evaluation.clause(clause)) for clause in clauses if evaluation.counts(clause)]
    none = np.zeros(len(candidates), bool)
    excluded = reduce(np.logical_or, (mask for include, mask in masks if not include), none)
    if not any(include for include, _ in masks):
        return ~excluded
    return reduce(np.logical_or, (mask for include, mask in masks if include), none) & ~excluded


@dataclass(frozen=True)
class _Evaluation:
    """One filter over one request."""

    values: Mapping[str, str]
    candidates: Candidates
    scene: Scene

    def counts(self, clause: Clause) -> bool:
        """Whether the clause takes part: it has its values, and its IF holds."""
        conditions = (*clause.conditions, *clause.when)
        missing = [name for condition in conditions for name in condition.params if name not in self.values]
        if missing and clause.include:
            raise invalid(f"Filter value for placeholder {missing[0]} is missing: an INCLUDE filter needs all of them")
        return not missing and all(map(self.holds, clause.when))

    def clause(self, clause: Clause) -> np.ndarray:
        """(n,) what the WHERE of a clause is true of."""
        if clause.conditions[0].dataset in EVENTS:
            return self.any_of(clause, self.by_events)
        if all(condition.fixed for condition in clause.conditions):
            return self.candidates.kept(clause, lambda: self.by_rows(clause))
        return self.by_rows(clause)

    def by_rows(self, clause: Clause) -> np.ndarray:
        rows = self.candidates.rows()
        return self.any_of(clause, self.by_metadata).take(rows)

    def any_of(self, clause: Clause, evaluate: Callable[[Condition], np.ndarray]) -> np.ndarray:
        groups = (reduce(np.logical_and, map(evaluate, group)) for group in clause.any_of)
        return reduce(np.logical_or, groups)

    def by_metadata(self, condition: Condition) -> np.ndarray:
        """(rows+1,) of which rows of the table the condition is true."""
        column = self.candidates.table.column(condition.field)
        return column.matches(condition.op, self.wanted(condition, column.numeric))

    def by_events(self, condition: Condition) -> np.ndarray:
        """(n,) which candidates have an interaction of which the condition is true."""
        types = {text.lower() for text in self.wanted(condition, numeric=False)}
        mask = np.zeros(len(self.candidates), bool)
        for kind, places in self.events.items():
            if (kind in types or "*" in types) != (condition.op in NEGATED):
                mask[places] = True
        return mask

    @cached_property
    def events(self) -> Mapping[str, np.ndarray]:
        return self.scene.interacted()

    def holds(self, condition: Condition) -> bool:
        """Whether a condition is true of CurrentUser; one who is not known has no value at all."""
        users = self.scene.users
        if users is None:
            return condition.op in NEGATED
        wanted = self.wanted(condition, users.field(condition.field).numeric)
        return users.holds(self.scene.user, condition.field, condition.op, wanted)

    def wanted(self, condition: Condition, numeric: bool) -> list[Any]:
        """The values on the right-hand side, as numbers or as texts; none for a null."""
        wanted: list[Any] = []
        for value in condition.values:
            if isinstance(value, Param):
                found = parse_values(value.name, self.values[value.name])
                if condition.op in COMPARE and len(found) != 1:
                    where = f"{condition.dataset}.{condition.field}"
                    raise invalid(f"{where} {condition.op} ${value.name} takes one value, not {len(found)}")
                wanted += found
            elif isinstance(value, FieldOf):
                wanted += self.candidates.table.parts(self.scene.item, value.name)
            else:
                wanted.append(value)
        return [_number(condition, value) for value in wanted] if numeric else wanted


def parse_values(name: str, text: str) -> list[str]:
    """The values of one placeholder, `"Comedy","Drama"` or `10`, as texts. Raises InvalidInputException."""
    found: list[str] = []
    place = 0
    while place < len(text):
        match = LITERAL.match(text, place)
        if match is None:
            raise invalid(
                f"Invalid filter value for placeholder {name}: {text!r}. "
                'Put each text in double quotes, as in "\\"a\\",\\"b\\""'
            )
        found.append(unquoted(match[1]) if match[1] else match[2])
        place = match.end()
    return found


def _number(condition: Condition, value: str | float) -> float:
    """A number may come in quotes: programs send all their filter values so."""
    if isinstance(value, str) and not re.fullmatch(NUMBER, value):
        raise invalid(f"{condition.dataset}.{condition.field} is a number and cannot be compared with {value!r}")
    return float(value)
