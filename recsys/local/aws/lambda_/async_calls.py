"""Asynchronous calls of a Lambda function, as Lambda's own queue makes them.

- A call that finds its function at the reserved concurrency waits for its turn, up to six hours, and uses up no retry.
  MiniStack counts it as a failed attempt: a function of concurrency 1 that invokes its own successor could lose it.
- A rule of EventBridge calls asynchronously, with the function's retries and failure destination. MiniStack's rule
  calls once, and forgets a call that fails or is throttled.
- A call that waits or is at work when the server stops, or is killed, is made again by the next one, if a save has seen
  it: as on AWS, a call may be made more than once.
"""

import contextvars
import itertools
import json
import logging
import threading
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import eventbridge, lambda_svc

LONGEST = 6 * 3600  # seconds
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0  # seconds; AWS's are one second to five minutes
RETRIES = 2

Call = tuple[str, Any]  # the function's ARN, its event

logger = logging.getLogger(__name__)
_queue: dict[int, Call] = {}
_left: list[Call] = []  # by the server before
_numbers = itertools.count()
_stopping = threading.Event()


def install() -> None:
    """Change how asynchronous calls are made, let EventBridge make them, and save them with Lambda's state."""
    lambda_svc.invoke_async_with_retry = _begin
    eventbridge._dispatch_to_lambda = _call
    saved, load = lambda_svc.get_state, lambda_svc.load_persisted_state
    lambda_svc.get_state = lambda: {**saved(), "async_calls": list(_queue.values())}

    def loaded(state: dict) -> None:
        _left.extend(state.pop("async_calls", ()))
        load(state)

    lambda_svc.load_persisted_state = loaded


def resume() -> None:
    """Make the calls that the server before has left."""
    while _left:
        arn, event = _left.pop()
        _, _, _, region, account, *_ = arn.split(":")
        with request_scope(account, region):
            _call(arn, json.dumps(event))


def stop() -> None:
    """What fails from now on is left to the next server: this one no longer answers the functions."""
    _stopping.set()


def _begin(func: dict, event: Any) -> None:
    number = next(_numbers)
    _queue[number] = ((func.get("config") or func)["FunctionArn"], event)
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_run, number, func, event), daemon=True).start()


def _run(number: int, func: dict, event: Any) -> None:
    config = func.get("config") or func
    settings = func.get("event_invoke_config") or (func.get("event_invoke_configs") or {}).get("$LATEST") or {}
    _, _, _, region, account, *_ = config["FunctionArn"].split(":")
    with request_scope(account, region):
        result = _tried(func, event, settings)
        if _stopping.is_set() and result.get("error"):
            return
        told = (settings.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
        told = told or (config.get("DeadLetterConfig") or {}).get("TargetArn")
        if result.get("error") and told:
            lambda_svc._route_async_failure(told, config["FunctionName"], event, result)
    del _queue[number]


def _tried(func: dict, event: Any, settings: dict) -> dict:
    """What the function answered in the end."""
    begun, retries = time.monotonic(), settings.get("MaximumRetryAttempts")
    longest, pause = int(settings.get("MaximumEventAgeInSeconds", LONGEST)), lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS
    result = _in_turn(func, event)
    for _ in range(RETRIES if retries is None else int(retries)):
        if not result.get("error") or _stopping.is_set() or time.monotonic() - begun + pause > longest:
            break
        time.sleep(pause)
        pause = min(2 * pause, lambda_svc._LAMBDA_ASYNC_RETRY_MAX_SECONDS)
        result = _in_turn(func, event)
    return result


def _in_turn(func: dict, event: Any) -> dict:
    """What the function answers once it is not at its concurrency."""
    begun, wait = time.monotonic(), FIRST_WAIT
    while (result := lambda_svc._execute_function(func, event)).get("throttle"):
        if _stopping.is_set() or time.monotonic() - begun > LONGEST:
            break
        time.sleep(wait)
        wait = min(LONGEST_WAIT, wait * 2)
    return result


def _call(arn: str, payload: str) -> None:
    func, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not func or not config:
        logger.warning("an asynchronous call of %s, which is not there", name)
        return
    _begin(lambda_svc._execution_record_for_config(func, config), _event(payload))


def _event(payload: str) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return {"body": payload}
