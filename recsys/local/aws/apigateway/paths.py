"""Where a path is cut: a slash in a segment, `%2F`, stays one in the event's path, and is a slash in the parameter."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from ministack import app
from ministack.services import apigateway_v1

SLASH = "%2F"


def install() -> None:
    """Cut paths as they were sent, and match their segments."""
    app._handle_execute_api_request = _cut_where_sent(app._handle_execute_api_request)
    for name in ("_match_resource_tree", "_match_greedy_fallback"):
        setattr(apigateway_v1, name, _with_slashes(getattr(apigateway_v1, name)))


def _cut_where_sent(handle: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """MiniStack's cuts the path once `%2F` has become a slash; here where the client has put slashes."""

    async def handled(host: str, path: str, *rest: Any, raw_path: str | None = None, **more: Any) -> Any:
        if SLASH in (raw_path or "").upper():
            path = "/".join(unquote(segment).replace("/", SLASH) for segment in raw_path.split("/"))
        return await handle(host, path, *rest, raw_path=raw_path, **more)

    return handled


def _with_slashes(match: Callable[..., tuple]) -> Callable[..., tuple]:
    """MiniStack's leaves `%2F` in a parameter; here it is a slash there."""

    def matched(*asked: Any) -> tuple:
        resource, params = match(*asked)
        return resource, {name: value.replace(SLASH, "/") for name, value in (params or {}).items()}

    return matched
