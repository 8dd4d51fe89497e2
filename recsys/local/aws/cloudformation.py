"""What CloudFormation must do here that MiniStack's refuses or leaves undone.

- ApplicationAutoScaling's two types are accepted and recorded in the stack; nothing is scaled, as the throughput of a
  table is not enforced either. MiniStack refuses the whole template.
- A CloudTrail trail is made in CloudTrail (trails.py).
- A web ACL's association with a stage is accepted and recorded in the stack; nothing is filtered.
- A method gets its request validator, a stage its access logs and cache settings; MiniStack ignores them.
- A table gets its TTL, point-in-time recovery and encryption, a stream its encryption, a bucket its lifecycle rules, a
  function its reserved concurrency and whether it may invoke itself; MiniStack ignores them.
- A bucket that holds objects or versions is not deleted; MiniStack drops it with all it holds (and forgets its files,
  so that it comes back after a restart).
- A stream or table that exists already is not taken over; MiniStack empties it silently.
- A topic gets its key; MiniStack ignores it.
- A template is read by libyaml: MiniStack's own takes ten times as long, and nobody is answered meanwhile.
- The stack's tags reach its bucket, dashboard, rules and event source mappings too; MiniStack gives them to the rest.
- What stays as it is in an updated nested stack keeps its attributes, which others refer to; MiniStack loses them.
- An output with an API's amazonaws.com address is shown with the address that answers here.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import yaml
from ministack.services import apigateway_v1, cloudwatch, dynamodb, kinesis, lambda_svc, s3, sns
from ministack.services.cloudformation import _stacks, engine, handlers, provisioners
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS, _STACK_TAG_PROPERTY, _tag_map

from recsys.local.aws import trails

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]

API_ADDRESS = re.compile(r"https://([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/([A-Za-z0-9_-]+)")


def install(endpoint: str) -> None:
    """Change the handlers of the resource types concerned, and what DescribeStacks shows."""
    _RESOURCE_HANDLERS["AWS::ApplicationAutoScaling::ScalableTarget"] = _recorded(_target_id)
    _RESOURCE_HANDLERS["AWS::ApplicationAutoScaling::ScalingPolicy"] = _recorded(_policy_id)
    _RESOURCE_HANDLERS["AWS::WAFv2::WebACLAssociation"] = _recorded(_association_id)
    _RESOURCE_HANDLERS["AWS::ApiGateway::RequestValidator"] = VALIDATOR
    _RESOURCE_HANDLERS["AWS::CloudTrail::Trail"] = trails.HANDLER
    for kind, finish in (("Method", _finish_method), ("Stage", _finish_stage)):
        handlers_of = _RESOURCE_HANDLERS[f"AWS::ApiGateway::{kind}"]
        handlers_of["create"] = _after(handlers_of["create"], finish)
        handlers_of["update"] = _after(handlers_of["update"], finish)
    table = _RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    table["create"] = _after(_new(table["create"], "TableName", dynamodb._tables), _finish_table)
    table["update"] = _after(table["update"], _finish_table)
    stream = _RESOURCE_HANDLERS["AWS::Kinesis::Stream"]
    stream["create"] = _after(_new(stream["create"], "Name", kinesis._streams), _finish_stream)
    stream["update"] = _after(stream["update"], _finish_stream)
    topic = _RESOURCE_HANDLERS["AWS::SNS::Topic"]
    topic["create"], topic["update"] = (_after(topic[step], _finish_topic) for step in ("create", "update"))
    bucket = _RESOURCE_HANDLERS["AWS::S3::Bucket"]
    bucket["create"], bucket["update"] = (_after(bucket[step], _finish_bucket) for step in ("create", "update"))
    bucket["delete"] = _only_empty(bucket["delete"])
    function = _RESOURCE_HANDLERS["AWS::Lambda::Function"]
    function["create"], function["update"] = (_after(function[step], _finish_function) for step in ("create", "update"))
    engine.CfnLoader = type("CfnLoader", (yaml.CSafeLoader,), {"yaml_constructors": engine.CfnLoader.yaml_constructors})
    for kind in (
        "S3::Bucket",
        "CloudTrail::Trail",
        "Events::Rule",
        "Lambda::EventSourceMapping",
        "CloudWatch::Dashboard",
    ):
        _STACK_TAG_PROPERTY[f"AWS::{kind}"] = ("Tags", "list")
    for kind, finish in (("Lambda::EventSourceMapping", _finish_mapping), ("CloudWatch::Dashboard", _finish_dashboard)):
        handlers_of = _RESOURCE_HANDLERS[f"AWS::{kind}"]
        handlers_of["create"], handlers_of["update"] = (
            _after(handlers_of[step], finish) for step in ("create", "update")
        )
    provisioners._update_resource = _keeping_attributes(provisioners._update_resource)
    for action in ("DescribeStacks", "ListExports"):
        handlers._ACTION_HANDLERS[action] = _with_local_addresses(handlers._ACTION_HANDLERS[action], endpoint)


def _recorded(name: Callable[[str, Properties], str]) -> dict[str, Callable]:
    def create(logical_id: str, props: Properties, stack_name: str) -> Created:
        return name(logical_id, props), {}

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        return name(physical_id, new), {}

    def delete(physical_id: str, props: Properties) -> None:
        return None

    return {"create": create, "update": update, "delete": delete}


def _keeping_attributes(update: Callable[..., Created]) -> Callable[..., Created]:
    def updated(
        kind: str,
        physical_id: str,
        old: Properties,
        new: Properties,
        stack_name: str,
        logical_id: str | None = None,
        attributes: Properties | None = None,
    ) -> Created:
        if attributes is None:
            before = _stacks.get(stack_name, {}).get("_resources", {}).get(logical_id, {})
            attributes = before.get("Attributes")
        return update(kind, physical_id, old, new, stack_name, logical_id, attributes)

    return updated


def _target_id(_: str, props: Properties) -> str:
    return "|".join(props.get(field, "") for field in ("ResourceId", "ScalableDimension", "ServiceNamespace"))


def _policy_id(logical_id: str, props: Properties) -> str:
    return f"{props.get('PolicyName', logical_id)}|{props.get('ScalingTargetId') or _target_id('', props)}"


def _association_id(_: str, props: Properties) -> str:
    return f"{props.get('WebACLArn', '')}|{props.get('ResourceArn', '')}"


def _create_validator(logical_id: str, props: Properties, stack_name: str) -> Created:
    data = {
        f"validateRequest{what}": _true(props.get(f"ValidateRequest{what}", False)) for what in ("Body", "Parameters")
    }
    answer = apigateway_v1._create_request_validator(
        props["RestApiId"], {"name": props.get("Name", logical_id), **data}
    )
    _accepted(answer)
    made = json.loads(answer[2])["id"]
    return made, {"RequestValidatorId": made}


def _update_validator(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
    created = _create_validator(physical_id, new, stack_name)
    _delete_validator(physical_id, old)
    return created


def _delete_validator(physical_id: str, props: Properties) -> None:
    apigateway_v1._delete_request_validator(props["RestApiId"], physical_id)


VALIDATOR = {"create": _create_validator, "update": _update_validator, "delete": _delete_validator}


def _finish_method(_: str, props: Properties) -> None:
    method = apigateway_v1._resources[props["RestApiId"]][props["ResourceId"]]["resourceMethods"][props["HttpMethod"]]
    method["requestValidatorId"] = props.get("RequestValidatorId")
    method["apiKeyRequired"] = _true(props.get("ApiKeyRequired", False))


def _finish_stage(name: str, props: Properties) -> None:
    stage, logs = apigateway_v1._stages_v1[props["RestApiId"]][name], props.get("AccessLogSetting") or {}
    stage["accessLogSettings"] = {"destinationArn": logs["DestinationArn"], "format": logs["Format"]} if logs else {}
    stage["cacheClusterEnabled"] = _true(props.get("CacheClusterEnabled", False))
    stage["cacheClusterSize"] = props.get("CacheClusterSize")


def _new(create: Callable[..., Created], field: str, store: Any) -> Callable[..., Created]:
    def created(logical_id: str, props: Properties, stack_name: str) -> Created:
        if props.get(field) in store:
            raise ValueError(f"{props[field]} already exists")
        return create(logical_id, props, stack_name)

    return created


def _after(handle: Callable[..., Created], finish: Callable[[str, Properties], None]) -> Callable[..., Created]:
    def finished(subject: str, *rest: Any, **options: Any) -> Created:
        created = handle(subject, *rest, **options)
        # create(logical id, properties, stack), update(physical id, old properties, new properties, stack, ...)
        finish(created[0], rest[0] if len(rest) == 2 else rest[1])
        return created

    return finished


def _finish_table(name: str, props: Properties) -> None:
    lives = props.get("TimeToLiveSpecification") or {}
    if lives.get("AttributeName"):
        spec = {"AttributeName": lives["AttributeName"], "Enabled": _true(lives.get("Enabled", True))}
        _accepted(dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": spec}))
    recovery = (props.get("PointInTimeRecoverySpecification") or {}).get("PointInTimeRecoveryEnabled")
    if recovery is not None:
        spec = {"PointInTimeRecoveryEnabled": _true(recovery)}
        _accepted(dynamodb._update_continuous_backups({"TableName": name, "PointInTimeRecoverySpecification": spec}))
    encryption = props.get("SSESpecification") or {}
    if _true(encryption.get("SSEEnabled", False)):
        spec = {**{key: value for key, value in encryption.items() if key != "SSEEnabled"}, "Enabled": True}
        dynamodb._tables[name]["SSEDescription"] = dynamodb._sse_description_from_spec(spec)


def _finish_stream(name: str, props: Properties) -> None:
    encryption = props.get("StreamEncryption") or {}
    if encryption:
        _accepted(kinesis._start_stream_encryption({"StreamName": name, **encryption}))


def _finish_topic(arn: str, props: Properties) -> None:
    attributes = sns._topics[arn]["attributes"]
    attributes.pop("KmsMasterKeyId", None)
    if props.get("KmsMasterKeyId"):
        attributes["KmsMasterKeyId"] = props["KmsMasterKeyId"]


def _finish_bucket(name: str, props: Properties) -> None:
    rules = (props.get("LifecycleConfiguration") or {}).get("Rules")
    if rules:
        s3._bucket_lifecycle[name] = [_lifecycle_rule(rule) for rule in rules]
    else:
        s3._bucket_lifecycle.pop(name, None)
    s3._bucket_tags[name] = _tag_map(props.get("Tags"))


def _finish_mapping(number: str, props: Properties) -> None:
    lambda_svc._esms[number]["Tags"] = _tag_map(props.get("Tags"))


def _finish_dashboard(name: str, props: Properties) -> None:
    cloudwatch._resource_tags[cloudwatch._dashboards[name]["DashboardArn"]] = _tag_map(props.get("Tags"))


def _lifecycle_rule(rule: Properties) -> Properties:
    """A rule as the S3 API spells it. Expiry of objects, versions and uploads is recorded; nothing ever expires."""
    kept = {"ID": rule.get("Id", ""), "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if days := rule.get("ExpirationInDays"):
        kept["Expiration"] = {"Days": days}
    same = ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
    return kept | {name: rule[name] for name in same if name in rule}


def _finish_function(name: str, props: Properties) -> None:
    function, reserved = lambda_svc._functions[name], props.get("ReservedConcurrentExecutions")
    function["concurrency"] = None if reserved is None else int(reserved)
    function["recursive_loop"] = props.get("RecursiveLoop", "Terminate")


def _only_empty(delete: Callable[[str, Properties], None]) -> Callable[[str, Properties], None]:
    def deleted(physical_id: str, props: Properties) -> None:
        bucket = s3._buckets.get(physical_id) or {}
        versions = any(name == physical_id and kept for (name, _), kept in s3._object_versions.items())
        if bucket.get("objects") or versions:
            raise ValueError(f"The bucket you tried to delete is not empty: {physical_id}; delete all versions first")
        delete(physical_id, props)
        s3._delete_persisted_bucket(physical_id)

    return deleted


def _with_local_addresses(describe: Callable[[dict], tuple], endpoint: str) -> Callable[[dict], tuple]:
    def described(params: dict) -> tuple:
        status, headers, body = describe(params)
        text = body.decode() if isinstance(body, bytes) else body
        return status, headers, API_ADDRESS.sub(lambda found: _local(found, endpoint), text).encode()

    return described


def _local(found: re.Match[str], endpoint: str) -> str:
    api_id, stage = found.groups()
    known = any(key == api_id for _, _, key in apigateway_v1._rest_apis._data)
    return f"{endpoint}/restapis/{api_id}/{stage}/_user_request_" if known else found[0]


def _accepted(answer: tuple) -> None:
    if answer[0] >= 400:
        raise ValueError(answer[2].decode() if isinstance(answer[2], bytes) else str(answer[2]))


def _true(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() == "true"
