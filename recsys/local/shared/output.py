"""An answer cut to its botocore output shape."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from botocore.model import Shape


def trim(value: Any, shape: Shape) -> Any:
    """`value` with only the members `shape` has; a Describe's document gives its Summary."""
    cut = _trimmer(shape)
    return cut(value) if cut else value


@lru_cache(maxsize=512)
def _trimmer(shape: Shape) -> Callable[[Any], Any] | None:
    """A function that trims values of a shape, made once; None for scalars, which need none."""
    if shape.type_name == "structure":
        members = [(name, _trimmer(member)) for name, member in shape.members.items()]
        return lambda value: {
            name: cut(value[name]) if cut else value[name] for name, cut in members if value.get(name) is not None
        }
    if shape.type_name == "list":
        cut_entry = _trimmer(shape.member)
        return (lambda value: [cut_entry(entry) for entry in value]) if cut_entry else None
    if shape.type_name == "map":
        cut_value = _trimmer(shape.value)
        return (lambda value: {key: cut_value(entry) for key, entry in value.items()}) if cut_value else None
    return None
