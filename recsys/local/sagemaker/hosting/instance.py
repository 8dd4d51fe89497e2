"""One instance of a variant: a container that is started again when its process ends."""

import asyncio
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from recsys.local.sagemaker.hosting.connection import Answer, Gone
from recsys.local.sagemaker.hosting.container import SERVE, STARTUP_SECONDS, Container
from recsys.local.sagemaker.hosting.errors import HostingFailed, no_ping
from recsys.local.sagemaker.hosting.models import Fetch, Models

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0  # seconds before it is started again; doubled each time
STEADY = 60.0  # seconds a process runs before its end counts as the first again
DYING = 0.5  # seconds in which the end of a process is noticed that has closed its connections


@dataclass(frozen=True)
class Variant:
    """A production variant: which model, how many processes, how much of the traffic.

    model: a model.tar.gz on disk, which `url` names in messages. fetch: makes the variant multi-model, with at most
    `loaded_models` of them loaded.
    """

    name: str
    model: Path | None = None
    url: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    instances: int = 1
    weight: float = 1.0
    startup_seconds: float = STARTUP_SECONDS
    fetch: Fetch | None = None
    loaded_models: int = 20
    module: str = SERVE


class Instance:
    """A container and what keeps it running. busy: calls in progress."""

    def __init__(self, variant: Variant, folder: Path, log: Callable[[str, str], None]) -> None:
        """log: gets the name of a log stream, as AWS calls an endpoint's, and a line; must not raise."""
        self.variant, self.busy = variant, 0
        identity = f"i-{secrets.token_hex(9)[:17]}"
        self._log = lambda line: log(f"{variant.name}/{identity}", line)
        environment = dict(variant.environment)
        if variant.fetch is not None:
            environment["SAGEMAKER_MULTI_MODEL"] = "true"
        self.container = Container(folder / identity, self._log, environment, variant.module)
        self.models = Models(self.container, variant.fetch, variant.loaded_models) if variant.fetch else None
        self._ready = False
        self._keeping: asyncio.Task[None] | None = None
        self._attempt: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def up(self) -> bool:
        """Whether it takes calls."""
        return self._ready and self.container.running

    async def start(self) -> None:
        """Extract the model, start the process, wait until it is ready. Raises HostingFailed; `stop` undoes it."""
        await self.container.unpack(self.variant.model, self.variant.url)
        await self._launch()
        self._keeping = asyncio.create_task(self._keep())

    async def ask(self, headers: Mapping[str, str], body: bytes, target_model: str | None) -> Answer:
        """One invocation. Raises Gone where the process has ended."""
        if not self.up:
            raise Gone("it does not run")
        self.busy += 1
        try:
            if self.models is not None:
                answer = await self.models.invoke(target_model, headers, body)
            else:
                answer = await self.container.ask("POST", "/invocations", headers, body)
            return replace(answer, variant=self.variant.name)
        finally:
            self.busy -= 1

    async def back(self) -> None:
        """Wait until it takes calls again, or did not come back at the next attempt."""
        if self._ready and self._keeping is not None:
            with suppress(TimeoutError):  # a process that goes on had only closed a connection
                async with asyncio.timeout(DYING):
                    await self.container.ended()
        if not self.up and self._keeping is not None:
            await asyncio.shield(self._attempt)

    async def stop(self) -> None:
        """End the process and remove its folder."""
        self._ready = False
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.wait([keeping])
        self._tell()
        await self.container.stop()
        await asyncio.to_thread(shutil.rmtree, self.container.base, ignore_errors=True)

    async def _launch(self) -> None:
        await self.container.launch()
        await self.container.ready(no_ping(self.variant.name), self.variant.startup_seconds)
        self._ready = True

    async def _keep(self) -> None:
        pause, started = FIRST_PAUSE, time.monotonic()
        while True:
            code = await self.container.ended()
            self._ready = False
            if self.models is not None:
                self.models.forget()
            if time.monotonic() - started > STEADY:
                pause = FIRST_PAUSE
            self._log(f"the process ended with exit code {code} and is started again in {pause:g} s")
            await asyncio.sleep(pause)
            pause, started = min(2 * pause, LONGEST_PAUSE), time.monotonic()
            try:
                await self._launch()
            except HostingFailed as error:
                self._log(error.reason)
                await self.container.stop()
            self._tell()

    def _tell(self) -> None:
        """Wake those who wait for it, up or not."""
        self._attempt.set_result(None)
        self._attempt = asyncio.get_running_loop().create_future()
