"""Batch transform: every object under a prefix through a container of the model, answers beside each other in S3."""

import asyncio
import gzip
import shutil
import time
from pathlib import Path
from typing import BinaryIO

from recsys.local.sagemaker import images
from recsys.local.sagemaker.control import Control
from recsys.local.sagemaker.errors import unsupported
from recsys.local.sagemaker.hosting.container import Container
from recsys.local.sagemaker.hosting.errors import HostingFailed, TransformFailed
from recsys.local.sagemaker.hosting.transform import NO_PING, Plan, transform
from recsys.local.sagemaker.jobs.job import IN_PROGRESS, Job, JobFailed, Params
from recsys.local.sagemaker.jobs.storage import Storage
from recsys.local.sagemaker.kinds import KINDS
from recsys.local.sagemaker.models import MULTI, container
from recsys.local.shared.clients import split

ALONGSIDE = 2  # requests at a time where none are asked for: one answered, one on its way


def prepare(control: Control, params: Params) -> Params:
    """The document of a new transform job. Raises ValidationException."""
    source = params["TransformInput"]["DataSource"]["S3DataSource"]
    model = control.find(KINDS["Model"], params["ModelName"])
    if source["S3DataType"] != "S3Prefix":
        raise unsupported("transform input other than an S3Prefix")
    if params["TransformInput"].get("SplitType", "None") not in ("None", "Line"):
        raise unsupported("SplitType other than None and Line")
    if params["TransformInput"].get("CompressionType", "None") not in ("None", "Gzip"):
        raise unsupported("CompressionType other than None and Gzip")
    if params.get("DataProcessing", {}).keys() - {"JoinSource"} or (
        params.get("DataProcessing", {}).get("JoinSource", "None") != "None"
    ):
        raise unsupported("DataProcessing: filters and joins")
    if params.get("DataCaptureConfig"):
        raise unsupported("data capture of a transform job")
    if params["TransformResources"]["InstanceCount"] != 1:
        raise unsupported("more than one instance: TransformResources.InstanceCount must be 1")
    definition = container(control, model.document["PrimaryContainer"])
    if definition["Mode"] == MULTI:
        raise unsupported("batch transform with a multi-model container")
    role = model.document.get("ExecutionRoleArn")
    return {**params, "TransformJobStatus": IN_PROGRESS, "_container": definition, "_role": role}


class TransformJob(Job):
    """One transform job at work."""

    kind = KINDS["TransformJob"]

    async def run(self) -> None:
        work, stopped = asyncio.ensure_future(self._steps()), asyncio.ensure_future(self.stop_asked.wait())
        try:
            await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():  # one payload can take minutes: it is not waited for
                self.check()
            await work
        finally:
            stopped.cancel()
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _steps(self) -> None:
        storage = await self.context.storage(self.document["_role"])
        shutil.rmtree(self.folder, ignore_errors=True)
        definition, log = self.document["_container"], self.stream("TransformJobs", self.name)
        found = await asyncio.to_thread(storage.below, self._source)
        environment = {**definition["Environment"], **self.document.get("Environment", {}), **self._plan.environment}
        served = Container(self.folder / "ml", log, environment, images.module("serve"))
        try:
            await served.unpack(
                await self._model(storage, definition["ModelDataUrl"]), definition["ModelDataUrl"] or ""
            )
            await served.launch()
            await served.ready(NO_PING)
            await self.change(TransformStartTime=time.time())
            for bucket, key in found:
                await self._one(storage, served, bucket, key)
        except HostingFailed as error:
            raise JobFailed(f"AlgorithmError: {error.reason}") from error
        except (gzip.BadGzipFile, EOFError) as error:
            raise JobFailed(f"ClientError: the input is not a whole gzip file: {error}") from error
        except TransformFailed as error:
            for line in error.details:
                log(line)
            raise JobFailed(f"{error.reason} ({'; '.join(error.details)})") from error
        finally:
            await served.stop()

    def ended(self, status: str, secondary: str, reason: str) -> Params:
        return {**super().ended(status, secondary, reason), "TransformEndTime": time.time()}

    @property
    def _source(self) -> str:
        return self.document["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]

    async def _model(self, storage: Storage, url: str) -> Path | None:
        if not url:
            return None
        return await asyncio.to_thread(storage.fetch, *split(url), self.folder / "model.tar.gz")

    async def _one(self, storage: Storage, served: Container, bucket: str, key: str) -> None:
        """One object: to disk, through the container, to S3 under its name with .out."""
        _, prefix = split(self._source)
        below = key.removeprefix(prefix).lstrip("/") or key.rpartition("/")[2]
        source, target = self.folder / "in", self.folder / "out"
        await asyncio.to_thread(storage.fetch, bucket, key, source)
        with self._opened(source) as content, target.open("wb") as out:
            async for piece in transform(served, content, self._plan):
                out.write(piece)
        path = self.document["TransformOutput"]["S3OutputPath"].rstrip("/")
        await asyncio.to_thread(storage.put, target, f"{path}/{below}.out")

    def _opened(self, path: Path) -> BinaryIO:
        zipped = self.document["TransformInput"].get("CompressionType") == "Gzip"
        return gzip.open(path, "rb") if zipped else path.open("rb")

    @property
    def _plan(self) -> Plan:
        given, into, client = self.document["TransformInput"], self.document["TransformOutput"], "ModelClientConfig"
        limits = self.document.get(client, {})
        return Plan(
            content_type=given.get("ContentType", ""),
            accept=into.get("Accept", ""),
            split=given.get("SplitType", "None"),
            strategy=self.document.get("BatchStrategy", "MultiRecord"),
            assemble=into.get("AssembleWith", "None"),
            max_payload_mb=self.document.get("MaxPayloadInMB", 6),
            max_concurrent=self.document.get("MaxConcurrentTransforms") or ALONGSIDE,
            timeout=limits.get("InvocationsTimeoutInSeconds", 600),
            retries=limits.get("InvocationsMaxRetries", 3),
        )
