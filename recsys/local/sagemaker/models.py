"""What stands still: models, endpoint configurations, model packages and their groups."""

import time
from typing import Any

from recsys.local.sagemaker import images
from recsys.local.sagemaker.control import Control
from recsys.local.sagemaker.errors import conflict, unsupported
from recsys.local.sagemaker.kinds import KINDS
from recsys.local.shared.errors import broken
from recsys.local.shared.store import Resource

MULTI = "MultiModel"
APPROVED = "Approved"

Params = dict[str, Any]


def prepare_model(control: Control, params: Params) -> Params:
    """The document of a new model. Raises ValidationException for what AWS or we cannot do."""
    if "Containers" in params:
        raise unsupported("inference pipelines: give a PrimaryContainer")
    if "PrimaryContainer" not in params:
        raise broken("You must provide at least one container: PrimaryContainer or Containers.")
    container(control, params["PrimaryContainer"])
    return {**params, "EnableNetworkIsolation": params.get("EnableNetworkIsolation", False)}


def container(control: Control, definition: Params) -> Params:
    """Image, ModelDataUrl, Environment and Mode of a container definition, a model package's where it names one.

    Raises ValidationException.
    """
    given = definition
    if "ModelPackageName" in definition:
        package = control.find(KINDS["ModelPackage"], definition["ModelPackageName"]).document
        if "ModelPackageVersion" in package and package["ModelApprovalStatus"] != APPROVED:
            raise broken(
                f"Model package {package['ModelPackageArn']} is not approved: {package['ModelApprovalStatus']}."
            )
        (first, *_) = package["InferenceSpecification"]["Containers"]
        environment = {**first.get("Environment", {}), **definition.get("Environment", {})}
        given = {**first, "Environment": environment}
    if "ModelDataSource" in given:
        source = given["ModelDataSource"].get("S3DataSource", {})
        if source.get("CompressionType") != "Gzip":
            raise unsupported("model data that is not a model.tar.gz")
        given = {**given, "ModelDataUrl": source["S3Uri"]}
    images.check(given.get("Image"))
    mode = given.get("Mode", "SingleModel")
    if mode == MULTI and not given.get("ModelDataUrl"):
        raise broken("You must provide ModelDataUrl for a container in MultiModel mode.")
    return {
        "Image": given["Image"],
        "ModelDataUrl": given.get("ModelDataUrl"),
        "Environment": given.get("Environment", {}),
        "Mode": mode,
    }


def prepare_config(control: Control, params: Params) -> Params:
    """The document of a new endpoint configuration. Raises ValidationException."""
    for member in ("ExplainerConfig", "ShadowProductionVariants"):
        if member in params:
            raise unsupported(f"{member} of an endpoint configuration")
    if params.get("DataCaptureConfig", {}).get("EnableCapture"):
        raise unsupported("data capture: DataCaptureConfig.EnableCapture")
    names = [variant["VariantName"] for variant in params["ProductionVariants"]]
    if len(set(names)) < len(names):
        raise broken(f"Duplicate production variant names: {names}")
    for variant in params["ProductionVariants"]:
        if "ModelName" not in variant:
            raise unsupported("inference components: a production variant needs a ModelName")
        model = control.find(KINDS["Model"], variant["ModelName"]).document
        if "AsyncInferenceConfig" in params:
            _check_asynchronous(params["AsyncInferenceConfig"]["OutputConfig"], variant, model)
        variant.setdefault("InitialVariantWeight", 1.0)
        if "ServerlessConfig" not in variant:
            if "InstanceType" not in variant:
                raise broken(f"Production variant {variant['VariantName']} needs an InstanceType or a ServerlessConfig")
            variant.setdefault("InitialInstanceCount", 1)
    return params


def _check_asynchronous(output: Params, variant: Params, model: Params) -> None:
    """Raises ValidationException."""
    if not output.get("S3OutputPath"):
        raise unsupported("AsyncInferenceConfig without OutputConfig.S3OutputPath")
    if output.get("NotificationConfig", {}).get("IncludeInferenceResponseIn"):
        raise unsupported("IncludeInferenceResponseIn")
    if "ServerlessConfig" in variant or model["PrimaryContainer"].get("Mode") == MULTI:
        raise broken("Asynchronous inference needs variants on instances, of models with one container each.")


def prepare_group(control: Control, params: Params) -> Params:
    return {**params, "ModelPackageGroupStatus": "Completed"}


def create_package(control: Control, params: Params) -> Params:
    """A new version in a group, or a package of its own. Raises ValidationException."""
    tags, now = params.pop("Tags", ()), time.time()
    specification = params.get("InferenceSpecification")
    for each in specification["Containers"] if specification else ():
        images.check(each.get("Image"))
    document = {
        **params,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "ModelApprovalStatus": params.get("ModelApprovalStatus", "PendingManualApproval"),
    }
    name = params.get("ModelPackageName", "")
    if group := params.get("ModelPackageGroupName"):
        if name:
            raise broken("Both ModelPackageName and ModelPackageGroupName are given: a version in a group has no name.")
        if tags:
            raise broken("A model package in a group has the group's tags: Tags cannot be given.")
        found = control.find(KINDS["ModelPackageGroup"], group)
        version = found.document.get("_versions", 0) + 1
        control.change(found.arn, _versions=version)
        group = found.document["ModelPackageGroupName"]
        document |= {"ModelPackageGroupName": group, "ModelPackageVersion": version}
        name = f"{group}/{version}"
    elif not name:
        raise broken("Either ModelPackageName or ModelPackageGroupName must be given")
    document.setdefault("ModelPackageName", name)
    made = control.create(KINDS["ModelPackage"], {**document, "CreationTime": now}, tags, name)
    return {"ModelPackageArn": made.arn}


def update_package(control: Control, params: Params) -> Params:
    """Its approval, description and properties; what it is made of stays."""
    found = control.find(KINDS["ModelPackage"], params.pop("ModelPackageArn"))
    member = "CustomerMetadataProperties"
    properties = {**found.document.get(member, {}), **params.pop(member, {})}
    for name in params.pop("CustomerMetadataPropertiesToRemove", ()):
        properties.pop(name, None)
    allowed = {"ModelApprovalStatus", "ApprovalDescription"}
    if others := params.keys() - allowed:
        raise unsupported(f"changing {', '.join(sorted(others))} of a model package")
    control.change(found.arn, **params, **({member: properties} if properties else {}))
    return {"ModelPackageArn": found.arn}


def check_group(control: Control, group: Resource) -> None:
    """Raises ConflictException for a group that has packages."""
    if control.store.find("ModelPackage", ModelPackageGroupName=group.document["ModelPackageGroupName"]):
        raise conflict(f"Model Package Group {group.arn} cannot be deleted: it still has model packages.")
