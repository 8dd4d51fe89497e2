"""A request held against its botocore input shape: required members, types, lengths, ranges, patterns, enums.

Members the shape does not know are dropped, as AWS drops them. A broken constraint is worded as AWS words it.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from recsys.local.shared.errors import ServiceError, broken

# Java's ways of saying things that Python's `re` does not know. \w covers \p{L}\p{N}_ for every name in use; of marks,
# signs and punctuation the blocks that people write are enough. The order counts.
SIGNS = r"!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u2bff\u3001-\u303f"
JAVA = {
    r"[\p{Print}]": r"[\x20-\x7e]",
    r"\p{Print}": r"[\x20-\x7e]",
    r"\p{ASCII}": r"[\x00-\x7f]",
    r"\p{Alnum}": "a-zA-Z0-9",
    r"\p{L}": r"\w",
    r"\p{N}": r"\d",
    r"\p{Z}": r"\s",
    r"\p{M}": r"\u0300-\u036f",
    r"\p{S}": SIGNS,
    r"\p{P}": SIGNS,
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010ffff",  # pairs of surrogates
    r"\z": r"\Z",
}

WIDTHS = {"integer": 2**31, "long": 2**63}
LARGEST = 1.7e308

NAMES = {
    "string": "String",
    "integer": "Integer",
    "long": "Long",
    "float": "Float",
    "double": "Double",
    "boolean": "Boolean",
    "timestamp": "Timestamp",
    "list": "List",
    "map": "Map",
    "structure": "Structure",
}


def validate(value: Any, shape: Shape, where: str = "") -> Any:
    """`value` with unknown and null members dropped and timestamps as float seconds. Raises ValidationException."""
    return CHECKS.get(shape.type_name, _scalar)(value, shape, where)


def _structure(value: Any, shape: StructureShape, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong_type(value, shape, where)
    for name in shape.required_members:
        if value.get(name) is None:
            raise _broken(None, _join(where, name), "Member must not be null")
    return {
        name: validate(value[name], member, _join(where, name))
        for name, member in shape.members.items()
        if value.get(name) is not None
    }


def _list(value: Any, shape: ListShape, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong_type(value, shape, where)
    _length(value, shape, where)
    return [validate(entry, shape.member, f"{where}.{number}.member") for number, entry in enumerate(value, 1)]


def _map(value: Any, shape: MapShape, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong_type(value, shape, where)
    _length(value, shape, where)
    return {
        validate(key, shape.key, f"{where}.key"): validate(entry, shape.value, f"{where}.{key}.member")
        for key, entry in value.items()
    }


def _string(value: Any, shape: Shape, where: str) -> str:
    if not isinstance(value, str) or not is_text(value):
        raise _wrong_type(value, shape, where)
    _length(value, shape, where)
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        raise _broken(value, where, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        raise _broken(value, where, f"Member must satisfy regular expression pattern: {pattern}")
    return value


def _number(value: Any, shape: Shape, where: str) -> int | float:
    whole = shape.type_name in WIDTHS
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise _wrong_type(value, shape, where)
    if not abs(value) < WIDTHS.get(shape.type_name, LARGEST):  # not so for NaN either
        raise _wrong_type(value, shape, where)
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and value < low:
        raise _broken(value, where, f"Member must have value greater than or equal to {low}")
    if high is not None and value > high:
        raise _broken(value, where, f"Member must have value less than or equal to {high}")
    return value


def _timestamp(value: Any, shape: Shape, where: str) -> float:
    """Epoch seconds, whole or not, as every SDK sends them here; an ISO 8601 text is read too."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value).timestamp()
        except ValueError:
            raise _wrong_type(value, shape, where) from None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e11:
        raise _wrong_type(value, shape, where)
    return float(value)


def _boolean(value: Any, shape: Shape, where: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong_type(value, shape, where)
    return value


def _scalar(value: Any, shape: Shape, where: str) -> Any:
    raise _wrong_type(value, shape, where)


CHECKS = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
    "timestamp": _timestamp,
    "boolean": _boolean,
}


def is_text(value: str) -> bool:
    """Whether a string can be written as UTF-8: JSON can carry half a surrogate pair, which is no character."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    for java, python in JAVA.items():
        pattern = pattern.replace(java, python)
    return re.compile(re.sub(r"\$\{[\d,]+\}", "$", pattern))  # a slip in SageMaker's model: the end, repeated


def _length(value: Any, shape: Shape, where: str) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and len(value) < low:
        raise _broken(value, where, f"Member must have length greater than or equal to {low}")
    if high is not None and len(value) > high:
        raise _broken(value, where, f"Member must have length less than or equal to {high}")


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _broken(value: Any, where: str, constraint: str) -> ServiceError:
    shown = "" if value is None else f" '{str(value)[:200]}'"
    return broken(f"1 validation error detected: Value{shown} at '{where}' failed to satisfy constraint: {constraint}")


def _wrong_type(value: Any, shape: Shape, where: str) -> ServiceError:
    wanted = NAMES.get(shape.type_name, shape.type_name)
    return broken(
        f"1 validation error detected: Value at '{where}' failed to satisfy constraint: "
        f"Member must be of type {wanted}, not {type(value).__name__}"
    )
