"""The operations of the control plane, each a function of the service and the checked parameters."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from recsys.local.sagemaker import deployments, models
from recsys.local.sagemaker.control import Control
from recsys.local.sagemaker.endpoints import Endpoints
from recsys.local.sagemaker.errors import unsupported
from recsys.local.sagemaker.jobs import processing, training, transform
from recsys.local.sagemaker.jobs.job import IN_PROGRESS, STOPPING, Context, stop_request
from recsys.local.sagemaker.jobs.queue import Jobs
from recsys.local.sagemaker.jobs.storage import S3Failed, Storage
from recsys.local.sagemaker.kinds import Kind, verb_and_kind
from recsys.local.shared.errors import broken
from recsys.local.shared.store import Resource

PREPARE: dict[str, Callable[[Control, dict[str, Any]], dict[str, Any]]] = {
    "TrainingJob": training.prepare,
    "ProcessingJob": processing.prepare,
    "TransformJob": transform.prepare,
    "Model": models.prepare_model,
    "EndpointConfig": models.prepare_config,
    "Endpoint": deployments.prepare,
    "ModelPackageGroup": models.prepare_group,
}
JOBS = ("TrainingJob", "ProcessingJob", "TransformJob")

Params = dict[str, Any]


class Operations:
    """Answers control plane requests. Records change on their own thread, work is begun on the event loop."""

    def __init__(self, context: Context, jobs: Jobs, endpoints: Endpoints) -> None:
        self._context, self._control, self._jobs, self._endpoints = context, context.control, jobs, endpoints
        self._stopping: set[asyncio.Task[None]] = set()
        self._special: dict[str, Callable[[Params], Awaitable[Params | None]]] = {
            "UpdateEndpoint": partial(self._change_endpoint, deployments.update),
            "UpdateEndpointWeightsAndCapacities": self.reweigh,
            "DeleteEndpoint": self._delete_endpoint,
            "CreateModelPackage": self._on_record(models.create_package),
            "UpdateModelPackage": self._on_record(models.update_package),
            "AddTags": self._on_record(lambda control, asked: control.add_tags(asked["ResourceArn"], asked["Tags"])),
            "ListTags": self._on_record(lambda control, asked: control.tags(asked["ResourceArn"])),
            "DeleteTags": self._on_record(
                lambda control, asked: control.remove_tags(asked["ResourceArn"], asked["TagKeys"])
            ),
        }

    async def answer(self, operation: str, params: Params) -> Params | None:
        """Raises ServiceError."""
        if operation in self._special:
            return await self._special[operation](params)
        found = verb_and_kind(operation)
        if found is None or not hasattr(self, f"_{found[0].lower()}"):
            raise unsupported(operation)
        verb, kind = found
        return await getattr(self, f"_{verb.lower()}")(kind, operation, params)

    def _on_record(self, task: Callable[[Control, Params], Params | None]) -> Callable[[Params], Awaitable[Any]]:
        return lambda params: self._context.on_record(lambda: task(self._control, params))

    async def _create(self, kind: Kind, operation: str, params: Params) -> Params:
        if kind.name in JOBS:
            await self._check_sources(params)

        def create() -> Resource:
            tags = params.pop("Tags", ())
            return self._control.create(kind, PREPARE[kind.name](self._control, params), tags)

        made = await self._context.on_record(create)
        if kind.name in JOBS:
            self._jobs.begin(made)
        elif kind is deployments.ENDPOINT:
            self._endpoints.begin(made)
        return made.document

    async def _describe(self, kind: Kind, operation: str, params: Params) -> Params:
        name = params[kind.name_member]
        return (await self._context.on_record(lambda: self._control.find(kind, name))).document

    async def _list(self, kind: Kind, operation: str, params: Params) -> Params:
        return await self._context.on_record(lambda: self._control.page(kind, operation, params))

    async def _stop(self, kind: Kind, operation: str, params: Params) -> None:
        name = params[kind.name_member]
        job = await self._context.on_record(lambda: stop_request(self._control, kind, name))
        task = asyncio.ensure_future(self._jobs.stop(job.arn))
        self._stopping.add(task)  # kept, so that it is not collected before it is done
        task.add_done_callback(self._stopping.discard)

    async def _delete(self, kind: Kind, operation: str, params: Params) -> None:
        def delete() -> None:
            found = self._control.find(kind, params[kind.name_member])
            if kind.name == "ModelPackageGroup":
                models.check_group(self._control, found)
            if kind.name in JOBS and found.document[kind.status_member] in (IN_PROGRESS, STOPPING):
                raise broken(f"{found.arn} is in status {found.document[kind.status_member]}; stop it first.")
            self._control.delete(found)

        await self._context.on_record(delete)

    async def _change_endpoint(self, change: Callable[[Control, Params], Resource], params: Params) -> Params:
        changed = await self._context.on_record(lambda: change(self._control, params))
        self._endpoints.begin(changed)
        return changed.document

    async def reweigh(self, params: Params) -> Params:
        """UpdateEndpointWeightsAndCapacities, for scaling too."""
        return await self._change_endpoint(deployments.reweigh, params)

    async def _delete_endpoint(self, params: Params) -> None:
        await self._change_endpoint(deployments.delete, params)

    async def _check_sources(self, params: Params) -> None:
        """Raises ValidationException where the role cannot be assumed, or a channel has no objects."""

        def check() -> None:
            storage = Storage(self._context.as_role(params.get("RoleArn")))
            for channel in params.get("InputDataConfig", []):
                uri = channel["DataSource"].get("S3DataSource", {}).get("S3Uri", "")
                try:
                    storage.below(uri)
                except S3Failed as error:
                    raise broken(
                        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the '
                        f"bucket exists in the selected region ({self._control.region}), that objects exist under that "
                        f'S3 prefix, and that the role "{params["RoleArn"]}" has "s3:ListBucket" permissions on the '
                        f"bucket. Error message from S3: {error}"
                    ) from None

        await asyncio.to_thread(check)
