"""One id for a request: the function's event, the access log, the trace and the caller's x-amzn-RequestId have it.

MiniStack makes each of them a new one.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import apigateway_v1

_id: ContextVar[str] = ContextVar("request_id", default="")


def install() -> None:
    """Give each request its id before anything else is done for it: to be called last."""
    apigateway_v1.new_uuid = current
    apigateway_v1._handle_execute_in_scope = _identified(apigateway_v1._handle_execute_in_scope)


def current() -> str:
    """The id of the request in progress; a new one where there is none."""
    return _id.get() or new_uuid()


def _identified(execute: Callable[..., Awaitable[tuple]]) -> Callable[..., Awaitable[tuple]]:
    async def executed(*asked: Any) -> tuple:
        token = _id.set(new_uuid())
        try:
            status, headers, *rest = await execute(*asked)
            return status, {**headers, "x-amzn-requestid": current()}, *rest
        finally:
            _id.reset(token)

    return executed
