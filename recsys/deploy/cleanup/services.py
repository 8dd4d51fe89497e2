"""The other services' resources: whether one is there, how it is deleted, what its ARN looks like."""

import re
from dataclasses import dataclass
from typing import Any

from recsys import aws
from recsys.deploy.cleanup import bucket
from recsys.errors import Refused

GONE = re.compile("NotFound|NoSuch|NonExist|DoesNotExist|^404$")

Resource = tuple[str, str]  # type, as CloudFormation calls it, and physical name


@dataclass(frozen=True)
class Type:
    """How a type's API spells it: the operation that looks for one, its argument, the operation that deletes it.

    An argument that ends in [] takes a list. `arn` is what follows `arn:aws:`, with @ for region and account; its last
    group, or all of it, is the name.
    """

    service: str
    look: str
    argument: str
    remove: str
    arn: str
    removed_by: str = ""  # the deletion's argument, where it is another

    def found(self, name: str) -> dict[str, Any]:
        return self._call(self.look, self.argument, name)

    def delete(self, name: str) -> None:
        self._call(self.remove, self.removed_by or self.argument, name)

    def _call(self, operation: str, argument: str, name: str) -> dict[str, Any]:
        request = {argument.removesuffix("[]"): [name] if argument.endswith("[]") else name}
        return aws.call(getattr(aws.client(self.service), operation), **request)


# In the order in which strays go: what sends before what receives, what is used last of all.
TYPES = {
    "AWS::Lambda::EventSourceMapping": Type(
        "lambda",
        "get_event_source_mapping",
        "UUID",
        "delete_event_source_mapping",
        "lambda:@:event-source-mapping:(.+)",
    ),
    "AWS::Events::Rule": Type("events", "describe_rule", "Name", "delete_rule", "events:@:rule/([^/]+)"),
    "AWS::StepFunctions::StateMachine": Type(
        "stepfunctions",
        "describe_state_machine",
        "stateMachineArn",
        "delete_state_machine",
        "states:@:stateMachine:.+",
    ),
    "AWS::ApiGateway::UsagePlan": Type(
        "apigateway", "get_usage_plan", "usagePlanId", "delete_usage_plan", "apigateway:@:/usageplans/(.+)"
    ),
    "AWS::ApiGateway::RestApi": Type(
        "apigateway", "get_rest_api", "restApiId", "delete_rest_api", "apigateway:@:/restapis/([^/]+)"
    ),
    "AWS::ApiGateway::ApiKey": Type(
        "apigateway", "get_api_key", "apiKey", "delete_api_key", "apigateway:@:/apikeys/(.+)"
    ),
    "AWS::Lambda::Function": Type(
        "lambda", "get_function_configuration", "FunctionName", "delete_function", "lambda:@:function:([^:]+)"
    ),
    "AWS::CloudWatch::Alarm": Type(
        "cloudwatch", "describe_alarms", "AlarmNames[]", "delete_alarms", "cloudwatch:@:alarm:(.+)"
    ),
    "AWS::CloudWatch::Dashboard": Type(
        "cloudwatch",
        "get_dashboard",
        "DashboardName",
        "delete_dashboards",
        "cloudwatch:@:dashboard/(.+)",
        "DashboardNames[]",
    ),
    "AWS::CloudTrail::Trail": Type("cloudtrail", "get_trail", "Name", "delete_trail", "cloudtrail:@:trail/(.+)"),
    "AWS::EC2::VPCEndpoint": Type(
        "ec2", "describe_vpc_endpoints", "VpcEndpointIds[]", "delete_vpc_endpoints", "ec2:@:vpc-endpoint/(.+)"
    ),
    "AWS::EC2::SecurityGroup": Type(
        "ec2", "describe_security_groups", "GroupIds[]", "delete_security_group", "ec2:@:security-group/(.+)", "GroupId"
    ),
    "AWS::Kinesis::Stream": Type(
        "kinesis", "describe_stream_summary", "StreamName", "delete_stream", "kinesis:@:stream/([^/]+)"
    ),
    "AWS::DynamoDB::Table": Type("dynamodb", "describe_table", "TableName", "delete_table", "dynamodb:@:table/([^/]+)"),
    "AWS::SQS::Queue": Type("sqs", "get_queue_attributes", "QueueUrl", "delete_queue", "sqs:@:([^:]+)"),
    "AWS::SNS::Topic": Type("sns", "get_topic_attributes", "TopicArn", "delete_topic", "sns:@:[^:]+"),
    "AWS::SSM::Parameter": Type("ssm", "get_parameter", "Name", "delete_parameter", "ssm:@:parameter(/.+)"),
    "AWS::Logs::LogGroup": Type(
        "logs", "describe_log_streams", "logGroupName", "delete_log_group", "logs:@:log-group:([^:]+)(?::[*])?"
    ),
    "AWS::IAM::Role": Type("iam", "get_role", "RoleName", "delete_role", "iam:@:role/(?:.+/)?([^/]+)"),
    "AWS::S3::Bucket": Type("s3", "head_bucket", "Bucket", "delete_bucket", "s3:@:(.+)"),
}
# A stage with its API, and with an endpoint what scales it: an ARN that says nothing of whom it scales.
GOES_ALONG = re.compile(r"arn:[^:]+:(apigateway:.+/stages/.+|application-autoscaling:.+)")


