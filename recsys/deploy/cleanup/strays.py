"""What carries an environment's tags, wherever it is: left by a stack, by a creation that failed, by hand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from recsys import aws
from recsys.deploy import stack
from recsys.deploy.cleanup import sagemaker, services
from recsys.deploy.cleanup.services import Resource
from recsys.params import PROJECT

OF_STACK = "aws:cloudformation:stack-id"  # AWS's own tag of what a stack made


@dataclass(frozen=True)
class Tagged:
    """ARNs of stacks, of Personalize's and SageMaker's resources and of what nobody here deletes; the rest by name."""

    stacks: list[str] = field(default_factory=list)
    personalize: list[str] = field(default_factory=list)
    sagemaker: list[str] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def tagged(stage: str) -> Tagged:
    """What is tagged with the project and this stage and is there, in the order in which it can be deleted.

    AWS's tagging API goes on telling of resources that are gone, so each is asked for.
    """
    found = Tagged()
    for arn in (*arns(stage), *_roles(stage)):
        service = arn.split(":")[2]
        if service == "personalize":
            found.personalize.append(arn)
        elif service == "sagemaker" and sagemaker.kind_of(arn):
            found.sagemaker.append(arn)
        elif service == "cloudformation":
            found.stacks.extend(_root(arn))
        elif resource := services.named(arn):
            found.resources.extend([resource] if services.exists(*resource) else [])
        elif not services.GOES_ALONG.fullmatch(arn):
            found.unknown.append(arn)
    found.resources.sort(key=lambda resource: list(services.TYPES).index(resource[0]))
    return found


def arns(stage: str) -> Iterator[str]:
    """What AWS's tagging API tells of this stage in this region."""
    filters = [{"Key": "project", "Values": [PROJECT]}, {"Key": "stage", "Values": [stage]}]
    listed = aws.pages("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=filters)
    yield from (entry["ResourceARN"] for entry in listed)


def _roles(stage: str) -> Iterator[str]:
    """Roles, which the tagging API does not tell; a stack names its roles after itself, ours begin with the project.

    IAM has no regions: the roles of a stage of the same name in another region stay.
    """
    for role in aws.pages("iam", "list_roles", "Roles"):
        if role["RoleName"].startswith(f"{PROJECT}-"):
            listed = aws.call(aws.client("iam").list_role_tags, RoleName=role["RoleName"])["Tags"]
            tags = {tag["Key"]: tag["Value"] for tag in listed}
            mine = {"project": PROJECT, "stage": stage}.items() <= tags.items()
            if mine and _region(tags) in ("", aws.region()):
                yield role["Arn"]


def _region(tags: Mapping[str, str]) -> str:
    """Where a role is used, by its tag or its stack's; empty where neither tells."""
    return tags.get("region") or tags.get(OF_STACK, ":::").split(":")[3]


def _root(arn: str) -> list[str]:
    """The stack, unless it is gone, or part of another that takes it along."""
    found = stack.describe(arn)
    stands = found and found["StackStatus"] != "DELETE_COMPLETE" and "ParentId" not in found
    return [arn] if stands else []
