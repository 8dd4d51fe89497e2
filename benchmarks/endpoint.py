"""A SageMaker endpoint on the embedded AWS: one user a call, many users a call, an update under load, batch transform.

    python -m benchmarks.endpoint
    python -m benchmarks.endpoint --items 2000 --users 5000 --requests 300

A model of the project is trained as a training job on synthetic interactions (benchmarks/scale.py), hosted, and asked
through boto3's InvokeEndpoint, one client, one request at a time. Beside it stands what no answer through boto3 can be
faster than: the same client asking for an endpoint that is not there, which no container sees.
"""

import argparse
import itertools
import json
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.machine import machine
from benchmarks.scale import synthetic
from benchmarks.serving import server

IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/recsys:latest"
ROLE = "arn:aws:iam::000000000000:role/sagemaker"
BUCKET, NAME = "benchmark", "benchmark"
EVENTS_A_USER = 12
MANY = 1_000  # users in one call
CLIENTS = 4  # while the endpoint is updated

Client = Callable[..., Any]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=3_000)
    options = parser.parse_args()
    print(f"{machine()}; {options.items:,} items, {options.users:,} users\n")
    with tempfile.TemporaryDirectory(prefix="recsys-benchmark-") as state, server(Path(state)) as client:
        client("s3").create_bucket(Bucket=BUCKET)
        users = uploaded(client, Path(state), options.items, options.users)
        timed("training job", lambda: trained(client))
        timed("endpoint in service", lambda: hosted(client))
        latencies(client, users, options.requests)
        many(client, users)
        updated(client, users)
        scored(client, users)


def uploaded(client: Client, folder: Path, items: int, users: int) -> list[str]:
    """Interactions in S3; the users' ids."""
    seqs = synthetic(EVENTS_A_USER * users, users, items)
    rows = {
        "USER_ID": seqs.user_ids[seqs.users],
        "ITEM_ID": seqs.item_ids[seqs.codes],
        "TIMESTAMP": 1_700_000_000 + seqs.positions,
    }
    path = folder / "interactions.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    client("s3").upload_file(str(path), BUCKET, "interactions/interactions.csv")
    return [str(user) for user in np.random.default_rng(0).permutation(seqs.user_ids)]


