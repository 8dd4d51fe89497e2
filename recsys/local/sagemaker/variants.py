"""What an endpoint runs: the variants of its configuration, with all that is needed of their models."""

import time
from typing import Any

from recsys.local.sagemaker.control import Control
from recsys.local.sagemaker.errors import over_limit
from recsys.local.sagemaker.kinds import KINDS
from recsys.local.sagemaker.models import container

MOST_INSTANCES = 8  # of all endpoints together; each is a process of 100 MB or more

Params = dict[str, Any]


def resolved(control: Control, config_name: str, besides: str = "") -> list[Params]:
    """All that is needed to run a configuration, whatever becomes of it and its models later.

    besides: the ARN of the endpoint it is for, which gives up what it runs now. Raises ValidationException,
    ResourceLimitExceeded.
    """
    wanted = []
    for variant in control.find(KINDS["EndpointConfig"], config_name).document["ProductionVariants"]:
        model = control.find(KINDS["Model"], variant["ModelName"]).document
        each = {
            "VariantName": variant["VariantName"],
            "container": container(control, model["PrimaryContainer"]),
            "role": model.get("ExecutionRoleArn"),
            "weight": variant["InitialVariantWeight"],
            "instances": variant.get("InitialInstanceCount", 1),
            "startup_seconds": variant.get("ContainerStartupHealthCheckTimeoutInSeconds", 480),
        }
        wanted.append(each | ({"serverless": variant["ServerlessConfig"]} if "ServerlessConfig" in variant else {}))
    check_instances(control, wanted, besides)
    return wanted


def check_instances(control: Control, wanted: list[Params], besides: str) -> None:
    """Raises ResourceLimitExceeded where these and all other endpoints' are too many processes."""
    used = [
        variant["instances"]
        for each in control.store.find("Endpoint")
        if each.arn != besides
        for variant in _counted(each.document)
    ]
    asked = sum(each["instances"] for each in wanted)
    if sum(used) + asked > MOST_INSTANCES:
        raise over_limit(
            "The account-level service limit 'Total number of instances across all endpoints' is "
            f"{MOST_INSTANCES} Instances, with current utilization of {sum(used)} Instances and a request delta "
            f"of {asked} Instances. Please request a limit increase."
        )


def shown(variants: list[Params]) -> list[Params]:
    """The variants as DescribeEndpoint has them."""
    summaries = []
    for each in variants:
        image = each["container"]["Image"]
        summary: Params = {
            "VariantName": each["VariantName"],
            "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": time.time()}],
            "CurrentWeight": each["weight"],
            "DesiredWeight": each["weight"],
        }
        if "serverless" in each:
            summary |= {"CurrentServerlessConfig": each["serverless"], "DesiredServerlessConfig": each["serverless"]}
        else:
            summary |= {"CurrentInstanceCount": each["instances"], "DesiredInstanceCount": each["instances"]}
        summaries.append(summary)
    return summaries


def _counted(document: Params) -> list[Params]:
    """What is to run, where that is under way; else what runs."""
    coming = (document[member] for member in ("_wanted", "_weighed") if member in document)
    return next(coming, document.get("_variants", []))
