"""What SageMaker holds of an environment is found by its tags, and goes in an order that works."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sagemaker_requests import IMAGE, training
from waiting import eventually

from recsys.deploy import cleanup, prices
from recsys.deploy.standing import billed_now

Client = Callable[[str], Any]


@pytest.fixture
def tags(environment: Any) -> list[dict[str, str]]:
    return [{"Key": "project", "Value": "recsys"}, {"Key": "stage", "Value": environment.suffix}]


def begin(client: Client, name: str, outputs: dict[str, str], tags: list[dict[str, str]]) -> None:
    """A training job that takes a while."""
    rows = [f"u{user},i{(user * step) % 97},{1_700_000_000 + step}" for user in range(400) for step in range(1, 40)]
    body = "\n".join(["USER_ID,ITEM_ID,TIMESTAMP", *rows]).encode()
    client("s3").put_object(Bucket=outputs["BucketName"], Key="sagemaker/interactions/interactions.csv", Body=body)
    place = f"s3://{outputs['BucketName']}/sagemaker"
    request = training(name, f"{place}/interactions/", f"{place}/models", outputs["SageMakerRoleArn"], Tags=tags)
    client("sagemaker").create_training_job(**request, HyperParameters={"budget_seconds": "3600"})


def ended(client: Client, name: str) -> bool:
    return client("sagemaker").describe_training_job(TrainingJobName=name)["TrainingJobStatus"] != "InProgress"


def left(client: Client, name: str, role: str, tags: list[dict[str, str]]) -> None:
    """An endpoint that failed, what it is made of, and a registered model, all under one name."""
    sagemaker, container = client("sagemaker"), {"Image": IMAGE, "ModelDataUrl": "s3://nowhere/model.tar.gz"}
    sagemaker.create_model_package_group(ModelPackageGroupName=name, Tags=tags)
    types = {"SupportedContentTypes": ["application/json"], "SupportedResponseMIMETypes": ["application/json"]}
    sagemaker.create_model_package(
        ModelPackageGroupName=name, InferenceSpecification={"Containers": [container], **types}
    )
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role, Tags=tags)
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large"}
    variants = [{**variant, "InitialInstanceCount": 1}]
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, Tags=tags)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=tags)
    eventually(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Failed")


def test_everything_goes_before_the_bucket_and_a_job_that_runs_is_stopped(
    environment: Any, client: Client, tags: list[dict[str, str]]
) -> None:
    name, outputs = f"shop-{environment.suffix}", environment.grown("bucket")
    left(client, name, outputs["SageMakerRoleArn"], tags)
    begin(client, name, outputs, tags)
    log = {"logGroupName": f"/aws/sagemaker/Endpoints/{name}"}
    if not client("logs").describe_log_groups(logGroupNamePrefix=log["logGroupName"])["logGroups"]:
        client("logs").create_log_group(**log)  # as an endpoint's containers would
    found = cleanup.find(environment.group, environment.stack, environment.suffix)
    assert [line.partition(":000000000000:")[2] for line in found[:6]] == [
        f"training-job/{name}",
        f"endpoint/{name}",
        f"endpoint-config/{name}",
        f"model/{name}",
        f"model-package/{name}/1",
        f"model-package-group/{name}",
    ]
    assert "objects and versions in s3://" in found[6]
    said: list[str] = []
    assert cleanup.destroy(environment.group, environment.stack, environment.suffix, report=said.append) == []
    assert any(f"training-job/{name}: stopped" in line for line in said)
    assert cleanup.find(environment.group, environment.stack, environment.suffix) == []
    assert client("sagemaker").describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "Stopped"
    assert not client("logs").describe_log_groups(logGroupNamePrefix=log["logGroupName"])["logGroups"]


def test_an_endpoint_that_no_stack_knows_of_is_among_what_stands(
    environment: Any, client: Client, tags: list[dict[str, str]]
) -> None:
    name, outputs = f"shop-{environment.suffix}", environment.grown("bucket")
    left(client, name, outputs["SageMakerRoleArn"], tags)
    found = billed_now(environment.group, environment.stack, prices.load(), stage=environment.suffix)
    assert [each.name for each in found] == [f"endpoint/{name}"]
    client("sagemaker").delete_endpoint_config(EndpointConfigName=name)  # its endpoint goes on without
    assert billed_now(environment.group, environment.stack, prices.load(), stage=environment.suffix) == [
        replace(found[0], hour=0.0, hours=pytest.approx(found[0].hours, abs=0.01))
    ]
    assert cleanup.destroy(environment.group, environment.stack, environment.suffix) == []


def test_what_jobs_wrote_to_a_log_that_all_share_goes_and_what_others_wrote_stays(
    environment: Any, client: Client, tags: list[dict[str, str]]
) -> None:
    name, outputs, logs = f"shop-{environment.suffix}", environment.grown("bucket"), client("logs")
    for each, of in ((name, tags), (f"{name}0", [])):  # whose name begins so, and is of somebody else
        begin(client, each, outputs, of)
        eventually(lambda each=each: ended(client, each))
    log = {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamNamePrefix": name}
    assert len(logs.describe_log_streams(**log)["logStreams"]) == 2
    found = cleanup.find(environment.group, environment.stack, environment.suffix)
    assert [line for line in found if line.startswith(f"AWS::Logs::LogStream {log['logGroupName']}:{name}/")]
    assert not [line for line in found if f"{name}0" in line]

    client("sqs").create_queue(QueueName=f"{name}-stray", tags={each["Key"]: each["Value"] for each in tags})

    def last_words(line: str) -> None:
        """What the job still had to say when nearly everything is gone."""
        if line.startswith("AWS::SQS::Queue "):
            logs.create_log_stream(logGroupName=log["logGroupName"], logStreamName=f"{name}/late")

    assert cleanup.destroy(environment.group, environment.stack, environment.suffix, report=last_words) == []
    (other,) = logs.describe_log_streams(**log)["logStreams"]
    assert other["logStreamName"].startswith(f"{name}0/")
