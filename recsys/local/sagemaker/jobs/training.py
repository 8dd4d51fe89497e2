"""Training jobs: channels in, the entry point `train`, its metrics scraped, the model out."""

import asyncio
import json
import shutil
import tarfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from recsys.local.sagemaker import images
from recsys.local.sagemaker.control import Control
from recsys.local.sagemaker.errors import unsupported
from recsys.local.sagemaker.jobs.job import IN_PROGRESS, Job, JobFailed, Params
from recsys.local.sagemaker.jobs.scraping import Scraper, compiled
from recsys.local.sagemaker.jobs.storage import S3Failed, Storage, files
from recsys.local.sagemaker.kinds import KINDS
from recsys.local.shared.errors import broken

NAMESPACE = "/aws/sagemaker/TrainingJobs"
INTERRUPTED = (-15, 143)  # exit statuses of a process that was sent SIGTERM
SYNC_SECONDS = 5.0  # between two looks for new checkpoints
DAY = 86_400
FAST_GZIP = 1
MESSAGES = {
    "Starting": "Starting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "Interrupted": "Training job interrupted",
}


def prepare(control: Control, params: Params) -> Params:
    """The document of a new training job. Raises ValidationException for what AWS or we cannot do."""
    algorithm, resources = params.get("AlgorithmSpecification", {}), params.get("ResourceConfig", {})
    if "TrainingImage" not in algorithm or "InstanceType" not in resources:
        raise unsupported("a training job without AlgorithmSpecification.TrainingImage and ResourceConfig.InstanceType")
    images.check(algorithm["TrainingImage"])
    images.command(algorithm["TrainingImage"], *_line(algorithm))
    if resources.get("InstanceCount", 1) != 1:
        raise unsupported("distributed training: ResourceConfig.InstanceCount must be 1")
    channels = [channel["ChannelName"] for channel in params.get("InputDataConfig", [])]
    if len(set(channels)) < len(channels):
        raise broken(f"Duplicate channel names: {channels}")
    if {".", ".."} & set(channels):
        raise broken(f"Channel names that cannot be those of folders: {channels}")
    for channel in params.get("InputDataConfig", []):
        source = channel["DataSource"].get("S3DataSource")
        if source is None or source["S3DataType"] != "S3Prefix":
            raise unsupported(f"channel {channel['ChannelName']}: only an S3DataSource of type S3Prefix")
        if channel.get("CompressionType", "None") != "None":
            raise unsupported(f"channel {channel['ChannelName']}: CompressionType; `train` reads .gz files itself")
        if "Pipe" in (channel.get("InputMode"), algorithm["TrainingInputMode"]):
            raise unsupported("the input mode Pipe: File and FastFile are the same here")
    stopping = params.setdefault("StoppingCondition", {})
    stopping.setdefault("MaxRuntimeInSeconds", DAY)
    spot = params.get("EnableManagedSpotTraining", False)
    if spot and stopping.get("MaxWaitTimeInSeconds", 0) < stopping["MaxRuntimeInSeconds"]:
        raise broken(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
        )
    for definition in algorithm.get("MetricDefinitions", []):
        compiled(definition)
    return {
        **params,
        "TrainingJobStatus": IN_PROGRESS,
        "SecondaryStatus": "Starting",
        "SecondaryStatusTransitions": [_transition("Starting", time.time())],
        "ModelArtifacts": {"S3ModelArtifacts": _artefact(params)},
        "EnableManagedSpotTraining": spot,
        "EnableNetworkIsolation": params.get("EnableNetworkIsolation", False),
        "EnableInterContainerTrafficEncryption": params.get("EnableInterContainerTrafficEncryption", False),
    }


