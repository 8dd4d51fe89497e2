"""One request followed by AWS X-Ray: which part of its way took how long."""

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from recsys import aws, http
from recsys.errors import AwsError

GATEWAY, LAMBDA, FUNCTION, HANDLER, CALL = "gateway", "Lambda", "function", "handler", "call"
ORIGINS = {"AWS::ApiGateway::Stage": GATEWAY, "AWS::Lambda": LAMBDA, "AWS::Lambda::Function": FUNCTION}
WHOLE = {GATEWAY, FUNCTION, HANDLER}  # what a function told before its handler ended was sent before the handler

Segment = dict[str, Any]


@dataclass(frozen=True)
class Trace:
    """A request and the parts of its trace.

    milliseconds: what the client waited. parts: in the order begun, each after what it belongs to: part (its name),
    kind (gateway, Lambda, function, handler or call), depth, start (since the first began) and milliseconds.
    """

    id: str
    milliseconds: float
    parts: pd.DataFrame


def follow(url: str, *, timeout: float = 300, report: aws.Report | None = None) -> Trace:
    """Ask for `url` once, in a trace of our own that is always taken, and wait until X-Ray tells all of it.

    On AWS that is some seconds later. Raises AwsError where nothing answers, or with a refusal; TimedOut where the
    trace does not come: the stack's parameter Tracing may be PassThrough.
    """
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    milliseconds = _asked(url, root)
    parts = pd.DataFrame()

    def look() -> dict[str, str]:
        nonlocal parts
        parts = _parts(root)
        return {"status": "WHOLE" if set(parts.get("kind", ())) >= WHOLE else "NOT WHOLE YET"}

    aws.wait(f"trace {root}", look, until="WHOLE", timeout=timeout, report=report)
    return Trace(root, milliseconds, parts)


def _asked(url: str, root: str) -> float:
    """Milliseconds until the whole answer was there."""
    began = time.perf_counter()
    try:
        status, _, body = http.ask(url, headers={"X-Amzn-Trace-Id": f"Root={root};Sampled=1"})
    except OSError as error:
        raise AwsError(f"{url} does not answer: {error}; {aws.remedy_for_silence()}") from error
    if status >= 400:
        raise AwsError(f"{url} answered {status}: {body[:200].decode(errors='replace')}")
    return 1000 * (time.perf_counter() - began)


def _parts(root: str) -> pd.DataFrame:
    """What X-Ray knows of the trace; empty while something is still at work."""
    told = aws.call(aws.client("xray").batch_get_traces, TraceIds=[root])["Traces"]
    segments = [json.loads(entry["Document"]) for trace in told for entry in trace["Segments"]]
    every = [part for segment in segments for part in _within(segment, segment.get("parent_id"))]
    if not every or any("end_time" not in part for part in every):
        return pd.DataFrame()
    began = min(part["start_time"] for part in every)
    rows = [
        {
            "part": _named(part),
            "kind": _kind(part),
            "depth": depth,
            "start": 1000 * (part["start_time"] - began),
            "milliseconds": 1000 * (part["end_time"] - part["start_time"]),
        }
        for part, depth in _ordered(every)
    ]
    return pd.DataFrame(rows)


def _within(part: Segment, parent: str | None) -> Iterator[Segment]:
    """A part and those inside it, each with its parent."""
    yield {**part, "parent_id": parent}
    for inner in part.get("subsegments", ()):
        yield from _within(inner, part["id"])


def _ordered(every: list[Segment]) -> Iterator[tuple[Segment, int]]:
    """Each part with its depth, after what it belongs to and in the order begun."""
    known = {part["id"] for part in every}

    def below(parent: str | None, depth: int) -> Iterator[tuple[Segment, int]]:
        mine = [part for part in every if (part["parent_id"] if part["parent_id"] in known else None) == parent]
        for part in sorted(mine, key=lambda part: (part["start_time"], -part["end_time"])):
            yield part, depth
            yield from below(part["id"], depth + 1)

    return below(None, 0)


def _kind(part: Segment) -> str:
    if part["name"].startswith("## "):
        return HANDLER
    if part.get("namespace") in ("aws", "remote"):
        return CALL
    return ORIGINS.get(part.get("origin", ""), FUNCTION)


def _named(part: Segment) -> str:
    """What it is called in a figure: of whom what was asked, and which of Lambda's two segments of one name it is."""
    if part.get("origin") in ORIGINS:
        return {GATEWAY: "API Gateway", LAMBDA: "Lambda", FUNCTION: f"function {part['name']}"}[_kind(part)]
    operation = part.get("aws", {}).get("operation")
    return f"{part['name']} {operation}" if operation else part["name"].removeprefix("## ")
