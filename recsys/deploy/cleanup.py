"""Back to nothing: everything of one environment, deleted in the order AWS allows, and looked for afterwards.

Deleting is asynchronous on AWS, and a resource cannot go before those that depend on it. Each step therefore deletes
what is there and waits until it is gone; a run cut short is simply run again.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from recsys import aws
from recsys.deploy import stack
from recsys.errors import Refused, TimedOut

Report = Callable[[str], None]

OBJECTS_AT_ONCE = 1000  # DeleteObjects takes at most 1,000 keys
# What Personalize answers while something else still holds on to a resource, or is at work on it.
BUSY = ("ResourceInUseException", "LimitExceededException", "ThrottlingException")
GONE = re.compile("NotFound|NoSuch|NonExist|DoesNotExist|^404$")
KIND_OF_TABLE = "(?:interactions|items|users)"
LINGERS = 90  # seconds; SQS goes on answering for up to a minute after a queue is deleted


@dataclass(frozen=True)
class Kind:
    """A kind of Personalize resource, as operations, requests and lists spell it."""

    name: str
    argument: str
    listing: str

    def listed(self, **parent: str) -> list[str]:
        """ARNs of this kind under a parent, such as `datasetGroupArn=...`."""
        entries = aws.pages("personalize", f"list_{self.name}s", self.listing, **parent)
        return [entry[self.argument] for entry in entries]

    def describe(self, arn: str) -> dict[str, Any] | None:
        return aws.find(getattr(aws.client("personalize"), f"describe_{self.name}"), **{self.argument: arn})

    def delete(self, arn: str) -> None:
        aws.call(getattr(aws.client("personalize"), f"delete_{self.name}"), **{self.argument: arn})


CAMPAIGN = Kind("campaign", "campaignArn", "campaigns")
SOLUTION = Kind("solution", "solutionArn", "solutions")
DATASET = Kind("dataset", "datasetArn", "datasets")
SCHEMA = Kind("schema", "schemaArn", "schemas")
GROUP = Kind("dataset_group", "datasetGroupArn", "datasetGroups")
# Under a dataset group, in the order of deletion; campaigns come before their solutions.
UNDER_GROUP = (
    SOLUTION,
    Kind("filter", "filterArn", "Filters"),
    Kind("event_tracker", "eventTrackerArn", "eventTrackers"),
    DATASET,
)

# How to ask whether one of the stack's resources is there: service, operation, what names it.
LOOK = {
    "AWS::ApiGateway::ApiKey": ("apigateway", "get_api_key", "apiKey"),
    "AWS::ApiGateway::RestApi": ("apigateway", "get_rest_api", "restApiId"),
    "AWS::ApiGateway::UsagePlan": ("apigateway", "get_usage_plan", "usagePlanId"),
    "AWS::CloudWatch::Dashboard": ("cloudwatch", "get_dashboard", "DashboardName"),
    "AWS::DynamoDB::Table": ("dynamodb", "describe_table", "TableName"),
    "AWS::Events::Rule": ("events", "describe_rule", "Name"),
    "AWS::IAM::Role": ("iam", "get_role", "RoleName"),
    "AWS::Kinesis::Stream": ("kinesis", "describe_stream_summary", "StreamName"),
    "AWS::Lambda::EventSourceMapping": ("lambda", "get_event_source_mapping", "UUID"),
    "AWS::Lambda::Function": ("lambda", "get_function_configuration", "FunctionName"),
    "AWS::Logs::LogGroup": ("logs", "describe_log_streams", "logGroupName"),
    "AWS::S3::Bucket": ("s3", "head_bucket", "Bucket"),
    "AWS::SNS::Topic": ("sns", "get_topic_attributes", "TopicArn"),
    "AWS::SQS::Queue": ("sqs", "get_queue_attributes", "QueueUrl"),
    "AWS::StepFunctions::StateMachine": ("stepfunctions", "describe_state_machine", "stateMachineArn"),
    "AWS::SSM::Parameter": ("ssm", "get_parameter", "Name"),
}


def find(group_name: str, stack_name: str) -> list[str]:
    """What stands of this environment, one line each, in the order it would be deleted. Looks, and changes nothing."""
    standing = [arn for _, arn in _personalize(group_name)]
    found = stack.describe(stack_name)
    if found is None:
        return standing
    resources = _resources(found["StackId"])
    bucket = _bucket(resources)
    objects = sum(1 for _ in _versions(bucket)) if bucket else 0
    standing += [f"{objects:,} objects and versions in s3://{bucket}"] if objects else []
    return standing + [f"{kind} {name}" for kind, name in resources if kind in LOOK] + [found["StackId"]]


def destroy(group_name: str, stack_name: str, *, report: Report | None = None, timeout: float = 3600) -> list[str]:
    """Delete everything of this environment; returns what is left, which is nothing unless AWS kept something back.

    `report` gets a line for each thing that goes, and for what is waited for. Raises TimedOut where something is still
    in use after `timeout` seconds; running it again goes on from there.
    """
    tell = report or (lambda line: None)
    deadline = time.monotonic() + timeout
    steps: dict[Kind, list[str]] = {}
    for kind, arn in _personalize(group_name):
        steps.setdefault(kind, []).append(arn)
    for kind, arns in steps.items():
        _remove(kind, arns, deadline, tell)
    found = stack.describe(stack_name)
    resources = _resources(found["StackId"]) if found else []
    if bucket := _bucket(resources):
        tell(f"{_empty(bucket):,} objects and versions in s3://{bucket}: deleted")
    stack.delete(stack_name, on_event=report, timeout=timeout)
    return _left(group_name, stack_name, resources, tell)


def group_arn(name: str) -> str | None:
    """The dataset group of that name."""
    groups = aws.pages("personalize", "list_dataset_groups", "datasetGroups")
    return next((entry["datasetGroupArn"] for entry in groups if entry["name"] == name), None)


def _personalize(group_name: str) -> Iterator[tuple[Kind, str]]:
    """What Personalize holds of the group, in the order of deletion."""
    group = group_arn(group_name)
    schemas = _named_schemas(group_name)
    for kind in UNDER_GROUP if group else ():
        arns = kind.listed(datasetGroupArn=group)
        if kind is SOLUTION:
            yield from ((CAMPAIGN, arn) for solution in arns for arn in CAMPAIGN.listed(solutionArn=solution))
        if kind is DATASET:
            schemas |= {(kind.describe(arn) or {}).get("dataset", {}).get("schemaArn", "") for arn in arns}
        yield from ((kind, arn) for arn in arns)
    yield from ((SCHEMA, arn) for arn in sorted(schemas - {""}))
    if group:
        yield GROUP, group


def _named_schemas(group_name: str) -> set[str]:
    """Schemas named after the group: once their datasets are gone, nothing else tells whose they were.

    The kind stands before the environment's suffix: `shop-dev` has `shop-items-dev`, and `shop-items-dev-2` after that.
    """
    words = group_name.split("-")
    splits = ("-".join([*words[:at], KIND_OF_TABLE, *words[at:]]) for at in range(1, len(words) + 1))
    name = re.compile(rf"({'|'.join(splits)})(-\d+)?", re.IGNORECASE)
    entries = aws.pages("personalize", "list_schemas", "schemas")
    return {entry["schemaArn"] for entry in entries if name.fullmatch(entry["name"])}


def _remove(kind: Kind, arns: Iterable[str], deadline: float, tell: Report) -> None:
    """Delete all of a kind, then wait until each is gone."""
    arns = list(arns)
    for arn in arns:
        _until(lambda arn=arn: _deleted(kind, arn), f"{arn}: still in use", deadline, tell)
    for arn in arns:
        _until(lambda arn=arn: kind.describe(arn) is None, f"{arn}: being deleted", deadline, tell)
        tell(f"{arn}: deleted")


def _deleted(kind: Kind, arn: str) -> bool:
    """True once the deletion is accepted, or was before; False while the resource is in use."""
    description = kind.describe(arn) or {}
    status = next((body.get("status", "") for body in description.values() if isinstance(body, dict)), "")
    if not description or status.startswith("DELETE"):
        return True
    try:
        kind.delete(arn)
    except Refused as error:
        if error.code in BUSY:
            return False
        raise
    return True


def _until(done: Callable[[], bool], what: str, deadline: float, tell: Report) -> None:
    """Ask `done` again and again, telling once a minute what is waited for. Raises TimedOut at the deadline."""
    started = told = time.monotonic()
    while not done():
        now = time.monotonic()
        if now > deadline:
            raise TimedOut(f"{what} after {now - started:.0f} s; run the command again to go on")
        if told == started or now - told >= 60:
            tell(f"waiting: {what} for {now - started:.0f} s")
            told = now
        time.sleep(min(10.0, max(0.05, (now - started) / 10)))


def _resources(stack_arn: str) -> list[tuple[str, str]]:
    """Type and physical name of the stack's resources, and of those of its nested parts."""
    entries = aws.pages("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=stack_arn)
    own = [
        (entry["ResourceType"], entry["PhysicalResourceId"])
        for entry in entries
        if entry.get("PhysicalResourceId") and entry["ResourceStatus"] != "DELETE_COMPLETE"
    ]
    return own + [each for kind, name in own if kind == "AWS::CloudFormation::Stack" for each in _resources(name)]


def _bucket(resources: Iterable[tuple[str, str]]) -> str | None:
    names = [name for kind, name in resources if kind == "AWS::S3::Bucket"]
    return names[0] if names and _stands("AWS::S3::Bucket", names[0]) else None


def _versions(bucket: str) -> Iterator[dict[str, str]]:
    """Every version and delete marker, as DeleteObjects wants them."""
    for listing in ("Versions", "DeleteMarkers"):
        for entry in aws.pages("s3", "list_object_versions", listing, Bucket=bucket):
            yield {"Key": entry["Key"], "VersionId": entry["VersionId"]}


def _empty(bucket: str) -> int:
    entries = list(_versions(bucket))
    for begin in range(0, len(entries), OBJECTS_AT_ONCE):
        request = {"Objects": entries[begin : begin + OBJECTS_AT_ONCE], "Quiet": True}
        aws.call(aws.client("s3").delete_objects, Bucket=bucket, Delete=request)
    return len(entries)


def _left(group_name: str, stack_name: str, resources: Iterable[tuple[str, str]], tell: Report) -> list[str]:
    """What can still be found: by the stack's and the group's lists, and by asking for each former resource."""
    started = time.monotonic()
    while True:
        left = find(group_name, stack_name) + [f"{kind} {name}" for kind, name in resources if _stands(kind, name)]
        if not left or time.monotonic() - started > LINGERS:
            return left
        tell(f"waiting: {len(left)} still answer, such as {left[0]}")
        time.sleep(5)


def _stands(kind: str, name: str) -> bool:
    if kind not in LOOK:
        return False  # goes with its owner: a path with its API, a policy with its bucket
    service, operation, argument = LOOK[kind]
    try:
        aws.call(getattr(aws.client(service), operation), **{argument: name})
    except Refused as error:
        if GONE.search(error.code):
            return False
        raise
    return True
