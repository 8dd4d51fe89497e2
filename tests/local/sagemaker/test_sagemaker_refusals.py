"""What AWS refuses, and what AWS would take and the embedded SageMaker cannot do, is refused before anything begins."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sagemaker_requests import BUCKET, IMAGE, INSTANCE, named

PLACE = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/interactions/"}
CHANNEL = {"ChannelName": "a", "DataSource": {"S3DataSource": PLACE}}
FILE = {"S3DataSource": {"S3DataType": "AugmentedManifestFile", "S3Uri": f"s3://{BUCKET}/interactions/"}}
MODELLESS = {"VariantName": "A", "InstanceType": "ml.m5.large"}
PRODUCT = {**MODELLESS, "ModelName": "no-such"}


def refusal(call: Any, request: dict[str, Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    return caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"AlgorithmSpecification": {"TrainingInputMode": "File"}}, "without AlgorithmSpecification.TrainingImage"),
        ({"ResourceConfig": {**INSTANCE, "InstanceCount": 2, "VolumeSizeInGB": 5}}, "InstanceCount must be 1"),
        ({"InputDataConfig": [CHANNEL, CHANNEL]}, "Duplicate channel names"),
        ({"InputDataConfig": [{**CHANNEL, "ChannelName": ".."}]}, "cannot be those of folders"),
        ({"InputDataConfig": [{**CHANNEL, "DataSource": FILE}]}, "only an S3DataSource of type S3Prefix"),
        ({"InputDataConfig": [{**CHANNEL, "CompressionType": "Gzip"}]}, "`train` reads .gz files itself"),
        ({"EnableManagedSpotTraining": True}, "Invalid MaxWaitTimeInSeconds"),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": IMAGE,
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "m", "Regex": "("}],
                }
            },
            "Invalid regular expression of metric m",
        ),
    ],
)
def test_a_training_job_that_cannot_run_is_refused(
    train: Callable[..., str], members: dict[str, Any], reason: str
) -> None:
    assert reason in refusal(train, members)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        (
            {"ProcessingResources": {"ClusterConfig": {**INSTANCE, "InstanceCount": 2, "VolumeSizeInGB": 5}}},
            "must be 1",
        ),
        ({"ProcessingInputs": [{"InputName": "in", "AppManaged": True}]}, "input in: only an S3Input"),
        (
            {"ProcessingInputs": [{"InputName": "in", "S3Input": {**PLACE, "S3InputMode": "Pipe", "LocalPath": "/x"}}]},
            "input in: only S3InputMode File",
        ),
        (
            {"ProcessingInputs": [{"InputName": "in", "S3Input": {**PLACE, "S3InputMode": "File", "LocalPath": "/x"}}]},
            "LocalPath '/x' must be an absolute path below /opt/ml",
        ),
        (
            {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "AppManaged": True}]}},
            "output out: only an S3Output",
        ),
    ],
)
def test_a_processing_job_that_cannot_run_is_refused(
    sagemaker: Any, role: str, members: dict[str, Any], reason: str
) -> None:
    request = {
        "ProcessingJobName": named("job"),
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["prepare"]},
        "ProcessingResources": {"ClusterConfig": {**INSTANCE, "VolumeSizeInGB": 5}},
        "RoleArn": role,
    }
    assert reason in refusal(sagemaker.create_processing_job, request | members)


@pytest.mark.parametrize(
    ("given", "members", "reason"),
    [
        ({"DataSource": FILE}, {}, "transform input other than an S3Prefix"),
        ({"SplitType": "RecordIO"}, {}, "SplitType other than None and Line"),
        ({}, {"DataCaptureConfig": {"DestinationS3Uri": "s3://b/c"}}, "data capture of a transform job"),
        ({}, {"TransformResources": {**INSTANCE, "InstanceCount": 2}}, "InstanceCount must be 1"),
    ],
)
def test_a_transform_job_that_cannot_run_is_refused(
    sagemaker: Any, model: str, given: dict[str, Any], members: dict[str, Any], reason: str
) -> None:
    source = {"DataSource": {"S3DataSource": PLACE}, **given}
    request = {
        "TransformJobName": named("job"),
        "ModelName": model,
        "TransformInput": source,
        "TransformOutput": {"S3OutputPath": "s3://b/out"},
        "TransformResources": INSTANCE,
    }
    assert reason in refusal(sagemaker.create_transform_job, request | members)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "You must provide at least one container"),
        ({"Containers": [{"Image": IMAGE}]}, "inference pipelines: give a PrimaryContainer"),
        ({"PrimaryContainer": {"Image": IMAGE, "Mode": "MultiModel"}}, "must provide ModelDataUrl"),
        (
            {
                "PrimaryContainer": {
                    "Image": IMAGE,
                    "ModelDataSource": {
                        "S3DataSource": {**PLACE, "CompressionType": "None"},
                    },
                }
            },
            "model data that is not a model.tar.gz",
        ),
    ],
)
def test_a_model_that_cannot_be_hosted_is_refused(
    sagemaker: Any, role: str, members: dict[str, Any], reason: str
) -> None:
    request = {"ModelName": named("model"), "ExecutionRoleArn": role, **members}
    assert reason in refusal(sagemaker.create_model, request)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"ProductionVariants": [MODELLESS]}, "inference components: a production variant needs a ModelName"),
        ({"ProductionVariants": [PRODUCT, PRODUCT]}, "Duplicate production variant names"),
        ({"ShadowProductionVariants": [PRODUCT]}, "ShadowProductionVariants of an endpoint configuration"),
    ],
)
def test_an_endpoint_configuration_that_cannot_serve_is_refused(
    sagemaker: Any, members: dict[str, Any], reason: str
) -> None:
    request = {"EndpointConfigName": named("config"), "ProductionVariants": [PRODUCT]}
    assert reason in refusal(sagemaker.create_endpoint_config, request | members)


def test_a_variant_without_an_instance_is_refused(sagemaker: Any, model: str) -> None:
    request = {
        "EndpointConfigName": named("config"),
        "ProductionVariants": [{"VariantName": "A", "ModelName": model}],
    }
    assert "needs an InstanceType or a ServerlessConfig" in refusal(sagemaker.create_endpoint_config, request)


def test_a_model_package_is_named_or_in_a_group_and_not_both(sagemaker: Any) -> None:
    group = named("group")
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    both = {"ModelPackageName": "p", "ModelPackageGroupName": group}
    tagged = {"ModelPackageGroupName": group, "Tags": [{"Key": "k", "Value": "v"}]}
    for request, reason in (({}, "must be given"), (both, "has no name"), (tagged, "Tags cannot be given")):
        assert reason in refusal(sagemaker.create_model_package, request)


def test_what_is_not_there_has_no_tags(sagemaker: Any) -> None:
    arn = "arn:aws:sagemaker:us-east-1:000000000000:model/no-such"
    assert "Could not find resource" in refusal(sagemaker.list_tags, {"ResourceArn": arn})