def named(arn: str) -> Resource | None:
    """Type and physical name of what an ARN means, or None where it is of no type above."""
    for kind, spelled in TYPES.items():
        if found := re.fullmatch(f"(arn:[^:]+:{spelled.arn.replace('@', '[^:]*:[^:]*')})", arn):
            name = found.groups()[-1]
            return kind, _queue_url(name) if kind == "AWS::SQS::Queue" else name
    return None


# Where an answer without a complaint may mean that it is gone.
FOUND = {
    "AWS::CloudWatch::Alarm": lambda answer: bool(answer["MetricAlarms"]),
    "AWS::EC2::VPCEndpoint": lambda answer: any(each["State"].lower() != "deleted" for each in answer["VpcEndpoints"]),
}


def exists(kind: str, name: str) -> bool:
    """Whether it is there. What is of no type above goes with its owner, as a path with its API."""
    if kind not in TYPES or not name:
        return False
    try:
        answer = TYPES[kind].found(name)
    except Refused as error:
        if GONE.search(error.code):
            return False
        raise
    return FOUND[kind](answer) if kind in FOUND else True


def delete(kind: str, name: str) -> None:
    """Delete it with what would keep it: a bucket's objects, a rule's targets, a role's policies, a plan's stages."""
    if kind in FIRST:
        FIRST[kind](name)
    TYPES[kind].delete(name)


def _queue_url(name: str) -> str:
    try:
        return aws.call(aws.client("sqs").get_queue_url, QueueName=name)["QueueUrl"]
    except Refused as error:
        if GONE.search(error.code):
            return ""
        raise


def _free_rule(name: str) -> None:
    targets = [entry["Id"] for entry in aws.pages("events", "list_targets_by_rule", "Targets", Rule=name)]
    if targets:
        aws.call(aws.client("events").remove_targets, Rule=name, Ids=targets)


def _free_role(name: str) -> None:
    iam = aws.client("iam")
    for policy in aws.pages("iam", "list_role_policies", "PolicyNames", RoleName=name):
        aws.call(iam.delete_role_policy, RoleName=name, PolicyName=policy)
    for policy in aws.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name):
        aws.call(iam.detach_role_policy, RoleName=name, PolicyArn=policy["PolicyArn"])


def _free_plan(name: str) -> None:
    gateway = aws.client("apigateway")
    stages = aws.call(gateway.get_usage_plan, usagePlanId=name).get("apiStages", [])
    operations = [
        {"op": "remove", "path": "/apiStages", "value": f"{each['apiId']}:{each['stage']}"} for each in stages
    ]
    if operations:
        aws.call(gateway.update_usage_plan, usagePlanId=name, patchOperations=operations)


FIRST = {
    "AWS::ApiGateway::UsagePlan": _free_plan,
    "AWS::Events::Rule": _free_rule,
    "AWS::IAM::Role": _free_role,
    "AWS::S3::Bucket": bucket.empty,
}
