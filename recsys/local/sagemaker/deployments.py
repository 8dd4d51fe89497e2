"""What a request makes of an endpoint's record: marks of what is wanted, for endpoints.py to do."""

from collections.abc import Mapping
from typing import Any

from recsys.local.sagemaker.control import Control
from recsys.local.sagemaker.errors import unsupported
from recsys.local.sagemaker.kinds import KINDS
from recsys.local.sagemaker.variants import check_instances, resolved
from recsys.local.shared.errors import broken
from recsys.local.shared.store import Resource

ENDPOINT = KINDS["Endpoint"]
IN_SERVICE = "InService"
ASYNC = "AsyncInferenceConfig"

Params = dict[str, Any]


def prepare(control: Control, params: Params) -> Params:
    """The document of a new endpoint. Raises ValidationException, ResourceLimitExceeded."""
    _check_deployment(params)
    config = params["EndpointConfigName"]
    wanted = {"_wanted": resolved(control, config), "_wanted_async": _asynchronous(control, config)}
    return {**params, "EndpointStatus": "Creating", **wanted}


def update(control: Control, params: Params) -> Resource:
    """Mark an endpoint as updating to another configuration. Raises as `prepare`."""
    _check_deployment(params)
    found = _settled(control, params["EndpointName"])
    config = params["EndpointConfigName"]
    wanted = resolved(control, config, found.arn)
    if params.get("RetainAllVariantProperties"):
        now = {each["VariantName"]: each for each in found.document["_variants"]}
        for each in wanted:
            if (old := now.get(each["VariantName"])) and "serverless" not in each:
                each |= {"weight": old["weight"], "instances": old["instances"]}
    members = {"_wanted": wanted, "_wanted_config": config, "_wanted_async": _asynchronous(control, config)}
    return control.change(found.arn, **members, EndpointStatus="Updating")


def reweigh(control: Control, params: Params) -> Resource:
    """Mark an endpoint as updating its weights and instance counts. Raises as `prepare`."""
    found = _settled(control, params["EndpointName"])
    variants = {each["VariantName"]: dict(each) for each in found.document["_variants"]}
    for each in params["DesiredWeightsAndCapacities"]:
        if each["VariantName"] not in variants:
            raise broken(f'The requested variant "{each["VariantName"]}" does not exist in the endpoint "{found.arn}".')
        variant = variants[each["VariantName"]]
        variant["weight"] = each.get("DesiredWeight", variant["weight"])
        variant["instances"] = each.get("DesiredInstanceCount", variant["instances"])
        if not variant["instances"]:
            raise broken(f"DesiredInstanceCount of variant {each['VariantName']} must be at least 1")
    check_instances(control, list(variants.values()), found.arn)
    return control.change(found.arn, _weighed=list(variants.values()), EndpointStatus="Updating")


def delete(control: Control, params: Params) -> Resource:
    """Mark an endpoint as being deleted. Raises ValidationException."""
    found = control.find(ENDPOINT, params["EndpointName"])
    if found.document["EndpointStatus"] in ("Creating", "Updating", "Deleting"):
        raise broken(f'Cannot update in-progress endpoint "{found.arn}".')
    return control.change(found.arn, EndpointStatus="Deleting")


def _settled(control: Control, name: str) -> Resource:
    found = control.find(ENDPOINT, name)
    if found.document["EndpointStatus"] != IN_SERVICE:
        raise broken(f'Cannot update in-progress endpoint "{found.arn}".')
    return found


def _asynchronous(control: Control, config: str) -> Params | None:
    return control.find(KINDS["EndpointConfig"], config).document.get(ASYNC)


def _check_deployment(params: Mapping[str, Any]) -> None:
    config = params.get("DeploymentConfig", {})
    traffic = config.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {}).get("Type", "ALL_AT_ONCE")
    if traffic != "ALL_AT_ONCE" or "RollingUpdatePolicy" in config:
        raise unsupported("a deployment other than blue/green with ALL_AT_ONCE")
