"""A trace in short, as GetTraceSummaries tells it, and as a filter expression looks at it."""

from typing import Any

from recsys.local.aws.xray.expressions import View
from recsys.local.aws.xray.traces import Segment, Trace, within

OUTCOMES = ("error", "throttle", "fault")


def summary(trace: Trace) -> dict[str, Any]:
    """The members of a TraceSummary."""
    tops = trace.segments
    first, view = tops[0], viewed(trace)
    http = {
        name: view.get(keyword)
        for name, keyword in (
            ("HttpURL", "http.url"),
            ("HttpStatus", "http.status"),
            ("HttpMethod", "http.method"),
            ("UserAgent", "http.useragent"),
            ("ClientIp", "http.clientip"),
        )
    }
    return {
        "Id": trace.id,
        "StartTime": first["start_time"],
        "Duration": view["duration"],
        "ResponseTime": view.get("responsetime"),
        **{f"Has{name.title()}": view[name] for name in OUTCOMES},
        "IsPartial": view["partial"],
        "Http": {name: value for name, value in http.items() if value is not None},
        "Annotations": _annotations(tops),
        "ServiceIds": _services(tops),
        "ResourceARNs": [
            {"ARN": arn} for arn in sorted({top["resource_arn"] for top in tops if "resource_arn" in top})
        ],
        "EntryPoint": _service(first),
        "Revision": len(trace.parts),
    }


def viewed(trace: Trace) -> View:
    """What a filter expression may ask of a trace: its first segment's request, and what any part of it has."""
    tops = trace.segments
    parts = [each for top in tops for each in within(top)]
    times = [(part["start_time"], part.get("end_time", part["start_time"])) for part in parts]
    view = _of_part(tops[0], parts)
    view["duration"] = round(max(end for _, end in times) - min(start for start, _ in times), 6)
    view["partial"] = any(part.get("in_progress") for part in parts) or tops[0].get("type") == "subsegment"
    services = [(top, [*within(top)]) for top in tops]
    services += [(part, [part]) for part in parts if part.get("namespace") in ("aws", "remote")]
    view["services"] = [_of_part(part, inside) for part, inside in services]
    return view


def _of_part(part: Segment, inside: list[Segment]) -> View:
    """A view of a segment, or of a trace by its first one; `inside` counts for outcome and annotations."""
    request, response = (part.get("http", {}).get(name, {}) for name in ("request", "response"))
    annotations: dict[str, list[Any]] = {}
    for each in inside:
        for key, value in each.get("annotations", {}).items():
            annotations.setdefault(key, []).append(value)
    outcome = {name: any(each.get(name) for each in inside) for name in OUTCOMES}
    ended = part.get("end_time")
    return {
        "name": part["name"],
        **outcome,
        "ok": not any(outcome.values()),
        "responsetime": None if ended is None else round(ended - part["start_time"], 6),
        "http.url": request.get("url"),
        "http.method": request.get("method"),
        "http.useragent": request.get("user_agent"),
        "http.clientip": request.get("client_ip"),
        "http.status": response.get("status"),
        "annotations": annotations,
    }


def _services(tops: list[Segment]) -> list[dict[str, Any]]:
    """Segments are services, and so are those that AWS's own and others' answer for, which send no segment."""
    called = [part for top in tops for part in within(top) if part.get("namespace") in ("aws", "remote")]
    found = {(service["Name"], service["Type"]): service for service in map(_service, [*tops, *called])}
    return list(found.values())


def _service(part: Segment) -> dict[str, Any]:
    kind = part.get("origin") or ("AWS" if part.get("namespace") == "aws" else part.get("namespace", "client"))
    return {"Name": part["name"], "Names": [part["name"]], "Type": kind}


def _annotations(tops: list[Segment]) -> dict[str, list[dict[str, Any]]]:
    """Each key's values, each with the services that gave it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for top in tops:
        for part in within(top):
            for key, value in part.get("annotations", {}).items():
                entry = {"AnnotationValue": {_typed(value): value}, "ServiceIds": [_service(top)]}
                if entry not in found.setdefault(key, []):
                    found[key].append(entry)
    return found


def _typed(value: Any) -> str:
    if isinstance(value, bool):
        return "BooleanValue"
    return "StringValue" if isinstance(value, str) else "NumberValue"
