"""The daily batch over a SageMaker endpoint: everybody served or accounted for, killed half-way and resumed.

`python -m benchmarks.batch --endpoint` ends with this. The batch processor is a process of its own that gets SIGKILL
once half of the users are in the checkpoint, and a second one goes on.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from benchmarks.batch_worker import DAY
from benchmarks.embedded import BUCKET
from recsys import aws, deploy
from recsys.data.generate import generate
from recsys.deploy import prices
from recsys.deploy.ingestion import BATCH_UNITS, SCAN_UNITS
from recsys.deploy.prices import Prices

NAME, IMAGE, INSTANCE = "batch-benchmark", "0.dkr.ecr.us-east-1.amazonaws.com/recsys:1", "ml.m5.large"
WORKER = "benchmarks.batch_worker"
SHOP = {"users": 2_000, "items": 2_000, "seed": 7}
FUNCTION_GB = 1.0  # of the batch processor
EVENTS = 5  # a profile: of 100,000 profiles with 25 the tables in memory would take gigabytes


def measure(users: int) -> None:
    """Run the batch over a table of so many users, kill it, run it again, check, print."""
    killed, seconds = until_half(users)
    print(f"killed after {seconds:.0f} s with {killed:,} of {users:,} users in the checkpoint")
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", WORKER], check=True, stdout=subprocess.DEVNULL)
    seconds += time.perf_counter() - started
    told(users, seconds)


def told(users: int, seconds: float) -> None:
    """Check that nobody is missing or there twice, then print how many, how fast, at what cost."""
    results = document("results.json")
    listed = [entry["userId"] for entry in results["users"]]
    if results["found"] != users or len(set(listed)) != len(listed) or len(listed) != results["served"]:
        raise SystemExit(f"{results['found']:,} found, {results['served']:,} served, {len(set(listed)):,} listed")
    if users != sum(results[kind] for kind in ("served", "failed", "expired")):
        raise SystemExit("somebody is not accounted for")
    counts = ", ".join(f"{results[kind]:,} {kind}" for kind in ("served", "failed", "expired"))
    print(f"resumed: {counts}, each once; {seconds:.0f} s in all, {users / seconds:,.0f} users a second")
    known = prices.load()
    for what, hour in ((f"an {INSTANCE} while the batch runs", known.sagemaker.hour(INSTANCE)), ("a campaign", None)):
        usd = million_users(1e6 * seconds / users, known, hour)
        parts = ", ".join(f"{name} {each:.2f}" for name, each in usd.items())
        print(f"over {what}: {sum(usd.values()):.2f} USD per million users ({parts}; prices of {known.as_of})")


def million_users(seconds: float, prices: Prices, endpoint_hour: float | None = None) -> dict[str, float]:
    """USD of a daily batch for a million users, in which the function works so many seconds, by what takes it.

    With `endpoint_hour`, in USD, it asks an endpoint that stands for as long; without one a campaign.
    """
    price = prices.dynamodb
    campaign = 1000 * prices.personalize.requests_1000
    return {
        "recommending": campaign if endpoint_hour is None else seconds / 3600 * endpoint_hour,
        "function": seconds * FUNCTION_GB * prices.lambda_.gb_second,
        "profiles": BATCH_UNITS * price.writes_million + SCAN_UNITS * price.reads_million,
    }


def until_half(users: int) -> tuple[int, float]:
    """Run the batch until half of the users are served, then kill it: how many were, and its seconds."""
    started = time.perf_counter()
    worker = subprocess.Popen([sys.executable, "-m", WORKER], stdout=subprocess.DEVNULL)
    while (done := served()) < users / 2 and worker.poll() is None:
        time.sleep(0.2)
    worker.kill()
    worker.wait()
    return max(done, served()), time.perf_counter() - started


def served() -> int:
    """Users in the checkpoint."""
    try:
        return sum(segment["served"] for segment in document("checkpoint.json")["segments"])
    except ClientError:
        return 0


def document(name: str) -> dict[str, Any]:
    return json.load(aws.client("s3").get_object(Bucket=BUCKET, Key=f"batch-results/{DAY}/{name}")["Body"])


def hosted() -> None:
    """An endpoint with a model that a training job made of a generated shop; makes bucket, catalogue and role."""
    aws.client.cache_clear()
    s3, sagemaker = aws.client("s3"), aws.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    shop = generate(**SHOP)
    deploy.publish_popular(BUCKET, shop.interactions, shop.items)
    s3.put_object(Bucket=BUCKET, Key="tables/interactions.csv", Body=shop.interactions.to_csv(index=False).encode())
    arn = role()
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/tables/"}}
    sagemaker.create_training_job(
        TrainingJobName=NAME,
        HyperParameters={"budget_seconds": "5"},
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn=arn,
        InputDataConfig=[{"ChannelName": "interactions", "DataSource": source}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models/"},
        ResourceConfig={"InstanceType": INSTANCE, "InstanceCount": 1, "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
    )
    trained = settled(lambda: sagemaker.describe_training_job(TrainingJobName=NAME), "TrainingJobStatus", "Completed")
    container = {"Image": IMAGE, "ModelDataUrl": trained["ModelArtifacts"]["S3ModelArtifacts"]}
    sagemaker.create_model(ModelName=NAME, PrimaryContainer=container, ExecutionRoleArn=arn)
    variant = {"VariantName": "AllTraffic", "ModelName": NAME, "InstanceType": INSTANCE, "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    settled(lambda: sagemaker.describe_endpoint(EndpointName=NAME), "EndpointStatus", "InService")


def role() -> str:
    """ARN of a role with which SageMaker may use the bucket."""
    iam = aws.client("iam")
    allow = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    access = {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject", "s3:PutObject"], "Resource": "*"}
    trust, policy = ({"Version": "2012-10-17", "Statement": [each]} for each in (allow, access))
    made = iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=NAME, PolicyName="data", PolicyDocument=json.dumps(policy))
    return made


def settled(describe: Callable[[], dict[str, Any]], member: str, status: str) -> dict[str, Any]:
    """What is described once it came to `status`."""
    while (found := describe())[member] != status:
        if found[member] in ("Failed", "Stopped"):
            raise SystemExit(f"{found[member]}: {found.get('FailureReason')}")
        time.sleep(0.1)
    return found
