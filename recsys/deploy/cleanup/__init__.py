"""Back to nothing: everything of one environment, deleted in the order AWS allows, and looked for afterwards.

Deleting is asynchronous on AWS, and a resource cannot go before those that depend on it. Each step therefore deletes
what is there and waits until it is gone; a run cut short is simply run again.
"""

import time
from dataclasses import dataclass

from recsys import aws
from recsys.aws import Report
from recsys.deploy import stack
from recsys.deploy.cleanup import bucket, personalize, sagemaker, services, strays
from recsys.deploy.cleanup.inventory import inventory as inventory
from recsys.deploy.cleanup.services import Resource
from recsys.deploy.cleanup.strays import Tagged
from recsys.deploy.cleanup.waiting import accepted, until

LINGERS = 90  # seconds; SQS goes on answering for up to a minute after a queue is deleted
BUCKET = "AWS::S3::Bucket"


@dataclass(frozen=True)
class Environment:
    """What is there of an environment.

    personalize  ARNs by kind, in the order of deletion
    sagemaker    likewise, of jobs only those that run
    logs         what jobs wrote, those that ended too, to logs that all projects share
    stacks       ARNs: the stack of that name, and others that carry the environment's tags
    resources    what is in those stacks and their nested parts
    strays       what carries the tags and is in none of them, in the order of deletion
    unknown      ARNs that carry the tags, of kinds not known here: to be deleted by hand
    """

    personalize: personalize.ArnsByKind
    sagemaker: sagemaker.ArnsByKind
    logs: list[sagemaker.Stream]
    stacks: list[str]
    resources: list[Resource]
    strays: list[Resource]
    unknown: list[str]

    def lines(self) -> list[str]:
        """One line each, in the order in which it would be deleted."""
        found = [arn for service in (self.personalize, self.sagemaker) for arns in service.values() for arn in arns]
        found += [_contents(name) for name in _buckets(self.resources)]
        found += [f"{kind} {name}" for kind, name in self.resources if kind in services.TYPES]
        found += [*self.stacks, *(_contents(name) for name in _buckets(self.strays))]
        found += [f"{kind} {name}, by its tags" for kind, name in self.strays]
        found += [f"{sagemaker.STREAM} {group}:{name}" for group, name in self.logs]
        return [line for line in found if line] + [f"{arn}: to be deleted by hand" for arn in self.unknown]


def find(group_name: str, stack_name: str, stage: str | None = None) -> list[str]:
    """What stands of this environment, one line each, in the order it would be deleted. Looks, and changes nothing.

    With a `stage`, what carries its tags is found too, wherever it is.
    """
    return _look(group_name, stack_name, stage).lines()


def destroy(
    group_name: str,
    stack_name: str,
    stage: str | None = None,
    *,
    report: Report | None = None,
    timeout: float = 3600,
) -> list[str]:
    """Delete everything of this environment; returns what is left, which is nothing unless AWS kept something back.

    `report` gets a line for each thing that goes, and for what is waited for. Raises TimedOut where something is still
    in use after `timeout` seconds; running it again goes on from there.
    """
    tell = report or (lambda line: None)
    deadline = time.monotonic() + timeout
    found = _look(group_name, stack_name, stage)
    personalize.remove(found.personalize, deadline, tell)
    sagemaker.remove(found.sagemaker, deadline, tell)
    for name in _buckets(found.resources):
        tell(f"{bucket.empty(name):,} objects and versions in s3://{name}: deleted")
    for arn in found.stacks:
        stack.delete(arn, on_event=report, timeout=timeout)
    # What a stack kept on its deletion is a stray only now; a bucket is known without tags too.
    kept, now = [(BUCKET, name) for name in _buckets(found.resources)], _look(group_name, stack_name, stage)
    kept += [each for each in now.strays if each not in kept]
    for resource in kept:
        _remove(resource, deadline, tell)
    # At the end, and found anew: a job that was stopped had last words.
    sagemaker.remove_log_streams(_look(group_name, stack_name, stage).logs, tell)
    return _left(group_name, stack_name, stage, [*found.resources, *kept], tell)


def _look(group_name: str, stack_name: str, stage: str | None) -> Environment:
    tagged = strays.tagged(stage) if stage else Tagged()
    main = stack.describe(stack_name)
    stacks = list(dict.fromkeys(([main["StackId"]] if main else []) + tagged.stacks))
    resources = [resource for arn in stacks for resource in _resources(arn)]
    owned = set(resources)
    loose = [resource for resource in tagged.resources if resource not in owned]
    return Environment(
        personalize.find_resources(group_name, tagged.personalize),
        sagemaker.find_resources(tagged.sagemaker),
        sagemaker.find_log_streams(tagged.sagemaker),
        stacks,
        resources,
        loose,
        tagged.unknown,
    )


def _resources(stack_arn: str) -> list[Resource]:
    """Type and physical name of the stack's resources, and of those of its nested parts."""
    entries = aws.pages("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=stack_arn)
    own = [
        (entry["ResourceType"], entry["PhysicalResourceId"])
        for entry in entries
        if entry.get("PhysicalResourceId") and entry["ResourceStatus"] != "DELETE_COMPLETE"
    ]
    return own + [each for kind, name in own if kind == "AWS::CloudFormation::Stack" for each in _resources(name)]


def _buckets(resources: list[Resource]) -> list[str]:
    return [name for kind, name in resources if kind == BUCKET and services.exists(kind, name)]


def _contents(name: str) -> str:
    count = sum(1 for _ in bucket.versions(name))
    return f"{count:,} objects and versions in s3://{name}" if count else ""


def _remove(resource: Resource, deadline: float, tell: Report) -> None:
    name = " ".join(resource)

    def gone() -> bool:
        return not services.exists(*resource) or accepted(lambda: services.delete(*resource))

    until(gone, f"{name}: still in use", deadline, tell)
    tell(f"{name}: deleted")


def _left(group_name: str, stack_name: str, stage: str | None, gone: list[Resource], tell: Report) -> list[str]:
    """What can still be found: by name, by tag, and by asking for each former resource."""
    started = time.monotonic()
    while True:
        left = find(group_name, stack_name, stage) + [" ".join(each) for each in gone if services.exists(*each)]
        waited = time.monotonic() - started
        if not left or waited > LINGERS:
            return list(dict.fromkeys(left))
        tell(f"waiting: {len(left)} still answer, such as {left[0]}")
        time.sleep(min(5.0, max(0.5, waited / 2)))
