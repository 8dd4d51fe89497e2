"""A request told as one trace: API Gateway, Lambda, the function and what it called; and what a trace never tells."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from api_calls import raw
from function_settings import NOWHERE, settings
from waiting import eventually

from recsys import operate, stream
from recsys.errors import AwsError

Segment = dict[str, Any]


def asked(url: str, path: str) -> tuple[int, str]:
    """The status of a traced request, and its trace's id."""
    root = f"1-{int(time.time()):08x}-{time.time_ns():024x}"
    status, headers, _ = raw(f"{url}/{path}", **{"X-Amzn-Trace-Id": f"Root={root};Sampled=1"})
    assert headers["X-Amzn-Trace-Id"] == f"Root={root};Sampled=1"
    return status, root


def parts(client: Any, trace: str, last: str) -> list[Segment]:
    """Every segment and subsegment of a trace, once the one of this name is there and all have ended."""

    def found() -> list[Segment] | None:
        told = client("xray").batch_get_traces(TraceIds=[trace])["Traces"]
        every = [each for one in told for entry in one["Segments"] for each in within(json.loads(entry["Document"]))]
        whole = last in [part["name"] for part in every] and all("end_time" in part for part in every)
        return every if whole else None

    return eventually(found)


def within(part: Segment, parent: str | None = None) -> Iterator[Segment]:
    """A part and those inside it, each with its parent."""
    own = {key: value for key, value in part.items() if key != "subsegments"}
    yield {"parent_id": parent, **own}
    for inner in part.get("subsegments", ()):
        yield from within(inner, part["id"])


def way(every: list[Segment], name: str) -> list[str]:
    """The names from the trace's first part to the one of this name."""
    by_id = {part["id"]: part for part in every}
    part: Segment | None = next(part for part in every if part["name"] == name)
    names = []
    while part:
        names.append(part["name"])
        part = by_id.get(part["parent_id"])
    return names[::-1]


def test_one_request_is_one_trace_whose_parts_hang_together(system: Any, url: str, client: Any) -> None:
    status, trace = asked(url, "recommendations/user-1")
    every = parts(client, trace, "Personalize Runtime")
    function, stage = system.RecommendationApiFunctionName, "recommendation-api-lambdas/lambdas"
    assert status == 200
    assert way(every, "Personalize Runtime") == [
        stage,
        "Lambda",
        function,
        function,
        "## handler",
        "Personalize Runtime",
    ]
    origins = {part["origin"] for part in every if "origin" in part}
    assert origins == {"AWS::ApiGateway::Stage", "AWS::Lambda", "AWS::Lambda::Function"}
    assert len({part["id"] for part in every}) == len(every)


def test_a_request_is_followed_from_the_gateway_to_the_campaign(url: str) -> None:
    trace = operate.follow(f"{url}/recommendations/user-1", timeout=30)
    parts = trace.parts.set_index("part")
    assert parts["kind"].iloc[0] == "gateway" and parts.index[-1] == "Personalize Runtime GetRecommendations"
    assert parts["depth"].to_list() == sorted(parts["depth"])
    assert set(parts["kind"]) == {"gateway", "call", "Lambda", "function", "handler"}
    ends = parts["start"] + parts["milliseconds"]
    assert parts["start"].min() == 0 and ends.max() == ends["API Gateway"] < trace.milliseconds


def test_a_request_that_is_refused_is_not_followed(url: str) -> None:
    with pytest.raises(AwsError, match=r"/no-such-route answered 404: .*no such route"):
        operate.follow(f"{url}/no-such-route")


def test_a_trace_is_found_by_where_the_answer_is_from(system: Any, url: str, client: Any) -> None:
    began = time.time() - 1
    with settings(client, system.RecommendationApiFunctionName, AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME=NOWHERE):
        _, trace = asked(url, "recommendations/nobody-of-that-name")
        every = parts(client, trace, "## handler")
    sought = 'annotation.source = "popular" AND annotation.route BEGINSWITH "GET /recommendations"'
    search = {"StartTime": began, "EndTime": time.time() + 1, "FilterExpression": sought}
    assert trace in [found["Id"] for found in client("xray").get_trace_summaries(**search)["TraceSummaries"]]
    (failed,) = [part for part in every if part["name"] == "Personalize Runtime"]
    assert failed["fault"] and failed["cause"]["exceptions"][0]["type"] == "EndpointConnectionError"


def test_what_the_functions_tell_names_no_user(system: Any, url: str, client: Any) -> None:
    _, trace = asked(url, "recommendations/somebody-private")
    every = parts(client, trace, "## handler")
    stage, others = [], []  # API Gateway tells the request's address
    for part in every:
        (stage if part.get("origin") == "AWS::ApiGateway::Stage" else others).append(part)
    assert "somebody-private" in json.dumps(stage) and "somebody-private" not in json.dumps(others)


def test_a_batch_of_events_tells_its_calls_of_other_threads_too(streaming: Any, client: Any) -> None:
    began = time.time() - 1
    stream.send(streaming.StreamName, [stream.event("traced", "item-1", "view")])
    stream.await_events(streaming.TableName, {"traced": 1})
    sought = f'service("{streaming.StreamProcessorFunctionName}") {{ annotation.records >= 1 }}'

    def found() -> list[dict[str, Any]]:
        search = {"StartTime": began, "EndTime": time.time() + 1, "FilterExpression": sought}
        return client("xray").get_trace_summaries(**search)["TraceSummaries"]

    every = parts(client, eventually(found)[0]["Id"], "Personalize Events")
    assert way(every, "Personalize Events")[-2] == way(every, "DynamoDB")[-2] == "## handler"


@pytest.mark.parametrize("path", ["rankings", "no-such-route"])
def test_a_refused_request_is_an_error_of_the_client(system: Any, url: str, client: Any, path: str) -> None:
    status, trace = asked(url, path)
    (stage,) = parts(client, trace, "recommendation-api-lambdas/lambdas")
    assert 400 <= status < 500 and stage["error"] and "fault" not in stage
