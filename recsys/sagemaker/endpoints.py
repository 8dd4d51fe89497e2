"""Hosting: models, what an endpoint is made of, and the endpoint, switched without an interruption."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from recsys import aws
from recsys.errors import Refused
from recsys.sagemaker import sdk

ONE = "AllTraffic"  # what AWS calls the variant of an endpoint that has no other


@dataclass(frozen=True)
class Variant:
    """A model and what it runs on: instances of a type, or, without one, a serverless share of `memory_mb`.

    weight: its part of the traffic, relative to the other variants'. concurrency: calls a serverless one takes at once.
    """

    model: str
    instance: str | None = None
    instances: int = 1
    weight: float = 1.0
    memory_mb: int = 2048
    concurrency: int = 5


def ensure_model(name: str, package: Any, role_arn: str, tags: dict[str, str], *, isolated: bool = False) -> str:
    """The name of the model of an approved package: `name` and its version, created if it is not there."""
    models, full = sdk.resources().Model, f"{name}-{package.model_package_version}"
    container = {"model_package_name": package.model_package_arn}
    made = sdk.find(models.get, model_name=full)
    if made and made.primary_container.model_package_name != package.model_package_arn:
        # Versions are counted anew where a group was deleted and made again.
        aws.call(made.delete)
        made = None
    if made is None:
        aws.call(
            models.create,
            model_name=full,
            primary_container=container,
            execution_role_arn=role_arn,
            enable_network_isolation=isolated,
            tags=sdk.tags(tags),
            session=sdk.boto(),
        )
    return full


def ensure_endpoint(name: str, variants: Mapping[str, Variant], tags: dict[str, str], **wait: Any) -> Any:
    """The endpoint of that name with these variants, by their names, InService; an SDK Endpoint.

    Created if it is not there; updated if it has others, which go on serving until the new ones answer.
    Raises Refused with SageMaker's reason where it does not come up, or keeps its old variants.
    """
    config = _ensure_config(name, variants, tags)
    endpoints = sdk.resources().Endpoint
    endpoint = sdk.find(endpoints.get, endpoint_name=name)
    if endpoint and endpoint.endpoint_status == "Failed":
        # One that never came up can only be deleted.
        aws.call(endpoint.delete)
        aws.wait_until_gone(f"endpoint {name}", lambda: sdk.find(endpoints.get, endpoint_name=name), **wait)
        endpoint = None
    if endpoint is None:
        request = {"endpoint_name": name, "endpoint_config_name": config, "tags": sdk.tags(tags)}
        endpoint = aws.call(endpoints.create, **request, session=sdk.boto())
    elif endpoint.endpoint_config_name != config:
        _in_service(endpoint, **wait)
        endpoint.endpoint_config_name = config
        aws.call(endpoint.update)
    _in_service(endpoint, **wait)
    if endpoint.endpoint_config_name != config:
        reason = endpoint.failure_reason or "no reason given"
        raise Refused(f"endpoint {name} keeps its old variants: {reason}", code="UpdateFailed")
    return endpoint


def ask(endpoint: Any, request: dict[str, Any], variant: str | None = None) -> dict[str, Any]:
    """The endpoint's answer to one question, such as `{"userId": "u1", "numResults": 10}`, or to many as `instances`.

    `variant` asks that one, whatever the weights.
    """
    kind = "application/json"
    target = {"target_variant": variant} if variant else {}
    answer = aws.call(endpoint.invoke, body=json.dumps(request), content_type=kind, accept=kind, **target)
    return json.loads(answer.body.read())


def best(name: str, user_id: str, num_results: int = 10) -> list[str]:
    """A user's recommended item ids, best first, as a shop's program asks: the SDK's checks of each call take 3 ms."""
    kind, body = "application/json", json.dumps({"userId": user_id, "numResults": num_results})
    invoke = aws.client("sagemaker-runtime").invoke_endpoint
    answer = aws.call(invoke, EndpointName=name, Body=body, ContentType=kind, Accept=kind)
    return [item["itemId"] for item in json.loads(answer["Body"].read())["recommendations"]]


def _in_service(endpoint: Any, **wait: Any) -> Any:
    return sdk.wait(f"endpoint {endpoint.endpoint_name}", endpoint, "endpoint_status", "InService", **wait)


def _ensure_config(name: str, variants: Mapping[str, Variant], tags: dict[str, str]) -> str:
    """A configuration cannot be changed, so its name tells what is in it."""
    full = sdk.digested(name, **{key: asdict(variant) for key, variant in variants.items()})
    configs = sdk.resources().EndpointConfig
    if sdk.find(configs.get, endpoint_config_name=full) is None:
        production = [_production(key, variant) for key, variant in variants.items()]
        request = {"endpoint_config_name": full, "production_variants": production, "tags": sdk.tags(tags)}
        aws.call(configs.create, **request, session=sdk.boto())
    return full


def _production(name: str, variant: Variant) -> dict[str, Any]:
    made: dict[str, Any] = {"variant_name": name, "model_name": variant.model, "initial_variant_weight": variant.weight}
    if variant.instance is None:
        serverless = {"memory_size_in_mb": variant.memory_mb, "max_concurrency": variant.concurrency}
        return {**made, "serverless_config": serverless}
    return {**made, "instance_type": variant.instance, "initial_instance_count": variant.instances}
