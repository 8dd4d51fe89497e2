"""SageMaker behind the embedded AWS: a bucket with interactions, a role, and one small trained model."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sagemaker_requests import BUCKET, IMAGE, METRIC, Make, configure, make_model, named, settled, training
from waiting import eventually


@pytest.fixture(scope="session")
def sagemaker(client: Make) -> Any:
    return client("sagemaker")


@pytest.fixture(scope="session")
def role(client: Make) -> str:
    """The ARN of a role that SageMaker may assume."""
    allow = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    found = client("iam").create_role(RoleName="sagemaker-tests", AssumeRolePolicyDocument=policy)["Role"]
    access = {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject", "s3:PutObject"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [access]})
    client("iam").put_role_policy(RoleName="sagemaker-tests", PolicyName="data", PolicyDocument=document)
    return found["Arn"]


@pytest.fixture(scope="session")
def bucket(client: Make) -> str:
    """Interactions of 30 users at s3://sagemaker-tests/interactions/."""
    s3 = client("s3")
    s3.create_bucket(Bucket=BUCKET)
    rows = [f"u{user},i{(user * step) % 12},{1_700_000_000 + step}" for user in range(30) for step in range(1, 8)]
    s3.put_object(Bucket=BUCKET, Key="interactions/all.csv", Body="\n".join(["USER_ID,ITEM_ID,TIMESTAMP", *rows]))
    return BUCKET


@pytest.fixture(scope="session")
def train(sagemaker: Any, role: str, bucket: str) -> Make:
    """Start a training job; members given replace those of the request. Its name."""

    def started(hyperparameters: dict[str, str] | None = None, channel: str = "interactions", **members: Any) -> str:
        scraped = {"TrainingImage": IMAGE, "TrainingInputMode": "File", "MetricDefinitions": [METRIC]}
        asked = {"HyperParameters": hyperparameters or {"model": "popularity"}, "AlgorithmSpecification": scraped}
        place = f"s3://{bucket}/interactions/"
        request = training(named("train"), place, f"s3://{bucket}/models", role, **asked)
        request["InputDataConfig"][0]["ChannelName"] = channel
        request |= members
        sagemaker.create_training_job(**request)
        return request["TrainingJobName"]

    return started


@pytest.fixture(scope="session")
def ended(sagemaker: Any) -> Callable[[str], dict[str, Any]]:
    """Wait for the end of a training job; its description."""

    def described(name: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            job = sagemaker.describe_training_job(TrainingJobName=name)
            return job if job["TrainingJobStatus"] not in ("InProgress", "Stopping") else None

        return eventually(found)

    return described


@pytest.fixture(scope="session")
def trained(train: Make, ended: Make) -> dict[str, Any]:
    """A training job that is done."""
    return ended(train())


@pytest.fixture(scope="session")
def artefact(trained: dict[str, Any]) -> str:
    return trained["ModelArtifacts"]["S3ModelArtifacts"]


@pytest.fixture(scope="session")
def model(sagemaker: Any, role: str, artefact: str) -> str:
    """The name of a model."""
    return make_model(sagemaker, role, artefact)


@pytest.fixture(scope="session")
def endpoint(sagemaker: Any, model: str) -> Iterator[str]:
    """The name of an endpoint in service."""
    name = named("endpoint")
    configure(sagemaker, name, model)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    settled(sagemaker, name)
    yield name
    sagemaker.delete_endpoint(EndpointName=name)
