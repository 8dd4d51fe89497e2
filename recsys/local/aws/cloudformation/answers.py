"""What a service answers to a handler of CloudFormation's, and how a template spells a truth."""

import json
from typing import Any

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]  # physical id, attributes


def accepted(answer: tuple) -> dict[str, Any]:
    """The body of a service's answer. Raises ValueError with it where it is an error: the resource has failed."""
    body = answer[2].decode() if isinstance(answer[2], bytes) else str(answer[2] or "")
    if answer[0] >= 400:
        raise ValueError(body)
    return json.loads(body or "{}")


def true(value: Any) -> bool:
    """Whether a property is true; a parameter's value is a text."""
    return value if isinstance(value, bool) else str(value).lower() == "true"
