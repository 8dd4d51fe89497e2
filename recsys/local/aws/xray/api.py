"""X-Ray's API: traces by time and filter expression, whole traces by id, and segments from whoever sends them."""

import asyncio
import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel

from recsys.local.aws.iam import permissions
from recsys.local.aws.xray.expressions import BadExpression, parse
from recsys.local.aws.xray.summaries import summary, viewed
from recsys.local.aws.xray.traces import BadSegment, Segment, Trace, Traces
from recsys.local.shared.errors import ServiceError
from recsys.local.shared.http import Receive, Scope, Send, json_object, request_id, respond, whole_body
from recsys.local.shared.tokens import make_token, read_token
from recsys.local.shared.validate import validate

LONGEST = 24 * 3600  # seconds a search may span
PAGE = 100  # summaries an answer holds
TRACES_AT_ONCE, SEGMENTS_AT_ONCE = 5, 50
SEGMENT_BYTES = 64 * 1024

Params = dict[str, Any]


async def answer(traces: Traces, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one signed request."""
    body = await whole_body(receive)
    try:
        # Not on the loop that answers everybody: a search looks at every trace.
        content = await asyncio.to_thread(_answered, traces, scope, body)
        status, kind = 200, b""
    except ServiceError as error:
        status, content, kind = error.status, {"Message": error.message}, error.code.encode()
    errors = [(b"x-amzn-errortype", kind)] if kind else []
    await respond(send, status, content, (b"x-amzn-requestid", request_id()), *errors)


def _answered(traces: Traces, scope: Scope, body: bytes) -> Params:
    name = _names().get(scope["path"].rstrip("/") or "/") if scope["method"] == "POST" else None
    if name is None:
        raise ServiceError("UnknownOperationException", f"Unknown operation: {scope['method']} {scope['path']}", 404)
    if denied := permissions.denial_of_request(scope, f"xray:{name}", "*", {}):
        raise ServiceError("AccessDeniedException", denied, 403)
    if name not in OPERATIONS:
        raise _invalid(f"The embedded X-Ray does not do this: {name}")
    try:
        params = validate(json_object(body), _model().operation_model(name).input_shape)
    except ServiceError as error:
        raise _invalid(error.message) from None
    return OPERATIONS[name](traces, params)


def _put_segments(traces: Traces, params: Params) -> Params:
    documents = params["TraceSegmentDocuments"]
    if len(documents) > SEGMENTS_AT_ONCE:
        raise _invalid(f"a request takes at most {SEGMENTS_AT_ONCE} segment documents")
    refused = []
    for text in documents:
        document: Any = None
        try:
            if len(text.encode()) > SEGMENT_BYTES:
                raise BadSegment("SegmentTooLarge", f"a segment document has at most {SEGMENT_BYTES} bytes")
            document = _document(text)
            traces.put(document)
        except BadSegment as error:
            told = document.get("id") if isinstance(document, dict) else None
            refused.append({"Id": told, "ErrorCode": error.code, "Message": str(error)})
    return {"UnprocessedTraceSegments": refused}


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadSegment("ParseError", f"not JSON: {error}") from None


def _put_telemetry(traces: Traces, params: Params) -> Params:
    """How a daemon fares: taken and forgotten, as no operation of X-Ray's tells it."""
    return {}


def _summaries(traces: Traces, params: Params) -> Params:
    start, end = params["StartTime"], params["EndTime"]
    if not 0 <= end - start <= LONGEST:
        raise _invalid("The time range must begin before it ends, and span 24 hours at most")
    try:
        holds = parse(params.get("FilterExpression") or "ok OR !ok")
    except BadExpression as error:
        raise _invalid(f"Invalid filter expression: {error}") from None
    inside = list(_between(traces, start, end, params.get("TimeRangeType", "TraceId") == "TraceId"))
    found = [trace for trace in inside if holds(viewed(trace))]
    first = _first(params.get("NextToken"))
    page = found[first : first + PAGE]
    told = {"TraceSummaries": [summary(trace) for trace in page], "ApproximateTime": start}
    told["TracesProcessedCount"] = len(inside)
    return told | ({"NextToken": make_token("GetTraceSummaries", first + PAGE)} if found[first + PAGE :] else {})


def _first(token: str | None) -> int:
    try:
        return read_token(token, "GetTraceSummaries")
    except ServiceError as error:
        raise _invalid(error.message) from None


def _between(traces: Traces, start: float, end: float, by_id: bool) -> Iterator[Trace]:
    """Traces by the second in their id, or by when their parts worked."""
    for trace_id in traces.ids():
        if by_id and not int(start) <= int(trace_id.split("-")[1], 16) <= end:
            continue
        trace = traces.get(trace_id)
        if trace and (by_id or any(_worked(part, start, end) for part in trace.parts.values())):
            yield trace


def _worked(part: Segment, start: float, end: float) -> bool:
    return part["start_time"] <= end and part.get("end_time", end) >= start


def _whole(traces: Traces, params: Params) -> Params:
    wanted = params["TraceIds"]
    if len(wanted) > TRACES_AT_ONCE:
        raise _invalid(f"a request takes at most {TRACES_AT_ONCE} trace ids")
    found = {trace_id: traces.get(trace_id) for trace_id in wanted}
    told = [_trace(trace) for trace in found.values() if trace]
    return {"Traces": told, "UnprocessedTraceIds": [name for name, trace in found.items() if trace is None]}


def _trace(trace: Trace) -> Params:
    documents = [{"Id": top["id"], "Document": json.dumps(top)} for top in trace.segments]
    return {
        "Id": trace.id,
        "Duration": viewed(trace)["duration"],
        "LimitExceeded": trace.limited,
        "Segments": documents,
    }


OPERATIONS: dict[str, Callable[[Traces, Params], Params]] = {
    "PutTraceSegments": _put_segments,
    "PutTelemetryRecords": _put_telemetry,
    "GetTraceSummaries": _summaries,
    "BatchGetTraces": _whole,
}


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidRequestException", message)


@lru_cache
def _model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("xray")


@lru_cache
def _names() -> dict[str, str]:
    """Every operation of X-Ray by the path it is asked at."""
    return {_model().operation_model(name).http["requestUri"]: name for name in _model().operation_names}
