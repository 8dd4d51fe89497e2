"""The requests that wait for an endpoint.

A request is a file from the moment it is acknowledged until its answer lies in S3, so that a server that is killed
answers it after its next start; one cut short is asked again, and its answer written twice under the same name.
"""

import asyncio
import base64
import json
import shutil
import time
import uuid
from collections import deque
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from recsys.files import replace_text
from recsys.local.sagemaker.asynchronous.request import Desk, Request
from recsys.local.sagemaker.hosting import Fleet
from recsys.local.sagemaker.jobs.job import Context
from recsys.local.sagemaker.measures import Measures
from recsys.local.shared.errors import ServiceError

AT_ONCE = 4  # calls an instance gets where MaxConcurrentInvocationsPerInstance does not say
REPEAT = 30.0  # seconds after which a length that has not changed is told again: an alarm's minute is never empty

Params = dict[str, Any]


class Queues:
    """The queues by the name of their endpoint."""

    def __init__(self, context: Context, measures: Measures) -> None:
        self._context, self._measures = context, measures
        self._folder = context.folder / "endpoints" / "waiting"
        self._queues: dict[str, Queue] = {}

    def get(self, endpoint: str) -> "Queue | None":
        """The queue of an asynchronous endpoint that is served."""
        return self._queues.get(endpoint)

    def clear(self) -> None:
        """Remove what the last server has half written, or half read."""
        for path in self._folder.glob("*/*"):
            if path.suffix != ".json":
                path.unlink()

    async def renew(self, endpoint: str, fleet: Fleet, config: Params | None, role: str | None) -> None:
        """Work on with this fleet by its AsyncInferenceConfig; without one, no longer.

        role: whose rights in S3 and SNS count.
        """
        await self.stop(endpoint)
        if config:
            desk = Desk(self._context, self._folder / endpoint, fleet, config["OutputConfig"], role)
            most = config.get("ClientConfig", {}).get("MaxConcurrentInvocationsPerInstance", AT_ONCE)
            self._queues[endpoint] = Queue(desk, most, self._measures)

    async def stop(self, endpoint: str) -> None:
        """Work no longer for an endpoint; what has no answer yet stays in its folder."""
        if queue := self._queues.pop(endpoint, None):
            await queue.close()

    async def forget(self, endpoint: str) -> None:
        """Remove what has no answer."""
        await asyncio.to_thread(shutil.rmtree, self._folder / endpoint, ignore_errors=True)

    async def close(self) -> None:
        """Work no longer for any."""
        await asyncio.gather(*(self.stop(endpoint) for endpoint in list(self._queues)))


class Queue:
    """The accepted requests of one endpoint, oldest first."""

    def __init__(self, desk: Desk, most: int, measures: Measures) -> None:
        """most: calls that an instance gets at the same time."""
        self._desk, self._measures, self._most = desk, measures, most
        self._waiting: deque[Path] = deque()
        self._working: dict[Path, asyncio.Task[None]] = {}
        desk.folder.mkdir(parents=True, exist_ok=True)
        self._waiting.extend(sorted(desk.folder.glob("*.json")))
        self.go_on()
        self._watch = asyncio.ensure_future(self._watched())

    async def accept(self, asked: Params, body: bytes) -> Params:
        """Take a request; the members of its response. Raises ValidationError where it brings no payload."""
        if ("InputLocation" in asked) == bool(body):
            raise ServiceError("ValidationError", "Either InputLocation or a Body must be given.")
        told = {"InferenceId": asked.get("InferenceId", str(uuid.uuid4())), **self._desk.places(asked)}
        entry = {**asked, **told, "accepted": time.time(), "body": base64.b64encode(body).decode()}
        path = self._desk.folder / f"{time.time_ns():020d}-{uuid.uuid4().hex}.json"
        await asyncio.to_thread(replace_text, path, json.dumps(entry))
        self._waiting.append(path)
        self.go_on()
        self._measure()
        return told

    def go_on(self) -> None:
        """Begin with as many as the instances of now take."""
        while self._waiting and len(self._working) < self._most * self._instances:
            path = self._waiting.popleft()
            task = self._working[path] = asyncio.ensure_future(self._work(path))
            task.add_done_callback(partial(self._ended, path))

    async def close(self) -> None:
        """Stop working; what has no answer yet stays in the folder."""
        self._waiting.clear()
        tasks = [self._watch, *self._working.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _instances(self) -> int:
        return sum(variant.instances for variant in self._desk.fleet.variants)

    def _ended(self, path: Path, task: asyncio.Task[None]) -> None:
        del self._working[path]
        if not task.cancelled():  # one that is waits still
            self.go_on()
            self._measure()

    async def _work(self, path: Path) -> None:
        if path.exists():  # else taken up while the queue was renewed, and answered there
            request = Request(self._desk, json.loads(path.read_text()))
            await request.finish()
            self._measures.add(self._desk.fleet.name, request.variant, request.values)
            path.unlink(missing_ok=True)

    async def _watched(self) -> None:
        while True:
            self._measure()
            await asyncio.sleep(REPEAT)

    def _measure(self) -> None:
        """How much waits or is worked on now, and since when; on AWS once a minute."""
        length, instances = len(self._working) + len(self._waiting), self._instances
        oldest = next(chain(self._working, self._waiting), None)
        values = {
            "ApproximateBacklogSize": length,
            "ApproximateBacklogSizePerInstance": length / max(1, instances),
            "ApproximateAgeOfOldestRequest": time.time() - int(oldest.name[:20]) / 1e9 if oldest else 0.0,
            "HasBacklogWithoutCapacity": float(oldest is not None and not instances),
        }
        self._measures.add(self._desk.fleet.name, "", values)
