"""What tests of SageMaker share: requests with their usual members, waiting for an endpoint."""

import itertools
from collections.abc import Callable
from typing import Any

from waiting import eventually

IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/recsys:latest"
BUCKET = "sagemaker-tests"
INSTANCE = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
METRIC = {"Name": "test:ndcg_at_10", "Regex": r"\[metric\] test:ndcg_at_10=([0-9.]+)"}
NUMBERS = itertools.count(1)

Make = Callable[..., Any]


def named(kind: str) -> str:
    """A name nobody has yet."""
    return f"{kind}-{next(NUMBERS)}"


def training(name: str, source: str, output: str, role: str, **members: Any) -> dict[str, Any]:
    """The request for a training job on the interactions at `source`, both s3:// URIs; `members` beside or instead."""
    place = {"S3DataType": "S3Prefix", "S3Uri": source}
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": role,
        "InputDataConfig": [{"ChannelName": "interactions", "DataSource": {"S3DataSource": place}}],
        "OutputDataConfig": {"S3OutputPath": output},
        "ResourceConfig": {**INSTANCE, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    } | members


def make_model(sagemaker: Any, role: str, artefact: str, **container: Any) -> str:
    name = named("model")
    primary = {"Image": IMAGE, "ModelDataUrl": artefact, **container}
    sagemaker.create_model(ModelName=name, PrimaryContainer=primary, ExecutionRoleArn=role)
    return name


def configure(sagemaker: Any, name: str, *models: str, **members: Any) -> None:
    """An endpoint configuration; the variants are called A, B and so on, `members` are further ones of the request."""
    variants = [
        {"VariantName": letter, "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        for letter, model in zip("AB", models, strict=False)
    ]
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, **members)


def settled(sagemaker: Any, name: str) -> dict[str, Any]:
    """The endpoint once nothing is done to it."""

    def found() -> dict[str, Any] | None:
        description = sagemaker.describe_endpoint(EndpointName=name)
        return description if description["EndpointStatus"] in ("InService", "Failed") else None

    return eventually(found)


def put(client: Make, key: str, body: bytes) -> str:
    """An object in the bucket; its address."""
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
    return f"s3://{BUCKET}/{key}"