def trained(client: Client) -> None:
    """A training job of a few seconds' search, and the model it leaves."""
    sagemaker = client("sagemaker")
    place = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/interactions/"}
    sagemaker.create_training_job(
        TrainingJobName=NAME,
        HyperParameters={"budget_seconds": "5"},
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn=ROLE,
        InputDataConfig=[{"ChannelName": "interactions", "DataSource": {"S3DataSource": place}}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
    )
    job = settled(lambda: sagemaker.describe_training_job(TrainingJobName=NAME), "TrainingJobStatus")
    artefact = job["ModelArtifacts"]["S3ModelArtifacts"]
    container = {"Image": IMAGE, "ModelDataUrl": artefact}
    sagemaker.create_model(ModelName=NAME, PrimaryContainer=container, ExecutionRoleArn=ROLE)


def hosted(client: Client) -> None:
    variant = {"VariantName": "A", "ModelName": NAME, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    client("sagemaker").create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
    client("sagemaker").create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    settled(lambda: client("sagemaker").describe_endpoint(EndpointName=NAME), "EndpointStatus")


def latencies(client: Client, users: list[str], requests: int) -> None:
    """One user a call."""
    runtime = client("sagemaker-runtime")

    def nobody() -> None:
        try:
            runtime.invoke_endpoint(EndpointName="nobody", Body=b"{}")
        except runtime.exceptions.ClientError:
            return

    turns = itertools.cycle(users)
    calls = {"boto3 and the server alone": nobody, "one user, 10 items": lambda: ask(runtime, next(turns))}
    rows: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(requests):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            rows[name].append(1e3 * (time.perf_counter() - started))
    for name, found in rows.items():
        p50, p95, p99 = np.percentile(found[100:], [50, 95, 99])
        print(f"{name:28} p50 {p50:6.2f} ms   p95 {p95:6.2f} ms   p99 {p99:6.2f} ms", flush=True)


def many(client: Client, users: list[str]) -> None:
    """So many users a call that the call itself costs nothing."""
    runtime, calls = client("sagemaker-runtime"), max(1, min(10, len(users) // MANY))
    started = time.perf_counter()
    for number in range(calls):
        ask(runtime, *users[MANY * number : MANY * (number + 1)])
    speed = MANY * calls / (time.perf_counter() - started)
    print(f"{f'{MANY:,} users a call':28} {speed:,.0f} users/s", flush=True)


def updated(client: Client, users: list[str]) -> None:
    """Another configuration while clients go on asking."""
    sagemaker, going, counts, faults = client("sagemaker"), threading.Event(), [0] * CLIENTS, []
    going.set()

    def asking(number: int) -> None:
        runtime = client("sagemaker-runtime")
        while going.is_set():
            try:
                ask(runtime, users[(7 * number + counts[number]) % len(users)])
            except Exception as error:
                faults.append(error)
            counts[number] += 1

    threads = [threading.Thread(target=asking, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    variant = {"VariantName": "A", "ModelName": NAME, "InitialInstanceCount": 2, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName=f"{NAME}-2", ProductionVariants=[variant])
    sagemaker.update_endpoint(EndpointName=NAME, EndpointConfigName=f"{NAME}-2")
    settled(lambda: sagemaker.describe_endpoint(EndpointName=NAME), "EndpointStatus")
    time.sleep(1)
    going.clear()
    for thread in threads:
        thread.join()
    print(f"{'update under load':28} {sum(counts):,} calls of {CLIENTS} clients, {len(faults)} failed", flush=True)


def scored(client: Client, users: list[str]) -> None:
    """Batch transform of every user."""
    sagemaker = client("sagemaker")
    lines = "".join(json.dumps({"userId": user}) + "\n" for user in users)
    client("s3").put_object(Bucket=BUCKET, Key="users/all.jsonl", Body=lines.encode())
    place = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/users/"}
    kind = "application/jsonlines"

    def transform() -> None:
        sagemaker.create_transform_job(
            TransformJobName=NAME,
            ModelName=NAME,
            TransformInput={"DataSource": {"S3DataSource": place}, "ContentType": kind, "SplitType": "Line"},
            TransformOutput={"S3OutputPath": f"s3://{BUCKET}/scored", "Accept": kind, "AssembleWith": "Line"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )
        settled(lambda: sagemaker.describe_transform_job(TransformJobName=NAME), "TransformJobStatus")

    timed(f"batch transform, {len(users):,}", transform)
    answers = client("s3").get_object(Bucket=BUCKET, Key="scored/all.jsonl.out")["Body"].read()
    print(f"{'':28} {answers.count(b'known'):,} answers, {len(answers) / 2**20:,.0f} MiB")


def ask(runtime: Any, *users: str) -> bytes:
    body = {"userId": users[0]} if len(users) == 1 else {"instances": [{"userId": user} for user in users]}
    request = {"EndpointName": NAME, "Body": json.dumps(body), "ContentType": "application/json"}
    return runtime.invoke_endpoint(**request)["Body"].read()


def settled(describe: Callable[[], dict[str, Any]], member: str) -> dict[str, Any]:
    """The description once nothing is in progress. Raises SystemExit where it failed."""
    while (found := describe())[member] in ("InProgress", "Creating", "Updating"):
        time.sleep(0.1)
    if found[member] not in ("Completed", "InService") or "FailureReason" in found:
        raise SystemExit(f"{found[member]}: {found.get('FailureReason')}")
    return found


def timed(name: str, work: Callable[[], None]) -> None:
    started = time.perf_counter()
    work()
    print(f"{name:28} {time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
