"""Processing jobs: inputs from S3, an entry point, outputs to S3."""

import asyncio
import json
import shutil
import time
from pathlib import Path

from recsys.local.sagemaker import images
from recsys.local.sagemaker.control import Control
from recsys.local.sagemaker.errors import unsupported
from recsys.local.sagemaker.jobs.job import IN_PROGRESS, Job, JobFailed, Params
from recsys.local.sagemaker.jobs.storage import Storage
from recsys.local.sagemaker.kinds import KINDS
from recsys.local.shared.errors import broken

ROOT = "/opt/ml"  # what paths of a container begin with
DAY = 86_400


def prepare(control: Control, params: Params) -> Params:
    """The document of a new processing job. Raises ValidationException."""
    app, cluster = params["AppSpecification"], params["ProcessingResources"]["ClusterConfig"]
    images.command(app["ImageUri"], *_line(app))
    if cluster["InstanceCount"] != 1:
        raise unsupported("distributed processing: InstanceCount must be 1")
    for each in params.get("ProcessingInputs", []):
        if "S3Input" not in each:
            raise unsupported(f"input {each['InputName']}: only an S3Input")
        modes = {"S3DataType": "S3Prefix", "S3InputMode": "File", "S3CompressionType": "None"}
        if other := [name for name, only in modes.items() if each["S3Input"].get(name, only) != only]:
            raise unsupported(f"input {each['InputName']}: only {other[0]} {modes[other[0]]}")
        _local(each["S3Input"].get("LocalPath", ""))
    for each in params.get("ProcessingOutputConfig", {}).get("Outputs", []):
        if "S3Output" not in each:
            raise unsupported(f"output {each['OutputName']}: only an S3Output")
        if each["S3Output"]["S3UploadMode"] != "EndOfJob":
            raise unsupported(f"output {each['OutputName']}: only S3UploadMode EndOfJob")
        _local(each["S3Output"].get("LocalPath", ""))
    return {**params, "ProcessingJobStatus": IN_PROGRESS}


class ProcessingJob(Job):
    """One processing job at work."""

    kind = KINDS["ProcessingJob"]

    async def run(self) -> None:
        storage = await self.context.storage(self.document["RoleArn"])
        base = self.folder / "ml"
        await asyncio.to_thread(self._inputs, storage, base)
        await self.change(ProcessingStartTime=time.time())
        app = self.document["AppSpecification"]
        module, arguments = images.command(app["ImageUri"], *_line(app))
        arguments = [each.replace(ROOT, str(base), 1) if each.startswith(ROOT) else each for each in arguments]
        seconds = self.document.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DAY)
        take = self.stream("ProcessingJobs", self.name)
        code = await self.entry_point(module, arguments, base, self.document.get("Environment", {}), take, seconds)
        message = base / "output/message"
        told = message.read_text(errors="replace")[:1024] if message.is_file() else ""
        if told:
            await self.change(ExitMessage=told)
        if code:
            failure = base / "output/failure"
            told = failure.read_text(errors="replace").strip() if failure.is_file() else told
            raise JobFailed(f"AlgorithmError: {told or 'See job logs for more information'}, exit code: {code}")
        await asyncio.to_thread(self._outputs, storage, base)

    def ended(self, status: str, secondary: str, reason: str) -> Params:
        return {**super().ended(status, secondary, reason), "ProcessingEndTime": time.time()}

    def _inputs(self, storage: Storage, base: Path) -> None:
        shutil.rmtree(base, ignore_errors=True)
        (base / "config").mkdir(parents=True)
        (base / "output").mkdir()
        (base / "config/processingjobconfig.json").write_text(json.dumps(self.document, default=str))
        for each in self.document.get("ProcessingInputs", []):
            storage.download(each["S3Input"]["S3Uri"], base / _local(each["S3Input"]["LocalPath"]))
        for each in self._wanted:
            (base / _local(each["LocalPath"])).mkdir(parents=True, exist_ok=True)

    def _outputs(self, storage: Storage, base: Path) -> None:
        for each in self._wanted:
            storage.upload(base / _local(each["LocalPath"]), each["S3Uri"])

    @property
    def _wanted(self) -> list[Params]:
        return [each["S3Output"] for each in self.document.get("ProcessingOutputConfig", {}).get("Outputs", [])]


def _line(app: Params) -> tuple[list[str], list[str]]:
    return app.get("ContainerEntrypoint", []), app.get("ContainerArguments", [])


def _local(path: str) -> str:
    """A container's path below /opt/ml, as SageMaker asks for it. Raises ValidationException."""
    if not path.startswith(f"{ROOT}/") or ".." in Path(path).parts:
        raise broken(f"LocalPath {path!r} must be an absolute path below {ROOT}/processing")
    return path.removeprefix(ROOT).lstrip("/")
