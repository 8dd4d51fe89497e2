"""Properties that MiniStack's CloudFormation ignores, set once it has made or changed the resource.

- A method gets its request validator, a stage its access logs and cache settings.
- A table gets its TTL, point-in-time recovery and encryption, a stream its shards and encryption, a topic its key, a
  bucket its lifecycle rules, a function its reserved concurrency and whether it may invoke itself.
- Bucket, event source mapping and dashboard get their tags.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import apigateway_v1, cloudwatch, dynamodb, kinesis, lambda_svc, s3, sns
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS, _tag_map

from recsys.local.aws.cloudformation.answers import Created, Properties, accepted, true


def install() -> None:
    """Finish what these types' handlers make and change."""
    for kind, finish in FINISH.items():
        handlers = _RESOURCE_HANDLERS[f"AWS::{kind}"]
        handlers["create"], handlers["update"] = (_after(handlers[step], finish) for step in ("create", "update"))


def _after(handle: Callable[..., Created], finish: Callable[[str, Properties], None]) -> Callable[..., Created]:
    """MiniStack's ignores some properties; here they are set once it has made or changed the resource."""

    def finished(subject: str, *rest: Any, **options: Any) -> Created:
        created = handle(subject, *rest, **options)
        # create(logical id, properties, stack), update(physical id, old properties, new properties, stack, ...)
        finish(created[0], rest[0] if len(rest) == 2 else rest[1])
        return created

    return finished


def _method(_: str, props: Properties) -> None:
    method = apigateway_v1._resources[props["RestApiId"]][props["ResourceId"]]["resourceMethods"][props["HttpMethod"]]
    method["requestValidatorId"] = props.get("RequestValidatorId")
    method["apiKeyRequired"] = true(props.get("ApiKeyRequired", False))


def _stage(name: str, props: Properties) -> None:
    stage, logs = apigateway_v1._stages_v1[props["RestApiId"]][name], props.get("AccessLogSetting") or {}
    stage["accessLogSettings"] = {"destinationArn": logs["DestinationArn"], "format": logs["Format"]} if logs else {}
    stage["cacheClusterEnabled"] = true(props.get("CacheClusterEnabled", False))
    stage["cacheClusterSize"] = props.get("CacheClusterSize")


def _table(name: str, props: Properties) -> None:
    lives = props.get("TimeToLiveSpecification") or {}
    if lives.get("AttributeName"):
        spec = {"AttributeName": lives["AttributeName"], "Enabled": true(lives.get("Enabled", True))}
        accepted(dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": spec}))
    recovery = (props.get("PointInTimeRecoverySpecification") or {}).get("PointInTimeRecoveryEnabled")
    if recovery is not None:
        spec = {"PointInTimeRecoveryEnabled": true(recovery)}
        accepted(dynamodb._update_continuous_backups({"TableName": name, "PointInTimeRecoverySpecification": spec}))
    encryption = props.get("SSESpecification") or {}
    if true(encryption.get("SSEEnabled", False)):
        spec = {**{key: value for key, value in encryption.items() if key != "SSEEnabled"}, "Enabled": True}
        dynamodb._tables[name]["SSEDescription"] = dynamodb._sse_description_from_spec(spec)


def _stream(name: str, props: Properties) -> None:
    if "ShardCount" in props:
        accepted(kinesis._update_shard_count({"StreamName": name, "TargetShardCount": int(props["ShardCount"])}))
    encryption = props.get("StreamEncryption") or {}
    if encryption:
        accepted(kinesis._start_stream_encryption({"StreamName": name, **encryption}))


def _topic(arn: str, props: Properties) -> None:
    attributes = sns._topics[arn]["attributes"]
    attributes.pop("KmsMasterKeyId", None)
    if props.get("KmsMasterKeyId"):
        attributes["KmsMasterKeyId"] = props["KmsMasterKeyId"]


def _bucket(name: str, props: Properties) -> None:
    rules = (props.get("LifecycleConfiguration") or {}).get("Rules")
    if rules:
        s3._bucket_lifecycle[name] = [_lifecycle_rule(rule) for rule in rules]
    else:
        s3._bucket_lifecycle.pop(name, None)
    s3._bucket_tags[name] = _tag_map(props.get("Tags"))


def _lifecycle_rule(rule: Properties) -> Properties:
    """A rule as the S3 API spells it. Expiry of objects, versions and uploads is recorded; nothing ever expires."""
    kept = {"ID": rule.get("Id", ""), "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if days := rule.get("ExpirationInDays"):
        kept["Expiration"] = {"Days": days}
    same = ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
    return kept | {name: rule[name] for name in same if name in rule}


def _mapping(number: str, props: Properties) -> None:
    lambda_svc._esms[number]["Tags"] = _tag_map(props.get("Tags"))


def _dashboard(name: str, props: Properties) -> None:
    cloudwatch._resource_tags[cloudwatch._dashboards[name]["DashboardArn"]] = _tag_map(props.get("Tags"))


def _function(name: str, props: Properties) -> None:
    function, reserved = lambda_svc._functions[name], props.get("ReservedConcurrentExecutions")
    function["concurrency"] = None if reserved is None else int(reserved)
    function["recursive_loop"] = props.get("RecursiveLoop", "Terminate")


FINISH = {
    "ApiGateway::Method": _method,
    "ApiGateway::Stage": _stage,
    "CloudWatch::Dashboard": _dashboard,
    "DynamoDB::Table": _table,
    "Kinesis::Stream": _stream,
    "Lambda::EventSourceMapping": _mapping,
    "Lambda::Function": _function,
    "S3::Bucket": _bucket,
    "SNS::Topic": _topic,
}
