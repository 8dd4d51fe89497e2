"""Asynchronous inference: requests that wait in a queue, their payload and their answer in S3.

A request is a file from the moment it is acknowledged until its answer lies in S3, so that a server that is killed
answers it after its next start; one cut short is asked again, and its answer written twice under the same name.
"""

import asyncio
import base64
import json
import logging
import time
import uuid
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from recsys.local.sagemaker.hosting import Answer, Fleet, Refused, TimedOut, Unavailable
from recsys.local.sagemaker.hosting.errors import from_model
from recsys.local.sagemaker.jobs.job import Context, JobFailed
from recsys.local.sagemaker.jobs.storage import S3Failed, split
from recsys.local.shared.clients import client
from recsys.local.shared.errors import ServiceError
from recsys.local.shared.files import write_whole
from recsys.local.shared.times import iso

AT_ONCE = 4  # calls an instance gets where MaxConcurrentInvocationsPerInstance does not say
TTL_SECONDS, CALL_SECONDS = 21_600, 900  # in the queue, and at work, where the request does not say
PASSED = {"ContentType": "content-type", "Accept": "accept", "CustomAttributes": "x-amzn-sagemaker-custom-attributes"}

Params = dict[str, Any]

log = logging.getLogger(__name__)


class Failed(Exception):
    """Why a request has no answer."""


class Queue:
    """The accepted requests of one endpoint, oldest first; `config` is its AsyncInferenceConfig."""

    def __init__(self, context: Context, folder: Path, fleet: Fleet, config: Params, role: str | None) -> None:
        """folder: a file for each request. role: whose rights in S3 and SNS count."""
        self._context, self._folder, self._fleet, self._role = context, folder, fleet, role
        self._to = config["OutputConfig"]
        most = config.get("ClientConfig", {}).get("MaxConcurrentInvocationsPerInstance", AT_ONCE)
        self._turns = asyncio.Semaphore(most * sum(variant.instances for variant in fleet.variants))
        self._tasks: set[asyncio.Task[None]] = set()
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.json")):
            self._begin(path)

    async def accept(self, asked: Params, body: bytes) -> Params:
        """Take a request; the members of its response. Raises ValidationError where it brings no payload."""
        if ("InputLocation" in asked) == bool(body):
            raise ServiceError("ValidationError", "Either InputLocation or a Body must be given.")
        told = {"InferenceId": asked.get("InferenceId", str(uuid.uuid4())), **self._places(asked)}
        entry = {**asked, **told, "accepted": time.time(), "body": base64.b64encode(body).decode()}
        path = self._folder / f"{time.time_ns():020d}-{uuid.uuid4().hex}.json"
        await asyncio.to_thread(write_whole, path, json.dumps(entry))
        self._begin(path)
        return told

    async def close(self) -> None:
        """Stop working; what has no answer yet stays in the folder."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _places(self, asked: Params) -> Params:
        name, below = str(uuid.uuid4()), asked.get("S3OutputPathExtension", "").strip("/")
        into, failures = (self._to.get(member, "").rstrip("/") for member in ("S3OutputPath", "S3FailurePath"))
        output = "/".join(part for part in (into, below, asked.get("Filename", f"{name}.out")) if part)
        return {"OutputLocation": output} | ({"FailureLocation": f"{failures}/{name}-error.out"} if failures else {})

    def _begin(self, path: Path) -> None:
        task = asyncio.ensure_future(self._in_turn(path))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_turn(self, path: Path) -> None:
        async with self._turns:
            if not path.exists():  # taken up while the queue was renewed, and answered there
                return
            entry = json.loads(path.read_text())
            try:
                answer = await self._answer(entry)
                await self._put(entry["OutputLocation"], answer.body)
            except Failed as failed:
                await self._give_up(entry, str(failed))
            except Exception as error:
                log.exception("%s", entry["InferenceId"])
                await self._give_up(entry, f"{type(error).__name__}: {error}")
            else:
                kind = answer.headers.get("content-type", "application/octet-stream")
                response = {"contentType": kind, "outputLocation": entry["OutputLocation"]}
                await self._tell("SuccessTopic", entry, invocationStatus="Completed", responseParameters=response)
            path.unlink(missing_ok=True)

    async def _answer(self, entry: Params) -> Answer:
        """What the container says to the payload. Raises Failed."""
        if time.time() > entry["accepted"] + entry.get("RequestTTLSeconds", TTL_SECONDS):
            raise Failed("The request expired in the queue: RequestTTLSeconds.")
        headers = {header: entry[member] for member, header in PASSED.items() if member in entry}
        try:
            body = base64.b64decode(entry["body"]) or await self._fetched(entry["InputLocation"])
            answer = await self._fleet.invoke(
                body, headers, seconds=entry.get("InvocationTimeoutSeconds", CALL_SECONDS)
            )
        except (S3Failed, JobFailed) as error:
            raise Failed(f"Failed to download input data: {error}") from error
        except (Refused, TimedOut, Unavailable) as error:
            raise Failed(error.reason) from error
        if not answer.ok:
            raise Failed(from_model(answer.status, answer.body.decode("utf-8", "replace")))
        return answer

    async def _fetched(self, uri: str) -> bytes:
        storage, path = await self._context.storage(self._role), self._folder / f"{uuid.uuid4().hex}.in"
        try:
            return (await asyncio.to_thread(storage.fetch, *split(uri), path)).read_bytes()
        finally:
            path.unlink(missing_ok=True)

    async def _put(self, uri: str, content: bytes) -> None:
        """Raises Failed."""
        path = self._folder / f"{uuid.uuid4().hex}.out"
        try:
            path.write_bytes(content)
            await asyncio.to_thread((await self._context.storage(self._role)).put, path, uri)
        except (S3Failed, JobFailed) as error:
            raise Failed(str(error)) from error
        finally:
            path.unlink(missing_ok=True)

    async def _give_up(self, entry: Params, reason: str) -> None:
        log.warning("%s: %s", entry["InferenceId"], reason)
        if "FailureLocation" in entry:
            try:
                await self._put(entry["FailureLocation"], reason.encode())
            except Failed as error:
                log.warning("%s: %s", entry["FailureLocation"], error)
        await self._tell("ErrorTopic", entry, invocationStatus="Failed", failureReason=reason)

    async def _tell(self, topic: str, entry: Params, **outcome: Any) -> None:
        """Publish how it ended, where there is a topic for it; what SNS refuses is lost."""
        arn = self._to.get("NotificationConfig", {}).get(topic)
        if not arn:
            return
        request = {"contentType": "ContentType", "inputLocation": "InputLocation", "endpointName": "EndpointName"}
        message = {
            "awsRegion": self._context.spec["region"],
            "eventTime": iso(time.time()),
            "receivedTime": iso(entry["accepted"]),
            "requestParameters": {name: entry[member] for name, member in request.items() if member in entry},
            "inferenceId": entry["InferenceId"],
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
            **outcome,
        }

        def publish() -> None:
            client("sns", self._context.as_role(self._role)).publish(TopicArn=arn, Message=json.dumps(message))

        try:
            await asyncio.to_thread(publish)
        except (ServiceError, ClientError, BotoCoreError) as error:
            log.warning("%s: %s", arn, error)
