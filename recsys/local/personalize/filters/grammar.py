"""The filter language and its parser (developer guide, "Filter expression structure and elements").

Keywords, datasets and fields may be in any case. Where conditions mix AND and OR, AND binds tighter, as in SQL; texts
may stand in double or in single quotes, as AWS's guide and AWS's samples write them [AWS documents neither].
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken

from recsys.local.personalize.errors import invalid
from recsys.local.shared.errors import ServiceError

TEXT = r'"(?:\\.|[^"\\])*"' + r"|'(?:\\.|[^'\\])*'"
NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
GRAMMAR = rf"""
start: clause ("|" clause)*
clause: ACTION TARGET WHERE condition ((AND | OR) condition)* [IF condition (AND condition)*]
condition: NAME "." NAME (IN | NOT_IN) "(" value ("," value)* ")"
         | NAME "." NAME (IN | NOT_IN) current
         | NAME "." NAME COMPARISON (value | "(" value ")")
value: TEXT | NUMBER | STAR | PARAM | current
current: NAME "." NAME
ACTION: /(INCLUDE|EXCLUDE)\b/i
TARGET: /(ItemID|UserID|ActionID)\b/i
WHERE: /WHERE\b/i
AND.2: /AND\b/i
OR.2: /OR\b/i
IF.2: /IF\b/i
IN.2: /IN\b/i
NOT_IN.2: /NOT\s+IN\b/i
COMPARISON: "<=" | ">=" | "!=" | "=" | "<" | ">"
STAR: "*"
PARAM: /\$[A-Za-z0-9_]+/
NAME: /[A-Za-z_][A-Za-z0-9_]*/
TEXT: /{TEXT}/s
NUMBER: /{NUMBER}/
%ignore /\s+/
"""
TARGETS = {"itemid": "ItemID", "userid": "UserID", "actionid": "ActionID"}


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
    """`dataset.field op values`; op is IN, NOT IN or a comparison.

    column, columns: where the condition and each of its values stand, counted from 1 over the whole expression.
    """

    dataset: str
    field: str
    op: str
    values: tuple[Value, ...]
    column: int = field(default=0, compare=False)
    columns: tuple[int, ...] = field(default=(), compare=False)

    @property
    def params(self) -> list[str]:
        return [value.name for value in self.values if isinstance(value, Param)]

    @property
    def fixed(self) -> bool:
        """Whether its values are the same in every request."""
        return all(isinstance(value, (str, float)) for value in self.values)


@dataclass(frozen=True)
class Clause:
    """INCLUDE or EXCLUDE what any of `any_of` matches, each of them conditions that all hold; only if `when` holds.

    target: ItemID, UserID or ActionID.
    """

    include: bool
    target: str
    any_of: tuple[tuple[Condition, ...], ...]
    when: tuple[Condition, ...]
    column: int = field(default=0, compare=False)

    @property
    def conditions(self) -> list[Condition]:
        return [condition for group in self.any_of for condition in group]


def unquoted(text: str) -> str:
    """What a quoted text says: a backslash takes the next character as it is."""
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


READ: dict[str, Callable[[str], Value]] = {
    "TEXT": unquoted,
    "NUMBER": float,
    "STAR": str,
    "PARAM": lambda text: Param(text[1:]),
}


class _Build(Transformer[Token, Any]):
    """A tree becomes clauses; on the way, a value is (the value, its column)."""

    def start(self, clauses: list[Clause]) -> tuple[Clause, ...]:
        return tuple(clauses)

    def clause(self, parts: list[Any]) -> Clause:
        action, target, _, *rest = parts
        groups: list[list[Condition]] = [[]]
        when: list[Condition] = []
        into = groups[0]
        for part in rest:
            if isinstance(part, Condition):
                into.append(part)
            elif part.type == "OR":
                groups.append(into := [])
            elif part.type == "IF":
                into = when
        any_of = tuple(map(tuple, groups))
        return Clause(action.upper() == "INCLUDE", TARGETS[target.lower()], any_of, tuple(when), _column(action))

    def condition(self, parts: list[Any]) -> Condition:
        dataset, name, op, *found = parts
        values, columns = zip(*found, strict=True)
        written = str(op) if op.type == "COMPARISON" else op.type.replace("_", " ")
        return Condition(str(dataset), str(name), written, values, _column(dataset), columns)

    def value(self, parts: list[Any]) -> tuple[Value, int]:
        (found,) = parts
        return (READ[found.type](found), _column(found)) if isinstance(found, Token) else found

    def current(self, parts: list[Token]) -> tuple[FieldOf, int]:
        return FieldOf(str(parts[0]), str(parts[1])), _column(parts[0])


def _column(token: Token) -> int:
    return (token.start_pos or 0) + 1


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", maybe_placeholders=False)


@lru_cache(maxsize=256)
def parse(expression: str) -> tuple[Clause, ...]:
    """The clauses of a filter expression. Raises InvalidInputException that points at the offending column."""
    try:
        return _Build().transform(_parser().parse(expression))
    except UnexpectedInput as error:
        at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        raise refused(expression, len(expression) + 1 if at_end else (error.pos_in_stream or 0) + 1) from None


def refused(expression: str, column: int, why: str = "unexpected input") -> ServiceError:
    """Could not create filter, and where."""
    near = expression[column - 1 : column + 19] or "the end"
    return invalid(f"Could not create filter. Invalid Expression: {why} at column {column}, near {near!r}.")
