"""What a body on the wire must be according to botocore's output shapes, written apart from the server's reading."""

import re
from typing import Any

from botocore.model import OperationModel, Shape

JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}
MISMODELLED = (".roleArn",)  # answers of import and export jobs say it is an ARN of personalize; requests know better
ASCII_CLASS = (r"\p{ASCII}", r"[\x00-\x7f]")


def problems(value: Any, shape: Shape, where: str = "body") -> list[str]:
    """Where a JSON value departs from a shape: type, unknown or missing members, length, pattern, enum."""
    kind = shape.type_name
    if not isinstance(value, JSON_TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return [f"{where}: {value!r} is not a {kind}"]
    if kind == "structure":
        unknown = [f"{where}: unknown member {name}" for name in value if name not in shape.members]
        missing = [f"{where}: lacks {name}" for name in shape.required_members if name not in value]
        known = [(value[name], member, name) for name, member in shape.members.items() if name in value]
        return unknown + missing + [text for v, m, name in known for text in problems(v, m, f"{where}.{name}")]
    if kind == "list":
        return [text for n, entry in enumerate(value) for text in problems(entry, shape.member, f"{where}[{n}]")]
    if kind == "map":
        return [text for key, entry in value.items() for text in problems(entry, shape.value, f"{where}[{key}]")]
    return _text(value, shape, where) if kind == "string" else []


def _text(value: str, shape: Shape, where: str) -> list[str]:
    about = shape.metadata
    found = []
    if not about.get("min", 0) <= len(value) <= about.get("max", 10**9):
        found.append(f"{where}: {len(value)} characters")
    if about.get("enum") and value not in about["enum"]:
        found.append(f"{where}: {value!r} is none of {about['enum']}")
    if (
        about.get("pattern")
        and not where.endswith(MISMODELLED)
        and not re.fullmatch(about["pattern"].replace(*ASCII_CLASS), value)
    ):
        found.append(f"{where}: {value!r} does not match {about['pattern']}")
    return found


def modelled(operation: OperationModel) -> set[str]:
    """The error codes an operation may answer with."""
    return {shape.name for shape in operation.error_shapes}
