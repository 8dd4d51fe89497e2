"""One asynchronous request: its payload, the model's answer, a word to a topic, and what is measured of it."""

import asyncio
import base64
import json
import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from recsys.local.sagemaker.hosting import Answer, Fleet, Refused, TimedOut, Unavailable
from recsys.local.sagemaker.hosting.errors import from_model
from recsys.local.sagemaker.jobs.job import Context, JobFailed
from recsys.local.sagemaker.jobs.storage import S3Failed
from recsys.local.sagemaker.measures import of_answer
from recsys.local.shared.clients import client, split
from recsys.local.shared.times import iso

TTL_SECONDS, CALL_SECONDS = 21_600, 900  # in the queue, and at work, where the request does not say
PASSED = {"ContentType": "content-type", "Accept": "accept", "CustomAttributes": "x-amzn-sagemaker-custom-attributes"}

Params = dict[str, Any]

log = logging.getLogger(__name__)


class Failed(Exception):
    """Why a request has no answer, and the metric that counts failures of this kind, where there is one."""

    def __init__(self, reason: str, metric: str | None = None) -> None:
        super().__init__(reason)
        self.metric = metric


@dataclass(frozen=True)
class Desk:
    """What all requests of an endpoint are worked on with.

    folder: for what is on the way. output: the OutputConfig. role: whose rights in S3 and SNS count.
    """

    context: Context
    folder: Path
    fleet: Fleet
    output: Params
    role: str | None

    def places(self, asked: Params) -> Params:
        """OutputLocation and FailureLocation of a new request."""
        name, below = str(uuid.uuid4()), asked.get("S3OutputPathExtension", "").strip("/")
        into, failures = (self.output.get(member, "").rstrip("/") for member in ("S3OutputPath", "S3FailurePath"))
        output = "/".join(part for part in (into, below, asked.get("Filename", f"{name}.out")) if part)
        return {"OutputLocation": output} | ({"FailureLocation": f"{failures}/{name}-error.out"} if failures else {})

    async def fetch(self, uri: str) -> bytes:
        """An object. Raises S3Failed, JobFailed."""
        storage, path = await self.context.storage(self.role), self.folder / f"{uuid.uuid4().hex}.in"
        try:
            return (await asyncio.to_thread(storage.fetch, *split(uri), path)).read_bytes()
        finally:
            path.unlink(missing_ok=True)

    async def put(self, uri: str, content: bytes) -> None:
        """Write an object. Raises S3Failed, JobFailed."""
        storage, path = await self.context.storage(self.role), self.folder / f"{uuid.uuid4().hex}.out"
        try:
            path.write_bytes(content)
            await asyncio.to_thread(storage.put, path, uri)
        finally:
            path.unlink(missing_ok=True)

    async def publish(self, topic: str, message: Params) -> None:
        """Raises JobFailed, ClientError, BotoCoreError."""
        spec = (await self.context.storage(self.role)).spec

        def publish() -> None:
            client("sns", spec).publish(TopicArn=topic, Message=json.dumps(message))

        await asyncio.to_thread(publish)


class Request:
    """One request out of the queue; `values` are what was measured of it, of `variant`, by the metric's name."""

    def __init__(self, desk: Desk, entry: Params) -> None:
        """entry: the members of InvokeEndpointAsync and of its response, and when it was accepted."""
        self._desk, self._entry = desk, entry
        self.variant = desk.fleet.variants[0].name  # until another has answered
        self.values: dict[str, float] = {}

    async def finish(self) -> None:
        """Its answer to S3, or the reason why there is none, and a word to the topic."""
        accepted = self._entry["accepted"]
        self.values["TimeInBacklog"] = (time.time() - accepted) * 1e6
        try:
            answer = await self._answered()
        except Failed as failed:
            await self._give_up(str(failed), failed.metric)
        except Exception as error:
            log.exception("%s", self._entry["InferenceId"])
            await self._give_up(f"{type(error).__name__}: {error}")
        else:
            kind = answer.headers.get("content-type", "application/octet-stream")
            response = {"contentType": kind, "outputLocation": self._entry["OutputLocation"]}
            await self._tell("SuccessTopic", invocationStatus="Completed", responseParameters=response)
        self.values |= {"InvocationsProcessed": 1, "TotalProcessingTime": (time.time() - accepted) * 1e3}

    async def _answered(self) -> Answer:
        """What the container says to the payload, once it lies in S3. Raises Failed."""
        if time.time() > self._entry["accepted"] + self._entry.get("RequestTTLSeconds", TTL_SECONDS):
            raise Failed("The request expired in the queue: RequestTTLSeconds.", "ExpiredRequests")
        answer = await self._asked(base64.b64decode(self._entry["body"]) or await self._payload())
        try:
            with self._timed("ResponseUploadLatency"):
                await self._desk.put(self._entry["OutputLocation"], answer.body)
        except (S3Failed, JobFailed) as error:
            raise Failed(str(error), "ResponseUploadFailures") from error
        return answer

    async def _payload(self) -> bytes:
        try:
            with self._timed("RequestDownloadLatency"):
                return await self._desk.fetch(self._entry["InputLocation"])
        except (S3Failed, JobFailed) as error:
            raise Failed(f"Failed to download input data: {error}", "RequestDownloadFailures") from error

    async def _asked(self, body: bytes) -> Answer:
        headers = {header: self._entry[member] for member, header in PASSED.items() if member in self._entry}
        seconds, started = self._entry.get("InvocationTimeoutSeconds", CALL_SECONDS), time.perf_counter()
        try:
            answer = await self._desk.fleet.invoke(body, headers, seconds=seconds)
        except (Refused, TimedOut, Unavailable) as error:
            raise Failed(error.reason) from error
        self.variant = answer.variant
        self.values |= of_answer(answer.status, time.perf_counter() - started)
        if not answer.ok:
            raise Failed(from_model(answer.status, answer.body.decode("utf-8", "replace")))
        return answer

    async def _give_up(self, reason: str, metric: str | None = None) -> None:
        log.warning("%s: %s", self._entry["InferenceId"], reason)
        self.values |= dict.fromkeys(("InvocationFailures", *([metric] if metric else ())), 1)
        if place := self._entry.get("FailureLocation"):
            try:
                await self._desk.put(place, reason.encode())
            except (S3Failed, JobFailed) as error:
                log.warning("%s: %s", place, error)
        await self._tell("ErrorTopic", invocationStatus="Failed", failureReason=reason)

    async def _tell(self, topic: str, **outcome: Any) -> None:
        """Publish how it ended, where there is a topic for it; what SNS refuses is lost."""
        arn = self._desk.output.get("NotificationConfig", {}).get(topic)
        if not arn:
            return
        request = {"contentType": "ContentType", "inputLocation": "InputLocation", "endpointName": "EndpointName"}
        message = {
            "awsRegion": self._desk.context.spec["region"],
            "eventTime": iso(time.time()),
            "receivedTime": iso(self._entry["accepted"]),
            "requestParameters": {name: self._entry[given] for name, given in request.items() if given in self._entry},
            "inferenceId": self._entry["InferenceId"],
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
            **outcome,
        }
        try:
            await self._desk.publish(arn, message)
        except (JobFailed, ClientError, BotoCoreError) as error:
            log.warning("%s: %s", arn, error)
            self.values["NotificationFailures"] = 1

    @contextmanager
    def _timed(self, metric: str) -> Iterator[None]:
        """How long it takes, in microseconds, where it does not fail."""
        started = time.perf_counter()
        yield
        self.values[metric] = (time.perf_counter() - started) * 1e6
