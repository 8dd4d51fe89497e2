"""Endpoints: what runs behind each, and the life cycle of create, update and delete.

A fleet of local processes serves an endpoint. An update starts the new ones first and fails alone: the old ones serve
on, and the endpoint is InService again with a FailureReason, as after AWS's own roll-back.
"""

import asyncio
import logging
import shutil
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from recsys.local.sagemaker import images
from recsys.local.sagemaker.asynchronous import Queue
from recsys.local.sagemaker.errors import unsupported
from recsys.local.sagemaker.hosting import Fleet, HostingFailed, Variant
from recsys.local.sagemaker.jobs.job import Context, JobFailed
from recsys.local.sagemaker.jobs.storage import S3Failed, Storage, split
from recsys.local.sagemaker.kinds import KINDS
from recsys.local.sagemaker.models import MULTI
from recsys.local.sagemaker.variants import check_instances, resolved, shown
from recsys.local.shared.errors import broken
from recsys.local.shared.store import Resource

ENDPOINT = KINDS["Endpoint"]
IN_SERVICE = "InService"
ASYNC = "AsyncInferenceConfig"

Params = dict[str, Any]

log = logging.getLogger(__name__)


class Endpoints:
    """The fleets by the name of their endpoint; the records' status follows them."""

    def __init__(self, context: Context) -> None:
        self._context, self._folder = context, context.folder / "endpoints"
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # one thing at a time to an endpoint
        self._resuming: dict[str, asyncio.Task[None]] = {}
        self.fleets: dict[str, Fleet] = {}
        self.queues: dict[str, Queue] = {}  # of the asynchronous ones

    async def serving(self, name: str) -> Fleet | None:
        """What serves an endpoint; after a start of the server, once that is up again."""
        if name not in self.fleets and name in self._resuming:
            await asyncio.wait([self._resuming[name]])
        return self.fleets.get(name)

    def prepare(self, params: Params) -> Params:
        """The document of a new endpoint. Raises ValidationException, ResourceLimitExceeded."""
        _check_deployment(params)
        config = params["EndpointConfigName"]
        return {
            **params,
            "EndpointStatus": "Creating",
            "_wanted": resolved(self._context.control, config),
            "_wanted_async": self._asynchronous(config),
        }

    def update(self, params: Params) -> Resource:
        """Mark an endpoint as updating to another configuration. Raises as `prepare`."""
        _check_deployment(params)
        found = self._settled(params["EndpointName"], "update")
        wanted = resolved(self._context.control, params["EndpointConfigName"], found.arn)
        if params.get("RetainAllVariantProperties"):
            now = {each["VariantName"]: each for each in found.document["_variants"]}
            for each in wanted:
                if (old := now.get(each["VariantName"])) and "serverless" not in each:
                    each |= {"weight": old["weight"], "instances": old["instances"]}
        config = params["EndpointConfigName"]
        members = {"_wanted": wanted, "_wanted_config": config, "_wanted_async": self._asynchronous(config)}
        return self._context.control.change(found.arn, **members, EndpointStatus="Updating")

    def reweigh(self, params: Params) -> Resource:
        """Mark an endpoint as updating its weights and instance counts. Raises ValidationException."""
        found = self._settled(params["EndpointName"], "update")
        variants = {each["VariantName"]: dict(each) for each in found.document["_variants"]}
        for each in params["DesiredWeightsAndCapacities"]:
            if each["VariantName"] not in variants:
                raise broken(
                    f'The requested variant "{each["VariantName"]}" does not exist in the endpoint "{found.arn}".'
                )
            variant = variants[each["VariantName"]]
            variant["weight"] = each.get("DesiredWeight", variant["weight"])
            variant["instances"] = each.get("DesiredInstanceCount", variant["instances"])
            if not variant["instances"]:
                raise broken(f"DesiredInstanceCount of variant {each['VariantName']} must be at least 1")
        check_instances(self._context.control, list(variants.values()), found.arn)
        return self._context.control.change(found.arn, _weighed=list(variants.values()), EndpointStatus="Updating")

    def delete(self, name: str) -> Resource:
        """Mark an endpoint as being deleted. Raises ValidationException."""
        found = self._context.control.find(ENDPOINT, name)
        if found.document["EndpointStatus"] in ("Creating", "Updating", "Deleting"):
            raise broken(f'Cannot update in-progress endpoint "{found.arn}".')
        return self._context.control.change(found.arn, EndpointStatus="Deleting")

    def begin(self, endpoint: Resource) -> asyncio.Task[None]:
        """Set out on what an endpoint's status says."""
        task = asyncio.ensure_future(self._in_turn(endpoint))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def resume(self, endpoints: list[Resource]) -> None:
        """Take up every endpoint at the start of the server; what runs was ended with the last one."""
        shutil.rmtree(self._folder / "running", ignore_errors=True)
        for path in (self._folder / "waiting").glob("*/*"):
            if path.suffix != ".json":  # half written, or half read
                path.unlink()
        for each in endpoints:
            if each.document["EndpointStatus"] != "Failed":
                self._resuming[each.document["EndpointName"]] = self.begin(each)

    async def close(self) -> None:
        """End every process; the records keep their status, to be taken up."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, *(queue.close() for queue in self.queues.values()), return_exceptions=True)
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
                await self._deploy(name, endpoint.document["_variants"], endpoint.document.get(ASYNC))
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
        asynchronous = endpoint.document["_wanted_async"]
        await self._deploy(name, wanted, asynchronous)

        def serving(document: Params) -> None:
            for member in ("_wanted", "_wanted_config", "_wanted_async", ASYNC, "FailureReason"):
                document.pop(member, None)
            document |= {"_variants": wanted, "EndpointConfigName": config, "EndpointStatus": IN_SERVICE}
            document |= {"ProductionVariants": shown(wanted), **({ASYNC: asynchronous} if asynchronous else {})}

        await self._edit(endpoint.arn, serving)

    async def _weigh(self, endpoint: Resource, name: str) -> None:
        wanted = endpoint.document["_weighed"]
        await self.fleets[name].reweigh({each["VariantName"]: (each["weight"], each["instances"]) for each in wanted})

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
        if queue := self.queues.pop(name, None):
            await queue.close()
        if fleet := self.fleets.pop(name, None):
            await fleet.stop()
        await self._context.on_record(lambda: self._context.control.delete(endpoint))
        for kind in ("archives", "waiting"):
            await asyncio.to_thread(shutil.rmtree, self._folder / kind / name, ignore_errors=True)

    async def _edit(self, arn: str, change: Callable[[Params], None]) -> None:
        await asyncio.to_thread(self._context.logs.flush)
        await self._context.on_record(lambda: self._context.control.edit(arn, change))

    async def _deploy(self, name: str, wanted: list[Params], asynchronous: Params | None) -> None:
        """Run these variants, in the place of those that run now; what waits for an answer goes on with them.

        Raises HostingFailed, S3Failed, JobFailed.
        """
        archives = self._folder / "archives" / name / uuid.uuid4().hex[:8]
        variants = [await self._variant(each, archives) for each in wanted]
        fleet = self.fleets.get(name)
        if fleet is None:
            group, stream = f"/aws/sagemaker/Endpoints/{name}", self._context.logs.stream
            fleet = Fleet(name, self._folder / "running" / name, lambda instance, line: stream(group, instance)(line))
            await fleet.start(variants)
            self.fleets[name] = fleet
        else:
            await fleet.switch(variants)
        if queue := self.queues.pop(name, None):
            await queue.close()
        if asynchronous:
            waiting = self._folder / "waiting" / name
            self.queues[name] = Queue(self._context, waiting, fleet, asynchronous, wanted[0]["role"])
        await asyncio.to_thread(_forget, archives)

    def _asynchronous(self, config_name: str) -> Params | None:
        return self._context.control.find(KINDS["EndpointConfig"], config_name).document.get(ASYNC)

    async def _variant(self, wanted: Params, folder: Path) -> Variant:
        """Its model on disk."""
        definition, storage = wanted["container"], await self._context.storage(wanted["role"])
        url, fetch, model = definition["ModelDataUrl"], None, None
        if definition["Mode"] == MULTI:
            fetch = _fetcher(storage, url, folder / wanted["VariantName"])
        elif url:
            model = await asyncio.to_thread(storage.fetch, *split(url), folder / f"{wanted['VariantName']}.tar.gz")
        return Variant(
            name=wanted["VariantName"],
            model=model,
            url=url or "",
            environment=definition["Environment"],
            instances=wanted["instances"],
            weight=wanted["weight"],
            startup_seconds=wanted["startup_seconds"],
            fetch=fetch,
            module=images.module("serve"),
        )

    def _settled(self, name: str, verb: str) -> Resource:
        found = self._context.control.find(ENDPOINT, name)
        if found.document["EndpointStatus"] != IN_SERVICE:
            raise broken(f'Cannot {verb} in-progress endpoint "{found.arn}".')
        return found


def _fetcher(storage: Storage, prefix: str, folder: Path) -> Callable[[str], Any]:
    async def fetch(target: str) -> Path:
        bucket, key = split(f"{prefix.rstrip('/')}/{target.lstrip('/')}")
        return await asyncio.to_thread(storage.fetch, bucket, key, folder / uuid.uuid4().hex)

    return fetch


def _forget(archives: Path) -> None:
    """Those of earlier deployments are not read again; these are, where more instances are wanted."""
    for path in archives.parent.glob("*"):
        if path != archives:
            shutil.rmtree(path, ignore_errors=True)


def _check_deployment(params: Mapping[str, Any]) -> None:
    config = params.get("DeploymentConfig", {})
    traffic = config.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {}).get("Type", "ALL_AT_ONCE")
    if traffic != "ALL_AT_ONCE" or "RollingUpdatePolicy" in config:
        raise unsupported("a deployment other than blue/green with ALL_AT_ONCE")
