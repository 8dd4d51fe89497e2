"""What Lambda adds to a trace: a segment of the service and one of the function, which is given the trace it is in.

A function that traces actively has its calls sampled by Lambda itself, unless whoever calls has decided; one that only
passes traces through is told of the trace it is called in, and adds nothing. Where the function's role may not send
traces nothing of the function is kept, as its daemon could send nothing.
Source: "Visualize Lambda function invocations using AWS X-Ray", developer guide.
"""

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from recsys.local.aws.xray.context import Context, Sampler, inbound, new_id
from recsys.local.aws.xray.traces import Segment, Traces

NEEDED = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")  # what the daemon asks for with the function's role

Config = dict[str, Any]

_sampler = Sampler()
_header: ContextVar[str | None] = ContextVar("header", default=None)
_started = threading.local()  # the execution environment that a call of this thread had to wait for


def install(traces: Traces, may: Callable[[Config, str], bool]) -> None:
    """Change how a call is made. `may`: whether a function's role may do an action."""
    lambda_svc._xray_trace_id_for_invocation = lambda config, inbound_trace_header=None: _header.get()
    lambda_svc._execute_function_dispatch = _traced(lambda_svc._execute_function_dispatch, traces, may)
    lambda_runtime.Worker._spawn = _timed(lambda_runtime.Worker._spawn)


def _traced(dispatch: Callable[..., dict], traces: Traces, may: Callable[[Config, str], bool]) -> Callable[..., dict]:
    """MiniStack's traces nothing; here a call is sampled, told its trace, and leaves Lambda's segments."""

    def dispatched(func: dict, config: Config, event: Any, request_id: str, started: float) -> dict:
        if (config.get("TracingConfig") or {}).get("Mode") != "Active":
            passed = inbound.get()
            return _told(dispatch, passed and passed.header, func, config, event, request_id, started)
        context, function_id = _sampler.decided(config["FunctionArn"]), new_id()
        sent = context.sampled and all(may(config, action) for action in NEEDED)
        told = Context(context.root, function_id, bool(sent))
        _started.environment = None
        result = _told(dispatch, told.header, func, config, event, request_id, started)
        if sent:
            for segment in _segments(config, context, function_id, request_id, started, bool(result.get("error"))):
                traces.put(segment)
        return result

    return dispatched


def _told(dispatch: Callable[..., dict], header: str | None, *call: Any) -> dict:
    token = _header.set(header)
    try:
        return dispatch(*call)
    finally:
        _header.reset(token)


def _timed(spawn: Callable[[Any], None]) -> Callable[[Any], None]:
    """MiniStack's starts a worker; here it is noted how long that took, for the trace of the call that waited."""

    def spawned(worker: Any) -> None:
        began = time.time()
        try:
            spawn(worker)
        finally:
            _started.environment = (began, time.time())

    return spawned


def _segments(
    config: Config, context: Context, function_id: str, request_id: str, started: float, failed: bool
) -> tuple[Segment, Segment]:
    """The service's segment and the function's, in which the start of its environment and the call itself are told."""
    arn, ended = config["FunctionArn"], time.time()
    shared = {"name": config["FunctionName"], "trace_id": context.root, "end_time": ended}
    service = {
        **shared,
        "id": new_id(),
        "start_time": started,
        "origin": "AWS::Lambda",
        "http": {"response": {"status": 200}},
        "aws": {"request_id": request_id},
        "resource_arn": arn,
    }
    begun = started
    inside = []
    if _started.environment:
        inside.append(_inside("Initialization", arn, *_started.environment))
        begun = _started.environment[1]
    inside.append(_inside("Invocation", arn, begun, ended))
    function = {
        **shared,
        "id": function_id,
        "start_time": started,
        "parent_id": service["id"],
        "origin": "AWS::Lambda::Function",
        "aws": {"account_id": arn.split(":")[4], "function_arn": arn, "resource_names": [config["FunctionName"]]},
        "subsegments": inside,
    }
    if context.parent:
        service["parent_id"] = context.parent
    return service, {**function, "fault": True} if failed else function


def _inside(name: str, arn: str, start: float, end: float) -> Segment:
    return {"id": new_id(), "name": name, "start_time": start, "end_time": end, "aws": {"function_arn": arn}}
