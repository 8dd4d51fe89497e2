"""What was acknowledged survives a kill: endpoints serve again, a training cut short goes on from its checkpoint."""

import json
import resource
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import ports
import psutil
import pytest
from botocore.config import Config
from sagemaker_requests import configure, make_model, settled, training
from waiting import eventually

BUCKET = "durable"
ROLE = "arn:aws:iam::000000000000:role/anyone"


class Server:
    """A server of its own that can be killed and started again."""

    def __init__(self, state: Path, port: int) -> None:
        self.state, self.endpoint = state, f"http://127.0.0.1:{port}"
        self.command = [sys.executable, "-m", "recsys.local.server", "--port", str(port), "--state", str(state)]
        self._clients: dict[str, Any] = {}
        self.start()

    def start(self) -> None:
        with (self.state / "server.log").open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, start_new_session=True)
        eventually(self.healthy)

    def healthy(self) -> bool:
        try:
            return urllib.request.urlopen(f"{self.endpoint}/_recsys/health", timeout=2).status == 200
        except OSError:
            return False

    def kill(self) -> list[psutil.Process]:
        """As `kill -9` does; the processes it had started."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait()
        return children

    def client(self, service: str) -> Any:
        if service not in self._clients:
            keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
            config = Config(retries={"max_attempts": 1})
            self._clients[service] = boto3.client(service, endpoint_url=self.endpoint, config=config, **keys)
        return self._clients[service]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One state through all these interruptions."""
    made = Server(tmp_path_factory.mktemp("durable"), ports.free_port())
    yield made
    made.process.send_signal(signal.SIGTERM)
    made.process.wait(timeout=30)


@pytest.fixture(scope="module")
def train(server: Server) -> Callable[..., None]:
    """Start a training on 60 users whose next item can be learned."""
    rows = [f"u{u},i{(u + 3 * s) % 40},{1_700_000_000 + s}" for u in range(60) for s in range(12)]
    s3 = server.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="in/all.csv", Body="\n".join(["USER_ID,ITEM_ID,TIMESTAMP", *rows]))

    def started(name: str, hyperparameters: dict[str, str], **members: Any) -> None:
        request = training(name, f"s3://{BUCKET}/in/", f"s3://{BUCKET}/out", ROLE, HyperParameters=hyperparameters)
        request["StoppingCondition"]["MaxWaitTimeInSeconds"] = 600
        checkpoints = {"CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/checkpoints/{name}"}}
        server.client("sagemaker").create_training_job(**request, **checkpoints, **members)

    return started


def finished(server: Server, name: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        job = server.client("sagemaker").describe_training_job(TrainingJobName=name)
        return job if job["TrainingJobStatus"] != "InProgress" else None

    return eventually(found)


@pytest.fixture(scope="module")
def artefact(server: Server, train: Callable[..., None]) -> str:
    """Of a model that serves as the endpoint called live."""
    train("quick", {"model": "popularity"})
    found = finished(server, "quick")["ModelArtifacts"]["S3ModelArtifacts"]
    serve(server.client("sagemaker"), "live", found)
    return found


def serve(sagemaker: Any, name: str, artefact: str, **members: Any) -> None:
    """An endpoint; `members` are further ones of its configuration."""
    configure(sagemaker, name, make_model(sagemaker, ROLE, artefact), **members)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    settled(sagemaker, name)


def keys(server: Server, prefix: str) -> set[str]:
    listed = server.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    return {f"s3://{BUCKET}/{each['Key']}" for each in listed.get("Contents", [])}


@pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="needs Linux's prlimit")
def test_a_job_that_ends_on_a_full_disk_is_recorded_once_there_is_room(
    server: Server, train: Callable[..., None]
) -> None:
    train("full", {"budget_seconds": "5"})
    checkpoints = server.state / "sagemaker/training-job/full/ml/checkpoints"
    eventually(lambda: list(checkpoints.glob("*.json")))
    process = psutil.Process(server.process.pid)
    process.rlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    eventually(lambda: not list(checkpoints.glob("*.json")))  # it has ended, and makes room
    process.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert finished(server, "full")["TrainingJobStatus"] == "Failed"


