"""What the Resource Groups Tagging API must find here that MiniStack's does not look for.

GetResources, GetTagKeys and GetTagValues know every tagged resource on AWS, except IAM's roles and users. MiniStack
knows no stream, trail, VPC endpoint, API, log group, alarm, dashboard, parameter, state machine, stack or event source
mapping, and nothing of Personalize and SageMaker.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import (
    apigateway_v1,
    cloudformation,
    cloudtrail,
    cloudwatch,
    cloudwatch_logs,
    ec2,
    kinesis,
    lambda_svc,
    ssm,
    stepfunctions,
    tagging,
)

Tagged = Iterator[tuple[str, list[dict[str, str]]]]


def install(own: Mapping[str, Callable[[], dict[str, dict[str, str]]]]) -> None:
    """Add the services to those the API asks; `own` are services of ours, which tell their resources' tags by ARN."""
    functions = tagging._collect_lambda
    tagging._COLLECTORS |= {
        "apigateway": _apis,
        "cloudformation": _stacks,
        "cloudtrail": lambda: _named(cloudtrail._trail_tags),
        "cloudwatch": lambda: _named(cloudwatch._resource_tags),
        "ec2": _network,
        "kinesis": _streams,
        "lambda": lambda: _both(functions(), _mappings()),
        "logs": _log_groups,
        "ssm": lambda: _named(ssm._tags),
        "states": _state_machines,
    }
    tagging._COLLECTORS |= {name: (lambda tags=tags: _named(tags())) for name, tags in own.items()}


def _named(tags: Mapping[str, dict[str, str]]) -> Tagged:
    for arn, found in tags.items():
        yield arn, tagging._normalise_flat(found)


def _both(one: Tagged, other: Tagged) -> Tagged:
    yield from one
    yield from other


def _network() -> Tagged:
    kinds = {"vpce": "vpc-endpoint", "sg": "security-group"}
    for number, tags in ec2._tags.items():
        if kind := kinds.get(number.split("-")[0]):
            yield f"arn:aws:ec2:{get_region()}:{get_account_id()}:{kind}/{number}", tags


def _streams() -> Tagged:
    for stream in kinesis._streams.values():
        yield stream["StreamARN"], tagging._normalise_flat(stream["tags"])


def _log_groups() -> Tagged:
    for name, group in cloudwatch_logs._log_groups.items():
        arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{name}"
        yield arn, tagging._normalise_flat(group["tags"])


def _mappings() -> Tagged:
    for number, mapping in lambda_svc._esms.items():
        arn = f"arn:aws:lambda:{get_region()}:{get_account_id()}:event-source-mapping:{number}"
        yield arn, tagging._normalise_flat(mapping.get("Tags", {}))


def _state_machines() -> Tagged:
    for arn, tags in stepfunctions._tags.items():
        yield arn, [{"Key": tag["key"], "Value": tag["value"]} for tag in tags]


def _stacks() -> Tagged:
    for stack in cloudformation._stacks.values():
        if stack["StackStatus"] != "DELETE_COMPLETE":
            yield stack["StackId"], stack.get("Tags") or []


def _apis() -> Tagged:
    """APIs, their stages, keys and usage plans: what a template tagged, and what TagResource did."""
    records: dict[str, Any] = {}
    for number, api in apigateway_v1._rest_apis.items():
        records[f"/restapis/{number}"] = api
        for name, stage in apigateway_v1._stages_v1.get(number, {}).items():
            records[f"/restapis/{number}/stages/{name}"] = stage
    records |= {f"/usageplans/{number}": plan for number, plan in apigateway_v1._usage_plans.items()}
    records |= {f"/apikeys/{number}": key for number, key in apigateway_v1._api_keys.items()}
    for path, record in records.items():
        arn = f"arn:aws:apigateway:{get_region()}::{path}"
        tags = (record.get("tags") or {}) | apigateway_v1._v1_tags.get(arn, {})
        yield arn, tagging._normalise_flat(tags)
