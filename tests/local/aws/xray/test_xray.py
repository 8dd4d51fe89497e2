"""X-Ray: what is sent comes back as a trace, is searched by expressions, and refused as AWS refuses."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stream_pipeline import function

# Says what trace it is in, and fails where it is told to.
TELLING = """
import os


def handler(event, context):
    if event.get("fail"):
        raise ValueError("as told")
    return [os.environ.get(name) for name in ("_X_AMZN_TRACE_ID", "AWS_XRAY_DAEMON_ADDRESS")]
"""


def new_trace() -> str:
    return f"1-{int(time.time()):08x}-{time.time_ns():024x}"


def segment(trace: str, name: str = "shop", **facts: Any) -> dict[str, Any]:
    now = time.time()
    return {"trace_id": trace, "id": f"{time.time_ns():016x}", "name": name, "start_time": now, "end_time": now} | facts


def put(xray: Any, *documents: Any) -> list[str]:
    """The codes of the documents that were refused."""
    sent = [document if isinstance(document, str) else json.dumps(document) for document in documents]
    refused = xray.put_trace_segments(TraceSegmentDocuments=sent)["UnprocessedTraceSegments"]
    return [entry["ErrorCode"] for entry in refused]


def found(xray: Any, expression: str) -> set[str]:
    """Ids of the newest traces for which the expression holds."""
    search = {"StartTime": time.time() - 60, "EndTime": time.time() + 1, "FilterExpression": expression}
    return {each["Id"] for each in xray.get_trace_summaries(**search)["TraceSummaries"]}


def documents(xray: Any, trace: str) -> list[dict[str, Any]]:
    (whole,) = xray.batch_get_traces(TraceIds=[trace])["Traces"]
    return [json.loads(each["Document"]) for each in whole["Segments"]]


@pytest.fixture
def xray(client: Any) -> Any:
    return client("xray")


@pytest.fixture
def telling(client: Any, request: pytest.FixtureRequest) -> Any:
    """The name of a function that is traced actively."""
    name = request.node.name[:50]
    function(client, name, TELLING, {})
    client("lambda").update_function_configuration(FunctionName=name, TracingConfig={"Mode": "Active"})
    yield name
    client("lambda").delete_function(FunctionName=name)


def traced_call(client: Any, name: str, trace: str, **event: Any) -> Any:
    """The answer to a call that its caller has decided to trace."""
    functions = client("lambda")
    header = {"X-Amzn-Trace-Id": f"Root={trace};Parent=53995c3f42cd8ad8;Sampled=1"}
    handler = lambda request, **_: [request.headers.add_header(*each) for each in header.items()] and None  # noqa: E731
    functions.meta.events.register("before-sign.lambda.Invoke", handler)
    try:
        return json.load(functions.invoke(FunctionName=name, Payload=json.dumps(event))["Payload"])
    finally:
        functions.meta.events.unregister("before-sign.lambda.Invoke", handler)


def test_a_traced_function_knows_its_trace_and_where_to_send(client: Any, xray: Any, telling: str) -> None:
    trace = new_trace()
    header, address = traced_call(client, telling, trace)
    service, of_function = documents(xray, trace)
    assert header == f"Root={trace};Parent={of_function['id']};Sampled=1" and address.startswith("127.0.0.1:")
    assert service["parent_id"] == "53995c3f42cd8ad8" and of_function["parent_id"] == service["id"]
    assert [part["name"] for part in of_function["subsegments"]] == ["Initialization", "Invocation"]


def test_a_call_that_fails_is_a_fault_of_the_function(client: Any, xray: Any, telling: str) -> None:
    trace = new_trace()
    traced_call(client, telling, trace, fail=True)
    assert documents(xray, trace)[1]["fault"]
    assert trace in found(xray, f'service("{telling}") {{ fault }}') and trace not in found(xray, "ok")


def test_a_function_that_passes_traces_through_adds_nothing(client: Any, xray: Any, telling: str) -> None:
    client("lambda").update_function_configuration(FunctionName=telling, TracingConfig={"Mode": "PassThrough"})
    trace = new_trace()
    assert traced_call(client, telling, trace)[0] == f"Root={trace};Parent=53995c3f42cd8ad8;Sampled=1"
    assert xray.batch_get_traces(TraceIds=[trace])["UnprocessedTraceIds"] == [trace]


def test_a_subsegment_sent_on_its_own_comes_back_inside_its_segment(xray: Any) -> None:
    trace = new_trace()
    outer = segment(trace)
    inner = segment(trace, "step", type="subsegment", parent_id=outer["id"])
    assert put(xray, inner, outer) == []
    (whole,) = documents(xray, trace)
    assert whole["name"] == "shop" and [part["name"] for part in whole["subsegments"]] == ["step"]


def test_a_segment_sent_again_takes_the_place_of_the_one_before(xray: Any) -> None:
    trace = new_trace()
    one = segment(trace, metadata="x" * 30_000)
    for _ in range(20):  # together more than a trace may have
        assert put(xray, one) == []
    assert put(xray, one | {"name": "renamed"}) == []
    (whole,) = xray.batch_get_traces(TraceIds=[trace])["Traces"]
    assert not whole["LimitExceeded"] and json.loads(whole["Segments"][0]["Document"])["name"] == "renamed"


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ('annotation.kind = "big"', True),
        ('annotation[kind] != "big"', False),
        ("annotation.count >= 3 AND annotation.warm = true", True),
        ("http.status = 503 OR responsetime < 0", True),
        ("fault AND !error", True),
        ("ok", False),
        ('http.url CONTAINS "/shop" AND http.method = "GET"', True),
        ('service("shop") { fault AND annotation.count < 4 }', True),
        ('service("other")', False),
        ("duration > 1 OR (responsetime >= 0.5 AND partial)", False),
    ],
)
def test_a_filter_expression_is_understood(xray: Any, expression: str, holds: bool) -> None:
    trace = new_trace()
    http = {"request": {"url": "https://a/shop", "method": "GET"}, "response": {"status": 503}}
    put(xray, segment(trace, fault=True, http=http, annotations={"kind": "big", "count": 3, "warm": True}))
    assert (trace in found(xray, expression)) == holds


def test_a_summary_tells_what_is_searched_by(xray: Any) -> None:
    trace = new_trace()
    put(xray, segment(trace, annotations={"kind": "told"}, http={"response": {"status": 429}}, throttle=True))
    search = {"StartTime": time.time() - 60, "EndTime": time.time() + 1, "FilterExpression": "throttle"}
    (told,) = [each for each in xray.get_trace_summaries(**search)["TraceSummaries"] if each["Id"] == trace]
    assert told["HasThrottle"] and not told["HasFault"] and told["Http"] == {"HttpStatus": 429}
    assert told["Annotations"]["kind"][0]["AnnotationValue"] == {"StringValue": "told"}


@pytest.mark.parametrize(
    ("call", "asked"),
    [
        ("get_trace_summaries", {"StartTime": 0, "EndTime": 100_000}),
        ("get_trace_summaries", {"StartTime": 0, "EndTime": 1, "NextToken": "another's"}),
        ("get_trace_summaries", {"StartTime": 0, "EndTime": 1, "FilterExpression": "annotation.kind ="}),
        ("get_trace_summaries", {"StartTime": 0, "EndTime": 1, "FilterExpression": 'edge("a", "b")'}),
        ("batch_get_traces", {"TraceIds": ["1-5759e988-bd862e3fe1be46a994272793"] * 6}),
        ("get_service_graph", {"StartTime": 0, "EndTime": 1}),
    ],
)
def test_what_cannot_be_answered_is_refused(xray: Any, call: str, asked: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as refusal:
        getattr(xray, call)(**asked)
    assert refusal.value.response["Error"]["Code"] == "InvalidRequestException"


def test_a_segment_that_is_none_is_handed_back_and_the_others_are_taken(xray: Any) -> None:
    trace = new_trace()
    bad = {
        "InvalidId": {"id": "short"},
        "InvalidTraceId": {"trace_id": "1-2"},
        "InvalidName": {"name": "x" * 201},
        "InvalidStartTime": {"start_time": "now"},
        "InvalidEndTime": {"end_time": None},
        "InvalidParentId": {"type": "subsegment"},
    }
    others = ["no JSON", "[]", segment(trace, http=[]), segment(trace, subsegments=[1]), {"x": "x" * 65536}]
    codes = put(xray, *({**segment(trace), **wrong} for wrong in bad.values()), *others, segment(trace, "taken"))
    assert codes == [*bad, *["ParseError"] * 4, "SegmentTooLarge"]
    assert [each["name"] for each in documents(xray, trace)] == ["taken"]
