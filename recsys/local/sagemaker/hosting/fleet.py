"""An endpoint: its variants, each with its instances, and which of them answers a call."""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from recsys.local.sagemaker.hosting.connection import Answer, Gone
from recsys.local.sagemaker.hosting.errors import NO_ANSWER, Refused, TimedOut, Unavailable
from recsys.local.sagemaker.hosting.instance import Instance, Variant

Running = dict[str, tuple[Variant, list[Instance]]]

CALL_SECONDS = 60.0  # how long AWS waits for an endpoint's answer
DRAIN_SECONDS = CALL_SECONDS + 10.0


class Fleet:
    """One endpoint's running variants.

    A call whose process ends before it has answered is tried once more, on another instance or on the same once it is
    started again, and never a third time. AWS would answer 5xx there, and its SDKs would try again.
    """

    def __init__(self, name: str, folder: Path, log: Callable[[str, str], None]) -> None:
        """name: the endpoint's, for messages. folder: for what the processes read. log: see Instance."""
        self.name, self._folder, self._log = name, folder, log
        self._running: Running = {}
        self._changing = asyncio.Lock()

    @property
    def variants(self) -> list[Variant]:
        """What runs now, with the weights and instances of now."""
        return [variant for variant, _ in self._running.values()]

    async def start(self, variants: Iterable[Variant]) -> None:
        """Start every instance. Raises HostingFailed, and leaves nothing running."""
        await self.switch(variants)

    async def switch(self, variants: Iterable[Variant]) -> None:
        """Put `variants` in the place of what runs, without a call failing.

        They are ready before the first call goes to them; calls in progress end on the old ones, which then stop.
        Raises HostingFailed, and the old ones serve on.
        """
        async with self._changing:
            new = {variant.name: (variant, self._instances(variant, variant.instances)) for variant in variants}
            await _start(_all(new))
            old, self._running = self._running, new
            await _end(_all(old))

    async def reweigh(self, wanted: Mapping[str, tuple[float, int]]) -> None:
        """Give variants, by name, other weights and numbers of instances; all of it, or nothing and HostingFailed."""
        async with self._changing:
            more: dict[str, list[Instance]] = {}
            for name, (_, count) in wanted.items():
                variant, instances = self._running[name]
                more[name] = self._instances(variant, count - len(instances))
            await _start([instance for instances in more.values() for instance in instances])
            fewer: list[Instance] = []
            for name, (weight, count) in wanted.items():
                variant, instances = self._running[name]
                everyone = [*instances, *more[name]]
                fewer += everyone[count:]
                self._running[name] = (replace(variant, weight=weight, instances=count), everyone[:count])
            await _end(fewer)

    async def invoke(
        self,
        body: bytes,
        headers: Mapping[str, str],
        target_variant: str | None = None,
        target_model: str | None = None,
        seconds: float = CALL_SECONDS,
    ) -> Answer:
        """What a container answers to a call within `seconds`.

        Without `target_variant` one is drawn by weight; of its instances the least busy is asked, of a multi-model
        variant one that has loaded the model. Raises Refused, TimedOut, Unavailable.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._invoke(body, headers, target_variant, target_model)
        except Gone as error:
            raise Unavailable(f"No process of endpoint {self.name} answered: {error}") from error
        except TimeoutError as error:
            raise TimedOut(NO_ANSWER) from error

    async def stop(self) -> None:
        """End every process; calls in progress with it."""
        async with self._changing:
            old, self._running = self._running, {}
            await asyncio.gather(*(instance.stop() for instance in _all(old)))

    async def _invoke(self, body: bytes, headers: Mapping[str, str], variant: str | None, model: str | None) -> Answer:
        instance = self._free(variant or self._drawn(), model)
        if not instance.up:
            await instance.back()
        try:
            return await instance.ask(headers, body, model)
        except Gone:
            other = self._free(variant or self._drawn(), model, besides=instance)
            if other is instance or not other.up:
                await other.back()
            return await other.ask(headers, body, model)

    def _instances(self, variant: Variant, count: int) -> list[Instance]:
        return [Instance(variant, self._folder, self._log) for _ in range(count)]

    def _drawn(self) -> str:
        names = list(self._running)
        weights = [variant.weight for variant, _ in self._running.values()]
        if not any(weights):
            raise Unavailable(f"No variant of endpoint {self.name} takes calls.")
        return names[0] if len(names) == 1 else random.choices(names, weights)[0]

    def _free(self, name: str, target_model: str | None, besides: Instance | None = None) -> Instance:
        """The instance to ask: one that is up before one that is not, then one with the model, then the least busy."""
        if name not in self._running:
            raise Refused(f"Variant {name} not found for endpoint {self.name}.")
        variant, instances = self._running[name]
        if target_model is not None and variant.fetch is None:
            raise Refused(
                f"Endpoint {self.name} is not a multi-model endpoint and does not support target model header."
            )
        if target_model is None and variant.fetch is not None:
            raise Refused(f"The request for endpoint {self.name} is missing a target model header.")

        def order(instance: Instance) -> tuple[bool, bool, bool, int]:
            loaded = instance.models is not None and target_model in instance.models
            return instance is besides, not instance.up, not loaded, instance.busy

        return min(instances, key=order)


def _all(running: Running) -> list[Instance]:
    return [instance for _, instances in running.values() for instance in instances]


async def _start(instances: list[Instance]) -> None:
    """All of them, at the same time, or none."""
    starting = [asyncio.create_task(instance.start()) for instance in instances]
    try:
        await asyncio.gather(*starting)
    except BaseException:
        for task in starting:
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        await asyncio.gather(*(instance.stop() for instance in instances))
        raise


async def _end(instances: list[Instance]) -> None:
    """Once their calls in progress have ended."""

    async def end(instance: Instance) -> None:
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while instance.busy:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pass
        finally:  # also where the server does not wait any longer
            await instance.stop()

    await asyncio.gather(*(end(instance) for instance in instances))