class TrainingJob(Job):
    """One training job at work."""

    kind = KINDS["TrainingJob"]

    async def run(self) -> None:
        storage = await self.context.storage(self.document["RoleArn"])
        base = self.folder / "ml"
        await self.turn("Downloading")
        await asyncio.to_thread(self._channels, storage, base)
        self.check()
        await self.turn("Training", TrainingStartTime=time.time())
        await self._train(storage, base)
        await self.turn("Uploading")
        await asyncio.to_thread(self._upload, storage, base)

    async def turn(self, status: str, **members: Any) -> None:
        """The next secondary status."""
        now = time.time()
        history = [each if "EndTime" in each else {**each, "EndTime": now} for each in self._transitions]
        await self.change(
            SecondaryStatus=status, SecondaryStatusTransitions=[*history, _transition(status, now)], **members
        )

    def ended(self, status: str, secondary: str, reason: str) -> Params:
        now, last = time.time(), secondary or status
        history = [each if "EndTime" in each else {**each, "EndTime": now} for each in self._transitions]
        message = f"{MESSAGES['Failed']}: {reason}" if reason else MESSAGES[last]
        final = {**_transition(last, now), "EndTime": now, "StatusMessage": message}
        begun = self.document.get("TrainingStartTime")
        seconds = (
            {"TrainingTimeInSeconds": int(now - begun), "BillableTimeInSeconds": int(now - begun)} if begun else {}
        )
        return {
            **super().ended(status, secondary, reason),
            **seconds,
            "SecondaryStatus": last,
            "SecondaryStatusTransitions": [*history, final],
            "TrainingEndTime": now,
        }

    @property
    def _transitions(self) -> list[Params]:
        return self.document["SecondaryStatusTransitions"]

    def _channels(self, storage: Storage, base: Path) -> None:
        """Everything the entry point reads, below base/input."""
        for name in ("input", "model", "output"):
            shutil.rmtree(base / name, ignore_errors=True)
        for name in ("input/config", "input/data", "model", "output/data", "checkpoints"):
            (base / name).mkdir(parents=True, exist_ok=True)
        inputs = {}
        for channel in self.document.get("InputDataConfig", []):
            uri, name = channel["DataSource"]["S3DataSource"]["S3Uri"], channel["ChannelName"]
            storage.download(uri, base / "input/data" / name)
            inputs[name] = {
                "TrainingInputMode": "File",
                "ContentType": channel.get("ContentType"),
                "RecordWrapperType": "None",
                "S3DistributionType": "FullyReplicated",
            }
        hosts = {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"}
        hosts["current_instance_type"] = self.document["ResourceConfig"]["InstanceType"]
        written = {
            "hyperparameters": self.document.get("HyperParameters", {}),
            "inputdataconfig": inputs,
            "resourceconfig": hosts,
        }
        for name, value in written.items():
            (base / f"input/config/{name}.json").write_text(json.dumps(value))
        checkpoints = self.document.get("CheckpointConfig")
        if checkpoints and not any((base / "checkpoints").iterdir()):  # those of a job that was cut short are newer
            with suppress(S3Failed):  # there may be none yet
                storage.download(f"{checkpoints['S3Uri'].rstrip('/')}/", base / "checkpoints")

    async def _train(self, storage: Storage, base: Path) -> None:
        """Run the entry point; one of a spot job that was interrupted is run again. Raises JobFailed, JobStopped."""
        algorithm = self.document["AlgorithmSpecification"]
        module, arguments = images.command(algorithm["TrainingImage"], *_line(algorithm))
        more = {**self.document.get("Environment", {}), "TRAINING_JOB_NAME": self.name, "TRAINING_JOB_ARN": self.arn}
        put, scraper = self.stream("TrainingJobs", self.name), Scraper(algorithm.get("MetricDefinitions", []))

        def take(line: str) -> None:
            put(line)
            if found := scraper.scrape(line):
                self.context.put([_datum(self.name, name, value) for name, value in found])

        async def keep(saved: dict[str, float]) -> None:
            try:
                await asyncio.to_thread(self._save_checkpoints, storage, base / "checkpoints", saved)
            except (S3Failed, OSError) as error:
                put(f"checkpoints are not saved: {error}")

        limit = time.time() + self.document["StoppingCondition"]["MaxRuntimeInSeconds"]
        syncing = asyncio.ensure_future(_every(SYNC_SECONDS, keep))
        try:
            while True:
                code = await self.entry_point(module, arguments, base, more, take, max(1.0, limit - time.time()))
                if code not in INTERRUPTED or not self.document["EnableManagedSpotTraining"]:
                    break
                await self.turn("Interrupted")
                await self.turn("Training")
        finally:
            syncing.cancel()
            await asyncio.gather(syncing, return_exceptions=True)
            await keep({})
            if scraper.last:
                await self.change(FinalMetricDataList=scraper.final())
        if code:
            raise JobFailed(_algorithm_error(base / "output/failure", code))

    def _save_checkpoints(self, storage: Storage, folder: Path, saved: dict[str, float]) -> None:
        config = self.document.get("CheckpointConfig")
        for path in files(folder) if config else ():
            if path.name.startswith("."):  # a draft, which is renamed at any moment
                continue
            name, changed = path.relative_to(folder).as_posix(), path.stat().st_mtime
            if changed > saved.get(name, 0.0):
                saved[name] = changed
                storage.put(path, f"{config['S3Uri'].rstrip('/')}/{name}")

    def _upload(self, storage: Storage, base: Path) -> None:
        folder = _artefact(self.document).rpartition("/")[0]
        for name, content in (("model", base / "model"), ("output", base / "output/data")):
            if name == "model" or any(content.iterdir()):
                archive = self.folder / f"{name}.tar.gz"
                with tarfile.open(archive, "w:gz", compresslevel=FAST_GZIP) as tar:
                    for path in sorted(content.iterdir()):
                        tar.add(path, path.name)
                storage.put(archive, f"{folder}/{name}.tar.gz")


async def _every(seconds: float, keep: Callable[[dict[str, float]], Awaitable[None]]) -> None:
    saved: dict[str, float] = {}
    while True:
        await asyncio.sleep(seconds)
        await keep(saved)


def _line(algorithm: Params) -> tuple[list[str], list[str]]:
    """Entry point and arguments; SageMaker runs an image as `train` where none is given."""
    return algorithm.get("ContainerEntrypoint", ["train"]), algorithm.get("ContainerArguments", [])


def _artefact(document: Params) -> str:
    return (
        f"{document['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{document['TrainingJobName']}/output/model.tar.gz"
    )


def _transition(status: str, at: float) -> Params:
    return {"Status": status, "StartTime": at, "StatusMessage": MESSAGES[status]}


def _datum(job: str, name: str, value: float) -> Params:
    return {
        "MetricName": name,
        "Dimensions": [{"Name": "TrainingJobName", "Value": job}],
        "Timestamp": time.time(),
        "Value": value,
    }


def _algorithm_error(failure: Path, code: int) -> str:
    """The reason of an entry point that failed: what it left in output/failure, as SageMaker shows it."""
    told = failure.read_text(errors="replace").strip() if failure.is_file() else ""
    return f"AlgorithmError: {told or 'see the job log'}, exit code: {code}"
