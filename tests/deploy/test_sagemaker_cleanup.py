"""What SageMaker holds of an environment is found by its tags, and goes in an order that works."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from waiting import eventually

from recsys.deploy import cleanup

Client = Callable[[str], Any]
IMAGE, VARIANT = "0.dkr.ecr.us-east-1.amazonaws.com/recsys:1", "AllTraffic"


@pytest.fixture
def tags(environment: Any) -> list[dict[str, str]]:
    return [{"Key": "project", "Value": "recsys"}, {"Key": "stage", "Value": environment.suffix}]


@pytest.fixture
def job(environment: Any, client: Client, tags: list[dict[str, str]]) -> Iterator[Callable[..., str]]:
    """`job("name", model="popularity")`: a training job that was begun; answers its name."""
    outputs = environment.grown("bucket")
    bucket = outputs["BucketName"]
    rows = [f"u{user},i{(user * step) % 97},{1_700_000_000 + step}" for user in range(400) for step in range(1, 40)]
    body = "\n".join(["USER_ID,ITEM_ID,TIMESTAMP", *rows])
    client("s3").put_object(Bucket=bucket, Key="tables/interactions.csv", Body=body.encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/tables/"}

    def begun(name: str, **hyperparameters: str) -> str:
        client("sagemaker").create_training_job(
            TrainingJobName=f"{name}-{environment.suffix}",
            HyperParameters=hyperparameters,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            RoleArn=outputs["SageMakerRoleArn"],
            InputDataConfig=[{"ChannelName": "interactions", "DataSource": {"S3DataSource": source}}],
            OutputDataConfig={"S3OutputPath": f"s3://{bucket}/models/"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
            Tags=tags,
        )
        return f"{name}-{environment.suffix}"

    yield begun
    assert cleanup.destroy(environment.group, environment.stack, environment.suffix) == []


def artefact(client: Client, job: str) -> str:
    """Where the model of a job lies that is over."""

    def ended() -> dict[str, Any] | None:
        found = client("sagemaker").describe_training_job(TrainingJobName=job)
        return found if found["TrainingJobStatus"] != "InProgress" else None

    found = eventually(ended)
    assert found["TrainingJobStatus"] == "Completed", found
    return found["ModelArtifacts"]["S3ModelArtifacts"]


def hosted(client: Client, name: str, model: str, role: str, tags: list[dict[str, str]]) -> None:
    """A scaled endpoint of a registered model, all under one name."""
    sagemaker, container = client("sagemaker"), {"Image": IMAGE, "ModelDataUrl": model}
    sagemaker.create_model_package_group(ModelPackageGroupName=name, Tags=tags)
    types = {"SupportedContentTypes": ["application/json"], "SupportedResponseMIMETypes": ["application/json"]}
    sagemaker.create_model_package(
        ModelPackageGroupName=name, InferenceSpecification={"Containers": [container], **types}
    )
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role, Tags=tags)
    variant = {"VariantName": VARIANT, "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], Tags=tags)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=tags)
    eventually(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService")
    client("application-autoscaling").register_scalable_target(**target(name), MinCapacity=1, MaxCapacity=2)


def target(endpoint: str) -> dict[str, str]:
    named = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    return {**named, "ResourceId": f"endpoint/{endpoint}/variant/{VARIANT}"}


def test_everything_goes_before_the_bucket_and_a_job_that_runs_is_stopped(
    environment: Any, client: Client, tags: list[dict[str, str]], job: Callable[..., str]
) -> None:
    name, ended = f"shop-{environment.suffix}", job("ended", model="popularity")
    hosted(client, name, artefact(client, ended), environment.grown("bucket")["SageMakerRoleArn"], tags)
    running = job("running", budget_seconds="3600")
    found = cleanup.find(environment.group, environment.stack, environment.suffix)
    assert [line.partition(":000000000000:")[2] for line in found[:6]] == [
        f"training-job/{running}",
        f"endpoint/{name}",
        f"endpoint-config/{name}",
        f"model/{name}",
        f"model-package/{name}/1",
        f"model-package-group/{name}",
    ]
    assert "objects and versions in s3://" in found[6] and ended not in json.dumps(found)
    said: list[str] = []
    assert cleanup.destroy(environment.group, environment.stack, environment.suffix, report=said.append) == []
    assert any(f"training-job/{running}: stopped" in line for line in said)
    status = client("sagemaker").describe_training_job(TrainingJobName=running)["TrainingJobStatus"]
    targets = client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")
    assert (status, [each["ResourceId"] for each in targets["ScalableTargets"] if name in each["ResourceId"]]) == (
        "Stopped",
        [],
    )
