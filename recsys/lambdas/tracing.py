"""Traces for AWS X-Ray: powertools' Tracer, which sends what it is told by a few lines of ours.

The X-Ray SDK that the Tracer would use is at the end of its support (February 2027), and to import it takes longer than
all that a function imports otherwise. What it would do for these functions is to send a JSON document to a UDP port of
Lambda's for each thing that took time. Source: "X-Ray segment documents" and "Using the X-Ray daemon", developer guide.

Told are the handler, each call of a watched client, how long it took and how it ended, and the annotations that a
person would search by. Never what was asked or answered, nor an error's words: both may name a user.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from aws_lambda_powertools import Tracer

FORMAT = b'{"format":"json","version":1}\n'  # stands before every document
THROTTLED = ("Throttl", "Throughput", "TooMany")  # in an error's code; not every service answers 429


class Subsegment:
    """Something that took time, from now on; `kept` where the call at work is traced."""

    def __init__(self, name: str, kept: tuple[str, str] | None, parent: str | None, **facts: Any) -> None:
        self.kept = kept
        self.document: dict[str, Any] = {"name": name, "type": "subsegment", "start_time": time.time(), **facts}
        if kept:
            trace, segment = kept
            self.document |= {"id": os.urandom(8).hex(), "trace_id": trace, "parent_id": parent or segment}

    def put_annotation(self, key: str, value: Any) -> None:
        self.document.setdefault("annotations", {})[key] = value

    def ended_by(self, error: BaseException) -> None:
        """Mark it as failed; the error's type is told, its words are not."""
        cause = {"exceptions": [{"id": os.urandom(8).hex(), "type": type(error).__name__}]}
        self.document |= {"fault": True, "cause": cause}


class XRay:
    """What the Tracer needs of a provider, and the handlers of botocore's events that tell of calls."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.address = host, int(port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.open: ContextVar[Subsegment | None] = ContextVar("open", default=None)  # of this thread
        self.handler: Subsegment | None = None  # what other threads work for

    @contextmanager
    def in_subsegment(self, name: str) -> Iterator[Subsegment]:
        """Open while the block is at work; what is told meanwhile belongs to it."""
        subsegment = self._begun(name)
        token, outermost = self.open.set(subsegment), self.handler is None
        self.handler = subsegment if outermost else self.handler
        try:
            yield subsegment
        except BaseException as error:
            subsegment.ended_by(error)
            raise
        finally:
            self.open.reset(token)
            self.handler = None if outermost else self.handler
            self._send(subsegment)

    def put_annotation(self, key: str, value: Any) -> None:
        """Annotate what is open."""
        if subsegment := self.open.get() or self.handler:
            subsegment.put_annotation(key, value)

    def begin_call(self, model: Any, context: dict[str, Any], **_: Any) -> None:
        """A client's call begins: botocore's before-call."""
        if _kept():
            facts = {"namespace": "aws", "aws": {"operation": model.name}}
            context["subsegment"] = self._begun(str(model.service_model.service_id), **facts)

    def end_call(self, http_response: Any, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        """It was answered, perhaps with an error: botocore's after-call."""
        if subsegment := context.pop("subsegment", None):
            status, told = http_response.status_code, parsed.get("ResponseMetadata", {})
            code = parsed.get("Error", {}).get("Code", "") if status >= 300 else ""
            throttled = status == 429 or any(word in code for word in THROTTLED)
            facts = {"error": 400 <= status < 500, "throttle": throttled, "fault": status >= 500}
            subsegment.document |= {name: True for name, holds in facts.items() if holds}
            subsegment.document["http"] = {"response": {"status": status}}
            subsegment.document["aws"] |= {
                "request_id": told.get("RequestId", ""),
                "retries": told.get("RetryAttempts", 0),
            }
            self._send(subsegment)

    def break_call(self, exception: Exception, context: dict[str, Any], **_: Any) -> None:
        """It was not answered: botocore's after-call-error."""
        if subsegment := context.pop("subsegment", None):
            subsegment.ended_by(exception)
            self._send(subsegment)

    def _begun(self, name: str, **facts: Any) -> Subsegment:
        within = self.open.get() or self.handler
        return Subsegment(name, _kept(), within.document.get("id") if within else None, **facts)

    def _send(self, subsegment: Subsegment) -> None:
        if subsegment.kept:
            document = {**subsegment.document, "end_time": time.time()}
            with suppress(OSError):  # a lost trace is no reason to fail
                self.socket.sendto(FORMAT + json.dumps(document, default=str).encode(), self.address)


def _kept() -> tuple[str, str] | None:
    """The trace and the function's own segment, where Lambda traces the call at work."""
    fields = dict(part.partition("=")[::2] for part in os.environ.get("_X_AMZN_TRACE_ID", "").split(";"))
    return (fields["Root"], fields["Parent"]) if fields.get("Sampled") == "1" and fields.get("Parent") else None


def _made() -> XRay | None:
    """Where Lambda traces at all; powertools' own variable says whether it shall."""
    off = os.environ.get("POWERTOOLS_TRACE_DISABLED", "false").lower() in ("1", "true")
    address = os.environ.get("AWS_XRAY_DAEMON_ADDRESS")
    return XRay(address) if address and not off and "LAMBDA_TASK_ROOT" in os.environ else None


xray = _made()
tracer = Tracer(provider=xray, disabled=False, auto_patch=False) if xray else None  # type: ignore[arg-type]


def traced(handler: Callable[[dict[str, Any], Any], Any]) -> Callable[[dict[str, Any], Any], Any]:
    """The handler, with a subsegment for each call that says which service it is and whether it started cold."""
    if tracer is None:
        return handler
    return tracer.capture_lambda_handler(handler, capture_response=False, capture_error=False)


def watched(client: Any) -> Any:
    """The client, each of whose calls is told of."""
    if xray:
        client.meta.events.register("before-call", xray.begin_call)
        client.meta.events.register("after-call", xray.end_call)
        client.meta.events.register("after-call-error", xray.break_call)
    return client


def annotate(**values: str | float | bool | None) -> None:
    """Words and numbers to search traces by; None is left out."""
    if tracer:
        for key, value in values.items():
            if value is not None:
                tracer.put_annotation(key, value)
