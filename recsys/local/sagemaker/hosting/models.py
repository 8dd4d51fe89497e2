"""What a multi-model container has loaded.

The container's side of it: https://docs.aws.amazon.com/sagemaker/latest/dg/mms-container-apis.html. A model is fetched
and loaded at its first call, once for however many calls wait for it, and the one used longest ago makes room.
"""

import asyncio
import hashlib
import json
import shutil
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from recsys.local.sagemaker.hosting.archive import BadArchive, extract
from recsys.local.sagemaker.hosting.connection import Answer
from recsys.local.sagemaker.hosting.container import Container
from recsys.local.sagemaker.hosting.errors import Refused, bad_archive

Fetch = Callable[[str], Awaitable[Path]]

LOADED = 409  # what the container answers where it has the model already
FULL = 507  # where its memory has no room for another
JSON = {"Content-Type": "application/json", "Accept": "application/json"}


@dataclass
class _Model:
    loading: "asyncio.Task[Answer | None]"  # its result: the answer that refused it
    busy: int = 0


class Models:
    """The models of one container, the one used longest ago first.

    fetch: the path of a TargetModel's archive on disk, which is removed once it is extracted. at_most: how many stay
    loaded; those answering a call stay, too.
    """

    def __init__(self, container: Container, fetch: Fetch, at_most: int) -> None:
        self._container, self._fetch, self._at_most = container, fetch, at_most
        self._models: OrderedDict[str, _Model] = OrderedDict()
        self._changing = asyncio.Lock()

    def __contains__(self, target: str) -> bool:
        return target in self._models

    def forget(self) -> None:
        """The process has ended, and all that it had loaded with it."""
        self._models.clear()

    async def invoke(self, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Ask a model, loaded first where it is not; the container's answer, also where it cannot load the model.

        Raises Refused where the archive cannot be used, Gone where the process has ended, and what fetch raises.
        """
        model = self._models.get(target) or self._begin(target)
        self._models.move_to_end(target)
        model.busy += 1
        try:
            refusal = await asyncio.shield(model.loading)  # goes on for others, and for the next call
            if refusal is not None:
                return refusal
            return await self._ask("POST", f"/models/{_name(target)}/invoke", target, headers, body)
        finally:
            model.busy -= 1

    def _begin(self, target: str) -> _Model:
        model = self._models[target] = _Model(asyncio.create_task(self._load(target)))

        def loaded(task: "asyncio.Task[Answer | None]") -> None:
            failed = task.cancelled() or task.exception() is not None or task.result() is not None
            if failed and self._models.get(target) is model:  # the next call tries again
                del self._models[target]

        model.loading.add_done_callback(loaded)
        return model

    async def _load(self, target: str) -> Answer | None:
        archive = await self._fetch(target)
        async with self._changing:
            folder = self._folder(target)
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                await asyncio.to_thread(extract, archive, folder)
            except BadArchive as error:
                raise Refused(f"{bad_archive(target)} ({error})") from error
            finally:
                archive.unlink(missing_ok=True)
            while len(self._models) > self._at_most and await self._drop():
                pass
            order = json.dumps({"model_name": _name(target), "url": str(folder)}).encode()
            while (answer := await self._ask("POST", "/models", target, JSON, order)).status == FULL:
                if not await self._drop():
                    break
        return None if answer.ok or answer.status == LOADED else answer

    async def _drop(self) -> bool:
        """Unload the model used longest ago that nobody uses; whether there was one."""
        target = next((t for t, model in self._models.items() if model.loading.done() and not model.busy), None)
        if target is None:
            return False
        del self._models[target]
        await self._ask("DELETE", f"/models/{_name(target)}", target, {}, b"")
        await asyncio.to_thread(shutil.rmtree, self._folder(target).parent, ignore_errors=True)
        return True

    async def _ask(self, method: str, path: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return await self._container.ask(method, path, {**headers, "X-Amzn-SageMaker-Target-Model": target}, body)

    def _folder(self, target: str) -> Path:
        return self._container.base / "models" / _name(target) / "model"


def _name(target: str) -> str:
    """What the container calls it: on AWS, too, an opaque name, fit for a path."""
    return hashlib.sha256(target.encode()).hexdigest()[:32]
