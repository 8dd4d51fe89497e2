"""nextToken: opaque to the caller, good for the operation it was made for."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import TypeVar

from recsys.local.shared.errors import ServiceError

Item = TypeVar("Item")


def page(items: Sequence[Item], token: str | None, limit: int, operation: str) -> tuple[Sequence[Item], str | None]:
    """A page of `items` and the token of the next, None after the last. Raises InvalidNextTokenException."""
    start = read_token(token, operation)
    end = start + limit
    return items[start:end], make_token(operation, end) if end < len(items) else None


def make_token(operation: str, number: int) -> str:
    """A token that stands for everything up to `number`."""
    return base64.urlsafe_b64encode(json.dumps([operation, number]).encode()).decode()


def read_token(token: str | None, operation: str) -> int:
    """The number a token stands for, 0 for none. Raises InvalidNextTokenException."""
    if token is None:
        return 0
    try:
        issued_for, number = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, binascii.Error, TypeError):
        issued_for, number = None, 0
    if issued_for != operation or not isinstance(number, int) or not 0 <= number < 2**63:
        raise ServiceError("InvalidNextTokenException", "The token is not valid.")
    return number
