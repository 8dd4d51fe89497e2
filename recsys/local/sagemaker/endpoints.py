"""Endpoints: what runs behind each, and the life cycle of create, update and delete (deployments.py).

A fleet of local processes serves an endpoint. An update starts the new ones first and fails alone: the old ones serve
on, and the endpoint is InService again with a FailureReason, as after AWS's own roll-back.
"""

import asyncio
import logging
import shutil
import uuid
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recsys.local.sagemaker.asynchronous import Queues
from recsys.local.sagemaker.deployments import ASYNC, IN_SERVICE
from recsys.local.sagemaker.hosting import Fleet, HostingFailed
from recsys.local.sagemaker.jobs.job import Context, JobFailed
from recsys.local.sagemaker.jobs.storage import S3Failed
from recsys.local.sagemaker.model_data import fetched, keep_only
from recsys.local.sagemaker.variants import shown
from recsys.local.shared.store import Resource

Params = dict[str, Any]

log = logging.getLogger(__name__)


class Endpoints:
    """The fleets by the name of their endpoint; the records' status follows them."""

    def __init__(self, context: Context, queues: Queues) -> None:
        self._context, self._folder, self._queues = context, context.folder / "endpoints", queues
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # one thing at a time to an endpoint
        self._resuming: dict[str, asyncio.Task[None]] = {}
        self.fleets: dict[str, Fleet] = {}

    async def serving(self, name: str) -> Fleet | None:
        """What serves an endpoint; after a start of the server, once that is up again."""
        if name not in self.fleets and name in self._resuming:
            await asyncio.wait([self._resuming[name]])
        return self.fleets.get(name)

    def begin(self, endpoint: Resource) -> asyncio.Task[None]:
        """Set out on what an endpoint's status says."""
        task = asyncio.ensure_future(self._in_turn(endpoint))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def resume(self, endpoints: list[Resource]) -> None:
        """Take up every endpoint at the start of the server; what runs was ended with the last one."""
        shutil.rmtree(self._folder / "running", ignore_errors=True)
        self._queues.clear()
        for each in endpoints:
            if each.document["EndpointStatus"] != "Failed":
                self._resuming[each.document["EndpointName"]] = self.begin(each)

    async def close(self) -> None:
        """End every process; the records keep their status, to be taken up."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, self._queues.close(), return_exceptions=True)
        await asyncio.gather(*(fleet.stop() for fleet in self.fleets.values()))

    async def _in_turn(self, endpoint: Resource) -> None:
        """After what is under way: an endpoint that is taken up after a start may be updated or deleted meanwhile."""
        async with self._turns[endpoint.arn]:
            await self._work(endpoint)
        if endpoint.document["EndpointStatus"] == "Deleting":
            self._turns.pop(endpoint.arn, None)

    async def _work(self, endpoint: Resource) -> None:
        status, name = endpoint.document["EndpointStatus"], endpoint.document["EndpointName"]
        try:
            if status == "Deleting":
                await self._end(endpoint, name)
                return
            if name not in self.fleets and status in (IN_SERVICE, "Updating"):  # after a start of the server
                serving = endpoint.document["_variants"], endpoint.document.get(ASYNC)
                await self._deploy(name, self._archives(name, endpoint.document.get("_archives")), *serving)
            if status in ("Creating", "Updating"):
                await (self._weigh if "_weighed" in endpoint.document else self._renew)(endpoint, name)
        except (HostingFailed, S3Failed, JobFailed) as error:
            await self._failed(endpoint, str(error))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("%s", endpoint.arn)
            await self._failed(endpoint, f"Request to service failed. {type(error).__name__}: {error}")

    async def _renew(self, endpoint: Resource, name: str) -> None:
        wanted, before = endpoint.document["_wanted"], endpoint.document["EndpointConfigName"]
        config = endpoint.document.get("_wanted_config", before)
        asynchronous, archives = endpoint.document["_wanted_async"], self._archives(name)
        await self._deploy(name, archives, wanted, asynchronous)

        def serving(document: Params) -> None:
            for member in ("_wanted", "_wanted_config", "_wanted_async", ASYNC, "FailureReason"):
                document.pop(member, None)
            document |= {"_variants": wanted, "EndpointConfigName": config, "EndpointStatus": IN_SERVICE}
            document |= {"ProductionVariants": shown(wanted), **({ASYNC: asynchronous} if asynchronous else {})}
            document["_archives"] = archives.name  # what a later start serves, whatever is in S3 then

        await self._edit(endpoint.arn, serving)
        await asyncio.to_thread(keep_only, archives)

    async def _weigh(self, endpoint: Resource, name: str) -> None:
        wanted = endpoint.document["_weighed"]
        await self.fleets[name].reweigh({each["VariantName"]: (each["weight"], each["instances"]) for each in wanted})
        if queue := self._queues.get(name):
            queue.go_on()

        def weighed(document: Params) -> None:
            document.pop("_weighed")
            document |= {"_variants": wanted, "EndpointStatus": IN_SERVICE, "ProductionVariants": shown(wanted)}

        await self._edit(endpoint.arn, weighed)

    async def _failed(self, endpoint: Resource, reason: str) -> None:
        """Failed, or in service as before the update."""
        log.warning("%s: %s", endpoint.arn, reason)
        serving = endpoint.document["EndpointName"] in self.fleets

        def failed(document: Params) -> None:
            for member in ("_wanted", "_wanted_config", "_wanted_async", "_weighed"):
                document.pop(member, None)
            document |= {"EndpointStatus": IN_SERVICE if serving else "Failed", "FailureReason": reason[:1024]}
            if not serving:
                document.pop("_variants", None)  # nothing runs, and nothing counts against the limit

        await self._edit(endpoint.arn, failed)

    async def _end(self, endpoint: Resource, name: str) -> None:
        await self._queues.stop(name)
        if fleet := self.fleets.pop(name, None):
            await fleet.stop()
        await self._context.on_record(lambda: self._context.control.delete(endpoint))
        await self._queues.forget(name)
        await asyncio.to_thread(shutil.rmtree, self._archives(name).parent, ignore_errors=True)

    def _archives(self, endpoint: str, name: str | None = None) -> Path:
        """The folder of a deployment's models; of a new one where it has no name."""
        return self._folder / "archives" / endpoint / (name or uuid.uuid4().hex[:8])

    async def _edit(self, arn: str, change: Callable[[Params], None]) -> None:
        await asyncio.to_thread(self._context.logs.flush)
        await self._context.on_record(lambda: self._context.control.edit(arn, change))

    async def _deploy(self, name: str, archives: Path, wanted: list[Params], asynchronous: Params | None) -> None:
        """Run these variants, in the place of those that run now; what waits for an answer goes on with them.

        archives: where their models are, or will be. Raises HostingFailed, S3Failed, JobFailed.
        """
        variants = [await fetched(self._context, each, archives) for each in wanted]
        fleet = self.fleets.get(name)
        if fleet is None:
            group, stream = f"/aws/sagemaker/Endpoints/{name}", self._context.logs.stream
            fleet = Fleet(name, self._folder / "running" / name, lambda instance, line: stream(group, instance)(line))
            await fleet.start(variants)
            self.fleets[name] = fleet
        else:
            await fleet.switch(variants)
        await self._queues.renew(name, fleet, asynchronous, wanted[0]["role"])
