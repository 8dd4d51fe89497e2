"""What every service of ours reads and writes of HTTP."""

import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from recsys.local.shared.errors import ServiceError

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]


async def whole_body(receive: Receive) -> bytes:
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


def header(scope: Scope, name: str) -> str:
    """A request's header, by its name in lower case; empty where it has none."""
    named = name.encode()
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == named), "")


async def respond(send: Send, status: int, content: Any, *headers: Header) -> None:
    """Answer with bytes as they are, whose type is among the headers, or with anything else as JSON."""
    told = [*headers] if isinstance(content, bytes) else [(b"content-type", b"application/json"), *headers]
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    told.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})
