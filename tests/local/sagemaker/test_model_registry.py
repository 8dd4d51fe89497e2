"""Models, endpoint configurations, model packages."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sagemaker_requests import IMAGE, configure, named

Make = Callable[..., Any]


@pytest.fixture
def group(sagemaker: Any) -> str:
    name = named("group")
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return name


def package(sagemaker: Any, group: str, artefact: str, **members: Any) -> str:
    specification = {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": artefact}],
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    request = {"ModelPackageGroupName": group, "InferenceSpecification": specification, **members}
    return sagemaker.create_model_package(**request)["ModelPackageArn"]


def test_versions_of_a_group_are_numbered(sagemaker: Any, group: str, artefact: str) -> None:
    arns = [package(sagemaker, group, artefact) for _ in range(2)]
    assert [arn.rpartition(":")[2] for arn in arns] == [f"model-package/{group}/1", f"model-package/{group}/2"]
    listed = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert [each["ModelPackageVersion"] for each in listed] == [1, 2]


def test_versions_and_packages_of_their_own_are_listed_by_type(sagemaker: Any, group: str, artefact: str) -> None:
    version, name = package(sagemaker, group, artefact), named("alone")
    specification = sagemaker.describe_model_package(ModelPackageName=version)["InferenceSpecification"]
    alone = sagemaker.create_model_package(ModelPackageName=name, InferenceSpecification=specification)

    def listed(**asked: str) -> set[str]:
        found = sagemaker.list_model_packages(MaxResults=100, **asked)["ModelPackageSummaryList"]
        return {each["ModelPackageArn"] for each in found} & {version, alone["ModelPackageArn"]}

    assert listed() == listed(ModelPackageType="Unversioned") == {alone["ModelPackageArn"]}
    assert listed(ModelPackageType="Versioned") == listed(ModelPackageGroupName=group) == {version}
    assert listed(ModelPackageType="Both") == {version, alone["ModelPackageArn"]}


@pytest.mark.parametrize("members", [{"ModelPackageName": "own"}, {"Tags": [{"Key": "team", "Value": "shop"}]}])
def test_a_version_has_neither_a_name_nor_tags_of_its_own(
    sagemaker: Any, group: str, artefact: str, members: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        package(sagemaker, group, artefact, **members)
    package(sagemaker, group, artefact, Tags=[])


def test_only_an_approved_version_becomes_a_model(sagemaker: Any, group: str, artefact: str, role: str) -> None:
    arn = package(sagemaker, group, artefact)
    request = {"PrimaryContainer": {"ModelPackageName": arn}, "ExecutionRoleArn": role}
    with pytest.raises(ClientError, match="not approved"):
        sagemaker.create_model(ModelName=named("model"), **request)
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    name = named("model")
    sagemaker.create_model(ModelName=name, **request)
    assert sagemaker.describe_model(ModelName=name)["PrimaryContainer"]["ModelPackageName"] == arn


def test_a_group_with_versions_is_not_deleted(sagemaker: Any, group: str, artefact: str) -> None:
    arn = package(sagemaker, group, artefact)
    with pytest.raises(ClientError) as caught:
        sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    assert caught.value.response["Error"]["Code"] == "ConflictException"
    sagemaker.delete_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_model_package_group(ModelPackageGroupName=group)


def test_a_configuration_of_a_model_that_is_not_there_is_refused(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match="Could not find model"):
        configure(sagemaker, named("config"), "nobody")


def test_a_name_is_free_again_after_a_delete(sagemaker: Any, model: str) -> None:
    name = named("config")
    configure(sagemaker, name, model)
    with pytest.raises(ClientError, match="Cannot create already existing endpoint configuration"):
        configure(sagemaker, name, model)
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    configure(sagemaker, name, model)
