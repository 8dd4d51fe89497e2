"""The filter language and its parser (developer guide, "Filter expression structure and elements").

Keywords may be in any case. Where a condition mixes AND and OR, AND binds tighter, as in SQL; AWS does not document it.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput
from lark.exceptions import UnexpectedEOF

from recsys.local.personalize.errors import ServiceError, invalid

GRAMMAR = r"""
start: clause ("|" clause)*
clause: ACTION TARGET "WHERE"i condition ((AND | OR) condition)* [IF condition (AND condition)*]
condition: NAME "." NAME "NOT"i "IN"i "(" value ("," value)* ")" -> not_in
         | NAME "." NAME "IN"i "(" value ("," value)* ")"        -> is_in
         | NAME "." NAME COMPARISON value                        -> compare
value: STRING -> text
     | NUMBER -> number
     | "*"    -> star
     | PARAM  -> param
     | NAME "." NAME -> field
ACTION.2: /INCLUDE\b|EXCLUDE\b/i
TARGET.2: /ItemID\b|UserID\b|ActionID\b/i
AND.2: /AND\b/i
OR.2: /OR\b/i
IF.2: /IF\b/i
COMPARISON: "<=" | ">=" | "!=" | "=" | "<" | ">"
PARAM: "$" NAME
NAME: /[A-Za-z_][A-Za-z0-9_]*/
STRING: /"(\\.|[^"\\])*"/
NUMBER: /[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/
%ignore /\s+/
"""


@dataclass(frozen=True)
class Param:
    """A `$NAME` whose value comes with the request."""

    name: str


@dataclass(frozen=True)
class FieldOf:
    """`CurrentItem.FIELD` on the right-hand side."""

    dataset: str
    name: str


Value = str | float | Param | FieldOf


@dataclass(frozen=True)
class Condition:
    """`dataset.field op values`; op is IN, NOT IN or a comparison. `column` counts from 1, for messages."""

    dataset: str
    field: str
    op: str
    values: tuple[Value, ...]
    column: int

    @property
    def params(self) -> list[str]:
        return [value.name for value in self.values if isinstance(value, Param)]


@dataclass(frozen=True)
class Clause:
    """INCLUDE or EXCLUDE what any of `any_of` matches, each of them conditions that all hold; only if `when` holds."""

    include: bool
    target: str
    any_of: tuple[tuple[Condition, ...], ...]
    when: tuple[Condition, ...]

    @property
    def conditions(self) -> list[Condition]:
        return [condition for group in self.any_of for condition in group]


class _Build(Transformer[Token, Any]):
    def start(self, clauses: list[Clause]) -> tuple[Clause, ...]:
        return tuple(clauses)

    def clause(self, parts: list[Any]) -> Clause:
        action, target, *rest = [part for part in parts if part is not None]
        groups: list[list[Condition]] = [[]]
        when: list[Condition] = []
        into = groups[0]
        for part in rest:
            if isinstance(part, Condition):
                into.append(part)
            elif part.type == "OR":
                groups.append([])
                into = groups[-1]
            elif part.type == "IF":
                into = when
        any_of = tuple(tuple(group) for group in groups)
        return Clause(action.upper() == "INCLUDE", target.upper(), any_of, tuple(when))

    def not_in(self, parts: list[Any]) -> Condition:
        return self._condition("NOT IN", *parts)

    def is_in(self, parts: list[Any]) -> Condition:
        return self._condition("IN", *parts)

    def compare(self, parts: list[Any]) -> Condition:
        dataset, field, op, value = parts
        return self._condition(str(op), dataset, field, value)

    def _condition(self, op: str, dataset: Token, field: Token, *values: Value) -> Condition:
        return Condition(str(dataset), str(field), op, values, dataset.column or 1)

    def text(self, parts: list[Token]) -> str:
        return parts[0][1:-1].replace('\\"', '"').replace("\\\\", "\\")

    def number(self, parts: list[Token]) -> float:
        return float(parts[0])

    def star(self, parts: list[Token]) -> str:
        return "*"

    def param(self, parts: list[Token]) -> Param:
        return Param(parts[0][1:])

    def field(self, parts: list[Token]) -> FieldOf:
        return FieldOf(str(parts[0]), str(parts[1]))


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", propagate_positions=True, maybe_placeholders=False)


@lru_cache(maxsize=256)
def parse(expression: str) -> tuple[Clause, ...]:
    """The clauses of a filter expression. Raises InvalidInputException that points at the offending column."""
    try:
        return _Build().transform(_parser().parse(expression))
    except UnexpectedInput as error:
        at_end = isinstance(error, UnexpectedEOF) or getattr(getattr(error, "token", None), "type", "") == "$END"
        raise refused(expression, len(expression) + 1 if at_end else error.column) from None


def refused(expression: str, column: int, why: str = "") -> ServiceError:
    """Could not create filter, and where."""
    near = expression[column - 1 : column + 19] or "the end"
    return invalid(
        f"Could not create filter. Invalid Expression: {why or 'unexpected input'} at column {column}, near {near!r}."
    )
