"""What stands can be found by its tags, and says whose it is and until when."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recsys import deploy, params
from recsys.deploy import stack

Client = Callable[[str], Any]
# What of the stack AWS's tagging API tells. IAM's roles have the tags too, but it knows none of them.
FOUND = {
    "apigateway:restapis",
    "apigateway:stages",
    "cloudformation:stack",
    "cloudwatch:alarm",
    "cloudwatch:dashboard",
    "dynamodb:table",
    "events:rule",
    "kinesis:stream",
    "lambda:event-source-mapping",
    "lambda:function",
    "logs:log-group",
    "s3",
    "sns",
    "sqs",
    "ssm:parameter",
}


def tags_of(suffix: str, run: str = "first", **settings: Any) -> dict[str, str]:
    given = [f"aws.environment_suffix={suffix}", *(f"aws.{name}={value}" for name, value in settings.items())]
    return params.load(settings=given, environment={})[0].tags(run)


def tagged(client: Client, suffix: str) -> dict[str, dict[str, str]]:
    filters = [{"Key": "project", "Values": ["recsys"]}, {"Key": "stage", "Values": [suffix]}]
    found = client("resourcegroupstaggingapi").get_resources(TagFilters=filters)["ResourceTagMappingList"]
    return {entry["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in entry["Tags"]} for entry in found}


def kind(arn: str) -> str:
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    if service == "apigateway":
        return f"{service}:{resource.split('/')[-2]}"
    return service if service in ("s3", "sns", "sqs") else f"{service}:{resource.replace('/', ':').split(':')[0]}"


def test_all_that_can_be_tagged_is_tagged_down_to_the_nested_parts(environment: Any, client: Client) -> None:
    tags = tags_of(environment.suffix, expires_days=14)
    values = {
        "EnvironmentSuffix": environment.suffix,
        "TrackingId": "t",
        "CampaignArn": "arn:aws:personalize:::campaign/c",
    }
    deploy.deploy(environment.stack, values, tags)
    found = tagged(client, environment.suffix)
    assert {kind(arn) for arn in found} == FOUND
    assert all(tags.items() <= own.items() for own in found.values())
    roles = [role["RoleName"] for role in client("iam").list_roles()["Roles"]]
    for role in (name for name in roles if name.startswith(f"{environment.stack}-")):
        own = client("iam").list_role_tags(RoleName=role)["Tags"]
        assert tags.items() <= {tag["Key"]: tag["Value"] for tag in own}.items()


def test_personalizes_resources_are_found_by_their_tags(environment: Any, client: Client) -> None:
    tags = [{"tagKey": key, "tagValue": value} for key, value in tags_of(environment.suffix).items()]
    arn = client("personalize").create_dataset_group(name=environment.group, tags=tags)["datasetGroupArn"]
    assert tagged(client, environment.suffix)[arn] == tags_of(environment.suffix)


def test_another_run_touches_nothing(environment: Any) -> None:
    for run in ("first", "second"):
        environment.said.clear()
        wanted = {"EnvironmentSuffix": environment.suffix}
        deploy.deploy(
            environment.stack,
            wanted,
            tags_of(environment.suffix, run, expires_days=3),
            on_event=environment.said.append,
        )
    assert environment.said == [f"stack {environment.stack}: unchanged"]


@pytest.mark.parametrize(("days", "left"), [(14, 4), (30, 20)])
def test_the_days_until_expiry_count_from_the_stacks_creation(days: int, left: int) -> None:
    now = datetime.now(UTC)
    standing = {"CreationTime": now - timedelta(days=10), "Tags": [{"Key": "run", "Value": "first"}]}
    tags = {tag["Key"]: tag["Value"] for tag in stack._tags(standing, tags_of("dev", "later", expires_days=days))}
    assert (tags["run"], tags["expiry"]) == ("first", str(now.date() + timedelta(days=left)))
