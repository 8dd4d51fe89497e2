"""Asynchronous calls of a Lambda function, as Lambda's own queue makes them.

- A call that finds its function at the reserved concurrency waits for its turn, up to six hours, and uses up no retry.
  MiniStack counts it as a failed attempt: a function of concurrency 1 that invokes its own successor could lose it.
- A rule of EventBridge calls asynchronously, with the function's retries and failure destination. MiniStack's rule
  calls once, and forgets a call that fails or is throttled.
"""

import json
import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.services import eventbridge, lambda_svc

LONGEST = 6 * 3600  # seconds
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0  # seconds; AWS's are one second to five minutes

logger = logging.getLogger(__name__)
_queued = ContextVar("queued", default=False)


def install() -> None:
    """Change how asynchronous calls are made, and let EventBridge make them."""
    lambda_svc._execute_function = _waiting(lambda_svc._execute_function)
    lambda_svc.invoke_async_with_retry = _marked(lambda_svc.invoke_async_with_retry)
    eventbridge._dispatch_to_lambda = _call


def _marked(invoke: Callable[[dict, Any], None]) -> Callable[[dict, Any], None]:
    def marked(func: dict, event: Any) -> None:
        token = _queued.set(True)  # the thread that makes the call gets a copy of this context
        try:
            invoke(func, event)
        finally:
            _queued.reset(token)

    return marked


def _waiting(execute: Callable[[dict, Any], dict]) -> Callable[[dict, Any], dict]:
    def executed(func: dict, event: Any) -> dict:
        begun, wait = time.monotonic(), FIRST_WAIT
        while (result := execute(func, event)).get("throttle") and _queued.get():
            if time.monotonic() - begun > LONGEST:
                break
            time.sleep(wait)
            wait = min(LONGEST_WAIT, wait * 2)
        return result

    return executed


def _call(arn: str, payload: str) -> None:
    func, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not func or not config:
        logger.warning("a rule calls %s, which is not there", name)
        return
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(func, config), _event(payload))


def _event(payload: str) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return {"body": payload}
