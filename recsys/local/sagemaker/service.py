"""Amazon SageMaker as far as the project needs it: an ASGI application over a folder of state.

Training, processing and batch transform run the project's own entry points as local processes, endpoints are fleets of
them (hosting/). What AWS can do and this cannot is refused with a ValidationException that says so.
"""

import asyncio
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recsys.local.sagemaker.access import invoking, needed
from recsys.local.sagemaker.asynchronous import Queues
from recsys.local.sagemaker.control import Control
from recsys.local.sagemaker.endpoints import Endpoints
from recsys.local.sagemaker.jobs.job import Context
from recsys.local.sagemaker.jobs.queue import Jobs
from recsys.local.sagemaker.jobs.training import NAMESPACE as OF_TRAINING
from recsys.local.sagemaker.logs import Logs
from recsys.local.sagemaker.measures import NAMESPACE, Measures
from recsys.local.sagemaker.operations import Operations
from recsys.local.sagemaker.runtime import Runtime
from recsys.local.sagemaker.scaling import Scaling
from recsys.local.sagemaker.wire import RUNTIME, SCALING, Answer, answer, find_operation, parse, refusal
from recsys.local.shared.actor import Actor
from recsys.local.shared.cloudwatch import CloudWatch, Publisher
from recsys.local.shared.errors import ServiceError
from recsys.local.shared.http import Receive, Scope, Send, request_id, respond, whole_body
from recsys.local.shared.store import Store, all_tags

CALLS = {"invocations": "InvokeEndpoint", "async-invocations": "InvokeEndpointAsync"}

Denial = Callable[[Scope, str, str, dict[str, str]], str | None]  # why a request may not do an action on a resource

log = logging.getLogger(__name__)


class SageMaker:
    """SageMaker under `state`; jobs reach S3 and logs at `endpoint`."""

    def __init__(self, state: Path, endpoint: str, region: str, account: str, denial: Denial) -> None:
        self._folder, self._denial = state / "sagemaker", denial
        self._spec = {"endpoint": endpoint, "region": region, "keys": None}
        self._region, self._account = region, account

    def start(self) -> None:
        """Open the state and take up what was under way; on the event loop. Raises LocalError if it cannot be read."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._store = Store(self._folder / "control.sqlite")
        self._actor, self._logs = Actor("sagemaker-control"), Logs(self._spec)
        self._control = Control(self._store, self._region, self._account)
        self._metrics = CloudWatch(self._spec["endpoint"], self._region, OF_TRAINING)
        self._context = Context(self._control, self._actor, self._folder, self._logs, self._put, self._spec)
        measures = Measures()
        queues = Queues(self._context, measures)
        self._jobs, self._endpoints = Jobs(self._context), Endpoints(self._context, queues)
        self._operations = Operations(self._context, self._jobs, self._endpoints)
        self._scaling = Scaling(self._control)
        self._runtime = Runtime(self._endpoints, queues, self._scaling, measures, self._region, self._account)
        self._publisher = Publisher(self._spec["endpoint"], self._region, NAMESPACE, [measures.report])
        self._endpoints.resume(self._store.find("Endpoint"))
        self._jobs.resume()
        self._scaler = asyncio.ensure_future(self._scaling.run(self._context.on_record, self._operations.reweigh))
        self._publisher.start()

    def tagged(self) -> dict[str, dict[str, str]]:
        """Tags of every resource by ARN, for the tagging API beside it."""
        return all_tags(self._folder / "control.sqlite")

    async def quiesce(self) -> None:
        """End jobs and endpoints, and put the last lines and metrics while this server still answers."""
        self._scaler.cancel()
        await self._jobs.close()
        await self._endpoints.close()
        await asyncio.to_thread(self._logs.close)
        await asyncio.to_thread(self._publisher.stop)

    def stop(self) -> None:
        """Everything acknowledged is on disk already."""
        self._actor.close()
        self._store.close()
        shutil.rmtree(self._folder / "endpoints" / "running", ignore_errors=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await whole_body(receive)
        status, headers, content = await self._answer(scope, body)
        await respond(send, status, content, *headers, (b"x-amzn-requestid", request_id()))

    async def _answer(self, scope: Scope, body: bytes) -> Answer:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            if found := RUNTIME.fullmatch(scope["path"]):
                return await self._call(scope, found["verb"], found["endpoint"], headers, body)
            return await self._operate(scope, headers.get("x-amz-target", ""), body)
        except ServiceError as error:
            return refusal(error)
        except Exception as error:
            log.exception("%s %s failed", scope["path"], headers.get("x-amz-target", ""))
            return refusal(ServiceError("InternalFailure", f"{type(error).__name__}: {error}", 500))

    async def _operate(self, scope: Scope, target: str, body: bytes) -> Answer:
        operation = find_operation(target)
        params = parse(operation, body)
        if operation.service == SCALING:
            self._check(scope, f"{operation.service}:{operation.name}", "*", {})
            scaled = await self._context.on_record(lambda: self._scaling.answer(operation.name, params))
            return answer(operation, scaled)
        for need in needed(self._control, operation.name, params):
            self._check(scope, *need)
        return answer(operation, await self._operations.answer(operation.name, params))

    async def _call(self, scope: Scope, verb: str, endpoint: str, headers: dict[str, str], body: bytes) -> Answer:
        if verb not in CALLS:
            raise ServiceError("ValidationError", f"The embedded SageMaker does not do this: {verb}")
        self._check(scope, *invoking(self._control, CALLS[verb], endpoint))
        invoke = self._runtime.invoke if verb == "invocations" else self._runtime.invoke_async
        return await invoke(endpoint, headers, body)

    def _check(self, scope: Scope, action: str, resource: str, keys: dict[str, str]) -> None:
        """Raises AccessDeniedException where the signer may not do it."""
        if reason := self._denial(scope, action, resource, keys):
            raise ServiceError("AccessDeniedException", reason)

    def _put(self, data: list[dict[str, Any]]) -> None:
        """Metrics of a job; what CloudWatch refuses is lost."""
        asyncio.get_running_loop().run_in_executor(None, self._metrics.put, data)