def test_a_spot_job_that_is_interrupted_goes_on(server: Server, train: Callable[..., None]) -> None:
    train("spot", {"budget_seconds": "5"}, EnableManagedSpotTraining=True)
    checkpoints = server.state / "sagemaker/training-job/spot/ml/checkpoints"
    eventually(lambda: list(checkpoints.glob("*.json")))
    children = psutil.Process(server.process.pid).children(recursive=True)
    (training,) = [each for each in children if "recsys.sagemaker.container.train" in each.cmdline()]
    training.terminate()
    job = finished(server, "spot")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert "Interrupted" in [each["Status"] for each in job["SecondaryStatusTransitions"]]


def test_after_a_kill_endpoints_serve_and_training_goes_on(
    server: Server, train: Callable[..., None], artefact: str
) -> None:
    sagemaker = server.client("sagemaker")
    into = {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/answers"}}
    serve(sagemaker, "queue", artefact, AsyncInferenceConfig=into)
    train("slow", {"budget_seconds": "5"})
    checkpoints = server.state / "sagemaker/training-job/slow/ml/checkpoints"
    eventually(lambda: list(checkpoints.glob("*.json")))
    runtime, question = server.client("sagemaker-runtime"), {"EndpointName": "queue", "ContentType": "application/json"}
    accepted = [runtime.invoke_endpoint_async(**question, Body=b'{"userId": "u1"}') for _ in range(20)]

    children = server.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive  # nothing outlives the server
    server.start()

    request = {"EndpointName": "live", "Body": b'{"userId": "u1"}', "ContentType": "application/json"}
    answer = runtime.invoke_endpoint(**request)["Body"].read()
    assert json.loads(answer)["known"]  # the first call already, as it waits for what is in service
    eventually(lambda: keys(server, "answers/") == {each["OutputLocation"] for each in accepted})
    job = finished(server, "slow")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    logs = server.client("logs")
    streams = logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix="slow/")
    where = {"logGroupName": "/aws/sagemaker/TrainingJobs", "startFromHead": True}
    lines = [
        event["message"]
        for stream in streams["logStreams"]
        for event in logs.get_log_events(**where, logStreamName=stream["logStreamName"])["events"]
    ]
    assert any(line.startswith("resuming: ") for line in lines), lines
    sagemaker.delete_endpoint(EndpointName="queue")


def test_an_endpoint_serves_on_when_its_archive_has_left_s3(server: Server, artefact: str) -> None:
    sagemaker, s3 = server.client("sagemaker"), server.client("s3")
    s3.copy_object(Bucket=BUCKET, Key="once.tar.gz", CopySource=artefact.removeprefix("s3://"))
    serve(sagemaker, "kept", f"s3://{BUCKET}/once.tar.gz")
    s3.delete_object(Bucket=BUCKET, Key="once.tar.gz")
    server.kill()
    server.start()
    request = {"EndpointName": "kept", "Body": b'{"userId": "u1"}', "ContentType": "application/json"}
    answer = server.client("sagemaker-runtime").invoke_endpoint(**request)["Body"].read()
    assert json.loads(answer)["known"]
    sagemaker.delete_endpoint(EndpointName="kept")


def test_a_server_that_stops_waits_for_no_training_and_what_it_takes_up_can_be_deleted(
    server: Server, train: Callable[..., None], artefact: str
) -> None:
    sagemaker = server.client("sagemaker")
    train("long", {"budget_seconds": "300"})
    eventually(lambda: list((server.state / "sagemaker/training-job/long/ml/checkpoints").glob("*.json")))
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(timeout=30)
    server.start()
    sagemaker.delete_endpoint(EndpointName="live")  # before its processes are up again
    with pytest.raises(sagemaker.exceptions.ClientError, match="in-progress"):
        sagemaker.delete_endpoint(EndpointName="live")
    assert sagemaker.describe_training_job(TrainingJobName="long")["TrainingJobStatus"] == "InProgress"
    eventually(lambda: not sagemaker.list_endpoints()["Endpoints"])
    serving = [each.cmdline() for each in psutil.Process(server.process.pid).children(recursive=True)]
    assert not [line for line in serving if "recsys.sagemaker.container.serve" in line]
