"""The least of ASGI: a request's header read, an answer sent."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]


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
