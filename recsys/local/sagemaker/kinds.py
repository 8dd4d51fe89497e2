"""The table of resource types: names of members, and how AWS words that one is missing or there already."""

import re
from dataclasses import dataclass
from typing import Any

Params = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One resource type; its operations are CreateX, DescribeX, ListXs and so on.

    path        the ARN after the account, before the name
    prefix      its members: TrainingJobName, TrainingJobArn, TrainingJobStatus
    summaries   the member of List's answer
    missing     {arn} and {name}
    taken       error code and message, {arn}
    """

    name: str
    path: str
    summaries: str
    missing: str
    taken: tuple[str, str]
    descending: bool = True  # List's order where none is asked for

    @property
    def name_member(self) -> str:
        return f"{self.name}Name"

    @property
    def arn_member(self) -> str:
        return f"{self.name}Arn"

    @property
    def status_member(self) -> str:
        return f"{self.name}Status"


def _thing(name: str, words: str, summaries: str) -> Kind:
    path = re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower()
    taken = "ValidationException", f'Cannot create already existing {words} "{{arn}}".'
    return Kind(name, path, summaries, f'Could not find {words} "{{arn}}".', taken)


def _job(name: str, path: str, missing: str, words: str, descending: bool) -> Kind:
    taken = f"{words} names must be unique within an AWS account and region, and a {words.lower()} with this name "
    return Kind(
        name, path, f"{name}Summaries", missing, ("ResourceInUse", taken + "already exists ({arn})"), descending
    )


UNKNOWN_JOB = "Could not find requested job with name: {name}"
KINDS = {
    kind.name: kind
    for kind in (
        _job("TrainingJob", "training-job", "Requested resource not found.", "Training job", False),
        _job("ProcessingJob", "processing-job", UNKNOWN_JOB, "Job", False),
        _job("TransformJob", "transform-job", UNKNOWN_JOB, "Job", True),
        _thing("Model", "model", "Models"),
        _thing("EndpointConfig", "endpoint configuration", "EndpointConfigs"),
        _thing("Endpoint", "endpoint", "Endpoints"),
        Kind(
            "ModelPackageGroup",
            "model-package-group",
            "ModelPackageGroupSummaryList",
            "ModelPackageGroup {arn} does not exist.",
            ("ValidationException", "Model Package Group already exists: {arn}"),
            False,
        ),
        Kind(
            "ModelPackage",
            "model-package",
            "ModelPackageSummaryList",
            "ModelPackage {arn} does not exist.",
            ("ValidationException", "ModelPackage already exists: {arn}"),
            False,
        ),
    )
}
VERBS = ("Create", "Describe", "List", "Delete", "Stop", "Update")


def verb_and_kind(operation: str) -> tuple[str, Kind] | None:
    """What an operation does to which kind: CreateModel, ListModels; None for an operation of another form."""
    for verb in VERBS:
        name = operation.removeprefix(verb)
        kind = KINDS.get(name.removesuffix("s") if verb == "List" else name)
        if operation.startswith(verb) and kind:
            return verb, kind
    return None
