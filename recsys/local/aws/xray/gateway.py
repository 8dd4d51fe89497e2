"""What API Gateway adds to a trace: a segment for each request to a stage that is traced, with the call it made.

A stage that is not traced adds one too where whoever called is traced. The function is told the trace in its event's
headers, the client in the answer's.
Sources: "X-Ray tracing modes for API Gateway" and "AWS X-Ray traces for Amazon API Gateway APIs", developer guide.
"""

import time
from collections.abc import Callable
from typing import Any

from ministack.services import apigateway_v1

from recsys.local.aws.apigateway import request_ids
from recsys.local.aws.xray.context import HEADER, Context, Sampler, inbound, new_id
from recsys.local.aws.xray.traces import Segment, Traces

_sampler = Sampler()


def install(traces: Traces) -> None:
    """Change the one function that every request to an API passes."""
    apigateway_v1._handle_execute_in_scope = _traced(apigateway_v1._handle_execute_in_scope, traces)


def _traced(execute: Callable[..., Any], traces: Traces) -> Callable[..., Any]:
    """MiniStack's traces nothing; here a request to a stage is sampled, and leaves API Gateway's segment."""

    async def executed(
        api_id: str, stage_name: str, verb: str, path: str, headers: dict, body: bytes, query: dict, *owner: str
    ) -> tuple:
        stage = apigateway_v1._stages_v1.get(api_id, {}).get(stage_name) or {}
        before = inbound.get()
        if not stage.get("tracingEnabled") and not (before and before.sampled):
            return await execute(api_id, stage_name, verb, path, headers, body, query, *owner)
        started, calling = time.time(), new_id()
        context = _sampler.decided(f"{api_id}/{stage_name}")
        token = inbound.set(Context(context.root, calling, context.sampled))
        told = {name: value for name, value in headers.items() if name.lower() != HEADER.lower()}
        told[HEADER] = f"Root={context.root}"
        try:
            status, answered, content = await execute(api_id, stage_name, verb, path, told, body, query, *owner)
        finally:
            inbound.reset(token)
        if context.sampled:
            segment = _segment(context, api_id, stage_name, owner, started)
            segment["http"] = _http(api_id, f"/{stage_name}{path}", verb, headers, owner, status)
            segment |= _outcome(status)
            if called := traces.child(context.root, calling):
                segment["subsegments"] = [_call(calling, called)]
            traces.put(segment)
        return status, {**answered, HEADER: Context(context.root, None, context.sampled).header}, content

    return executed


def _segment(context: Context, api_id: str, stage: str, owner: tuple[str, ...], started: float) -> Segment:
    account, region = owner
    name = (apigateway_v1._rest_apis.get(api_id) or {}).get("name", api_id)
    identity = {"account_id": account, "rest_api_id": api_id, "stage": stage, "request_id": request_ids.current()}
    segment = {
        "annotations": {"aws:api_id": api_id, "aws:api_stage": stage},
        "name": f"{name}/{stage}"[:200],
        "id": new_id(),
        "trace_id": context.root,
        "start_time": started,
        "end_time": time.time(),
        "origin": "AWS::ApiGateway::Stage",
        "resource_arn": f"arn:aws:apigateway:{region}::/restapis/{api_id}/stages/{stage}",
        "aws": {"xray": {"sampling_rule_name": "Default"}, "api_gateway": identity},
    }
    return {**segment, "parent_id": context.parent} if context.parent else segment


def _http(api_id: str, path: str, verb: str, headers: dict, owner: tuple[str, ...], status: int) -> dict[str, Any]:
    named = {name.lower(): value for name, value in headers.items()}
    request = {
        "url": f"https://{api_id}.execute-api.{owner[1]}.amazonaws.com{path}",
        "method": verb,
        "client_ip": "127.0.0.1",
        "user_agent": str(named.get("user-agent", "")),
    }
    return {"request": request, "response": {"status": status}}


def _outcome(status: int) -> Segment:
    """A client's fault is an error, a server's a fault, and too many requests are both error and throttle."""
    facts = {"error": 400 <= status < 500, "throttle": status == 429, "fault": status >= 500}
    return {name: True for name, holds in facts.items() if holds}


def _call(segment_id: str, called: Segment) -> Segment:
    """The call of the function, which its segment answers."""
    return {
        "id": segment_id,
        "name": "Lambda",
        "namespace": "aws",
        "start_time": called["start_time"],
        "end_time": called["end_time"],
        "http": {"response": {"status": called["http"]["response"]["status"]}},
        "aws": {"operation": "Invoke", "function_name": called["name"], "resource_names": [called["name"]]},
    }
