"""A filter evaluated: which of the candidates a request may see, as a boolean mask.

Includes are united, excludes are united and taken away; without an INCLUDE there is everything to take away from. An IF
that does not hold takes its expression out of the filter, as an EXCLUDE does that lacks a value for a placeholder. [AWS
leaves the first open and says the second.] An interaction condition is true of what has an interaction of such a type:
`EVENT_TYPE NOT IN ("view")` means some interaction that is no view.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np

from recsys.local.personalize.errors import invalid
from recsys.local.personalize.filters.check import EVENTS
from recsys.local.personalize.filters.columns import COMPARE, NEGATED
from recsys.local.personalize.filters.grammar import NUMBER, TEXT, Clause, Condition, FieldOf, Param, unquoted
from recsys.local.personalize.filters.scene import Candidates, Scene

LITERAL = re.compile(rf"\s*(?:({TEXT})|({NUMBER}))\s*(?:,|$)", re.DOTALL)


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


def admits_unknown(
    clauses: tuple[Clause, ...], values: Mapping[str, str], candidates: Candidates, scene: Scene
) -> bool:
    """Whether the filter lets through what no dataset has: not where an INCLUDE takes part."""
    evaluation = _Evaluation(values, candidates, scene)
    return not any(clause.include and evaluation.counts(clause) for clause in clauses)


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
