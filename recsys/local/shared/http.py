"""What every service of ours reads and writes of HTTP."""

import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from recsys.local.shared.errors import ServiceError


async def whole_body(receive: Callable[[], Awaitable[dict[str, Any]]]) -> bytes:
    """The body of an ASGI request."""
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; an empty one where there is none. Raises SerializationException."""
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise ServiceError("SerializationException", f"The request body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ServiceError("SerializationException", "The request body is not a JSON object")
    return value


def request_id() -> bytes:
    """As AWS names each request in its answer."""
    return str(uuid.uuid4()).encode()
