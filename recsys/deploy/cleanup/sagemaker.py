"""What SageMaker holds of an environment, by its tags: jobs that run, endpoints and what they are made of.

It goes before the bucket that jobs write into, and before the role that everything works with. Jobs that ended stay in
SageMaker's history, where they cost nothing; what they wrote to logs that all projects share does not stay.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from recsys import aws
from recsys.aws import Report
from recsys.deploy.cleanup.waiting import accepted, until
from recsys.errors import Refused

CHANGING = re.compile("in-progress endpoint|is in status")  # in a ValidationException; a job that ends just now, too
RUNNING = ("InProgress", "Stopping")


@dataclass(frozen=True)
class Kind:
    """A kind of resource by its name in ARNs; `verb` is what ends one, as a job can only be stopped."""

    path: str
    verb: str = "delete"

    @property
    def member(self) -> str:
        """`EndpointConfig`, as its members begin."""
        return self.path.title().replace("-", "")

    def look(self, arn: str) -> dict[str, Any] | None:
        """What is told of it, by its ARN or name; None where it is gone."""
        return aws.find(self._operation("describe"), **self._name(arn))

    def describe(self, arn: str) -> dict[str, Any] | None:
        """The same; None also of a job that ended."""
        found = self.look(arn)
        return found if found and (self.verb == "delete" or found[f"{self.member}Status"] in RUNNING) else None

    def end(self, arn: str) -> bool:
        """Delete or stop it; False while it cannot be yet, or is gone."""
        try:
            return accepted(lambda: aws.call(self._operation(self.verb), **self._name(arn)))
        except Refused as error:
            if aws.is_not_found(error) or CHANGING.search(str(error)):
                return False
            raise

    def _operation(self, verb: str) -> Callable[..., dict[str, Any]]:
        return getattr(aws.client("sagemaker"), f"{verb}_{self.path.replace('-', '_')}")

    def _name(self, arn: str) -> dict[str, str]:
        # A package has no name but its ARN.
        return {f"{self.member}Name": arn if self is PACKAGE else arn.rpartition("/")[2]}


ENDPOINT, GROUP, PACKAGE = Kind("endpoint"), Kind("model-package-group"), Kind("model-package")
JOBS = (Kind("training-job", "stop"), Kind("processing-job", "stop"), Kind("transform-job", "stop"))
ORDER = (*JOBS, ENDPOINT, Kind("endpoint-config"), Kind("model"), PACKAGE, GROUP)  # of deletion
LOG = "/aws/sagemaker/Endpoints/"  # a group for each, which SageMaker makes, keeps for ever and gives no tags
LOG_OF_JOBS = "/aws/sagemaker/{}s"  # one for all jobs of a kind, whoever's they are; each job has streams of its own

ArnsByKind = dict[Kind, list[str]]
Stream = tuple[str, str]  # group and name
STREAM = "AWS::Logs::LogStream"


def find_resources(tagged: Iterable[str]) -> ArnsByKind:
    """The ARNs of what is there of these, by kind, in the order of deletion; with a group come its packages."""
    found: ArnsByKind = {kind: [] for kind in ORDER}
    for arn in tagged:
        kind = kind_of(arn)
        if kind and kind.describe(arn):
            found[kind].append(arn)
    for arn in found[GROUP]:
        group = arn.rsplit("/", 1)[1]
        packages = aws.pages("sagemaker", "list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=group)
        found[PACKAGE] += [entry["ModelPackageArn"] for entry in packages]
    return {kind: list(dict.fromkeys(arns)) for kind, arns in found.items() if arns}


def find_log_streams(tagged: Iterable[str]) -> list[Stream]:
    """The log streams of jobs, those that ended too."""
    jobs = [(kind, arn.rsplit("/", 1)[1]) for arn in tagged if (kind := kind_of(arn)) in JOBS]
    return [(group, name) for kind, job in jobs for group, name in _streams(LOG_OF_JOBS.format(kind.member), job)]


def _streams(group: str, job: str) -> list[Stream]:
    request = {"logGroupName": group, "logStreamNamePrefix": f"{job}/"}
    try:
        return [
            (group, each["logStreamName"])
            for each in aws.pages("logs", "describe_log_streams", "logStreams", **request)
        ]
    except Refused as error:
        if aws.is_not_found(error):
            return []
        raise


def kind_of(arn: str) -> Kind | None:
    """The kind of a resource; None for one that this module does not know."""
    word = arn.split(":", 5)[5].split("/")[0]
    return next((kind for kind in ORDER if kind.path == word), None)


def remove(found: ArnsByKind, deadline: float, tell: Report) -> None:
    """End all of a kind and wait until each is gone, kind after kind. Raises TimedOut at the deadline."""
    for kind, arns in found.items():
        for arn in arns:
            if kind is ENDPOINT:
                _let_go(arn)
            until(lambda kind=kind, arn=arn: _ended(kind, arn), f"{arn}: still in use", deadline, tell)
        for arn in arns:
            until(lambda kind=kind, arn=arn: kind.describe(arn) is None, f"{arn}: ending", deadline, tell)
            if kind is ENDPOINT:
                aws.find(aws.client("logs").delete_log_group, logGroupName=LOG + arn.rsplit("/", 1)[1])
            tell(f"{arn}: {'deleted' if kind.verb == 'delete' else 'stopped'}")


def remove_log_streams(streams: Iterable[Stream], tell: Report) -> None:
    """Delete these, and no other of their groups."""
    for group, name in streams:
        aws.find(aws.client("logs").delete_log_stream, logGroupName=group, logStreamName=name)
        tell(f"{STREAM} {group}:{name}: deleted")


def _ended(kind: Kind, arn: str) -> bool:
    """True once its end is accepted, or was before; False while it is in use."""
    description = kind.describe(arn)
    if description is None or description.get(f"{kind.member}Status") in ("Deleting", "Stopping"):
        return True
    return kind.end(arn)


def _let_go(endpoint: str) -> None:
    """Deregister its variants from Application Auto Scaling, which would keep their targets and alarms."""
    name = endpoint.rsplit("/", 1)[1]
    variants = (ENDPOINT.describe(endpoint) or {}).get("ProductionVariants", [])
    resources = [f"endpoint/{name}/variant/{variant['VariantName']}" for variant in variants]
    request = {"ServiceNamespace": "sagemaker", "ResourceIds": resources}
    targets = aws.pages("application-autoscaling", "describe_scalable_targets", "ScalableTargets", **request)
    for target in targets if resources else ():
        named = {each: target[each] for each in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
        aws.call(aws.client("application-autoscaling").deregister_scalable_target, **named)
