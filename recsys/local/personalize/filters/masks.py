"""A filter evaluated: which items of a catalogue a request may see, as a boolean mask.

A null never satisfies a comparison or IN; it does satisfy NOT IN and != (it is not one of the values). A categorical
value such as `shoes|sale` is the set of its parts. An IF that does not hold takes its expression out of the filter.
These three are our reading; AWS's guide leaves them open.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from recsys.local.personalize.errors import invalid
from recsys.local.personalize.filters.grammar import Clause, Condition, FieldOf, Param

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
LITERAL = re.compile(r'\s*(?:"((?:\\.|[^"\\])*)"|([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))\s*(?:,|$)')


class Columns(Protocol):
    """What a mask needs of an item table of n rows; row n stands for an item without metadata."""

    def numbers(self, field: str) -> np.ndarray | None:
        """(n+1,) float64 with NaN for null, or None where the field is not a number."""

    def rows_with(self, field: str, value: str) -> np.ndarray:
        """The rows whose field is, or contains, the value."""

    def value(self, item_id: str, field: str) -> Any:
        """One item's value, or None."""

    def __len__(self) -> int: ...


@dataclass
class Scene:
    """What one request's filter is evaluated over.

    row_of: (n_items,) the item table's row per item of the catalogue, the table's length where it has none.
    interacted: event types in lower case (None: all) and whether to negate -> the catalogue's codes of those items.
    """

    items: Columns
    row_of: np.ndarray
    interacted: Callable[[set[str] | None, bool], np.ndarray]
    user: dict[str, Any]
    item_id: str | None = None


def allowed(clauses: tuple[Clause, ...], values: dict[str, str], scene: Scene) -> np.ndarray:
    """(n_items,) true where the filter lets the item through. Raises InvalidInputException for a missing value."""
    included: np.ndarray | None = None
    excluded = np.zeros(len(scene.row_of), bool)
    for clause in clauses:
        missing = [name for c in (*clause.conditions, *clause.when) for name in c.params if name not in values]
        if missing and clause.include:
            raise invalid(f"Filter value for placeholder {missing[0]} is missing: an INCLUDE filter needs all of them")
        if missing or not all(_holds(condition, values, scene) for condition in clause.when):
            continue
        mask = _matches(clause, values, scene)
        if not clause.include:
            excluded |= mask
        else:
            included = mask if included is None else included | mask
    return ~excluded if included is None else included & ~excluded


def _matches(clause: Clause, values: dict[str, str], scene: Scene) -> np.ndarray:
    result: np.ndarray | None = None
    for group in clause.any_of:
        both: np.ndarray | None = None
        for condition in group:
            mask = _mask(condition, values, scene)
            both = mask if both is None else both & mask
        result = both if result is None else result | both
    return result


def _mask(condition: Condition, values: dict[str, str], scene: Scene) -> np.ndarray:
    wanted = _resolve(condition, values, scene)
    if condition.dataset.lower() == "interactions":
        mask = np.zeros(len(scene.row_of), bool)
        types = None if "*" in wanted else {str(value).lower() for value in wanted}
        mask[scene.interacted(types, condition.op in ("NOT IN", "!="))] = True
        return mask
    numbers = scene.items.numbers(condition.field)
    if numbers is None:
        return _text_mask(condition, wanted, scene)[scene.row_of]
    return _number_mask(condition.op, _as_numbers(condition, wanted), numbers)[scene.row_of]


def _text_mask(condition: Condition, wanted: list[Any], scene: Scene) -> np.ndarray:
    mask = np.zeros(len(scene.items) + 1, bool)
    for value in wanted:
        mask[scene.items.rows_with(condition.field, value if isinstance(value, str) else f"{value:g}")] = True
    return ~mask if condition.op in ("NOT IN", "!=") else mask


def _number_mask(op: str, wanted: list[float], numbers: np.ndarray) -> np.ndarray:
    if op in ("IN", "NOT IN"):
        mask = np.isin(numbers, wanted)
        return ~mask if op == "NOT IN" else mask
    return COMPARE[op](numbers, wanted[0])


def _holds(condition: Condition, values: dict[str, str], scene: Scene) -> bool:
    """Whether a CurrentUser condition is true of this request's user."""
    wanted = _resolve(condition, values, scene)
    actual = next((v for name, v in scene.user.items() if name.lower() == condition.field.lower()), None)
    if isinstance(actual, str):
        found = bool(set(actual.split("|")) & {str(value) for value in wanted})
        return not found if condition.op in ("NOT IN", "!=") else found
    if actual is None:
        return condition.op in ("NOT IN", "!=")
    return bool(_number_mask(condition.op, _as_numbers(condition, wanted), np.array([float(actual)]))[0])


def _resolve(condition: Condition, values: dict[str, str], scene: Scene) -> list[Any]:
    wanted: list[Any] = []
    for value in condition.values:
        if isinstance(value, Param):
            wanted += parse_values(value.name, values[value.name])
        elif isinstance(value, FieldOf):
            found = scene.items.value(scene.item_id, value.name) if scene.item_id else None
            wanted += found.split("|") if isinstance(found, str) else [found] if found is not None else []
        else:
            wanted.append(value)
    if condition.op in COMPARE and len(wanted) != 1:
        raise invalid(f"{condition.dataset}.{condition.field} {condition.op} takes one value, not {len(wanted)}")
    return wanted


def parse_values(name: str, text: str) -> list[str | float]:
    """The values of one placeholder: `"Comedy","Drama"` or `10`. Raises InvalidInputException."""
    found: list[str | float] = []
    place = 0
    while place < len(text):
        match = LITERAL.match(text, place)
        if match is None:
            raise invalid(
                f"Invalid filter value for placeholder {name}: {text!r}. "
                'Put each text in double quotes, as in "\\"a\\",\\"b\\""'
            )
        found.append(float(match[2]) if match[1] is None else match[1].replace('\\"', '"').replace("\\\\", "\\"))
        place = match.end()
    return found


def _as_numbers(condition: Condition, wanted: list[Any]) -> list[float]:
    try:
        return [float(value) for value in wanted]
    except ValueError:
        raise invalid(f"{condition.field} is a number and cannot be compared with {wanted!r}") from None
