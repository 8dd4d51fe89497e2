"""Solutions and solution versions: what is trained, how, and what Personalize measured."""

import time
from datetime import UTC, datetime
from typing import Any

from recsys import aws

RECIPE_ARN = "arn:{}:personalize:::recipe/{}"  # partition and name
POPULARITY_COUNT = "aws-popularity-count"  # shows everybody the same: what most users touched


def ensure_solution(
    group_arn: str,
    name: str,
    recipe: str,
    tags: dict[str, str],
    *,
    perform_hpo: bool = False,
    perform_auto_training: bool = False,
    event_type: str | None = None,
    **wait: Any,
) -> str:
    """The ARN of the group's solution of that name and these settings, created if it is not there, and ACTIVE.

    A solution's settings are fixed for good: one of the same name with others makes room for `name-2` and so on.
    """
    personalize = aws.client("personalize")
    request: dict[str, Any] = {
        "recipeArn": RECIPE_ARN.format(group_arn.split(":")[1], recipe),
        "datasetGroupArn": group_arn,
        "performHPO": perform_hpo,
        "performAutoTraining": perform_auto_training,
    }
    if event_type:
        request["eventType"] = event_type
    existing = aws.pages("personalize", "list_solutions", "solutions", datasetGroupArn=group_arn)
    known = {entry["name"]: entry["solutionArn"] for entry in existing}
    candidate, count = name, 1
    while candidate in known and not _same(known[candidate], request):
        count += 1
        candidate = f"{name}-{count}"
    arn = known.get(candidate)
    if arn is None:
        arn = aws.call(personalize.create_solution, name=candidate, tags=aws.tags(tags), **request)["solutionArn"]
    aws.wait(f"solution {candidate}", lambda: _describe(arn), **wait)
    return arn


def begin_training(solution_arn: str, tags: dict[str, str]) -> str:
    """Start training and return the version's ARN at once, so that several solutions can train side by side.

    Training is billed: one under way is gone on with, and so is one that this run paid for, by its tag `run`, before it
    was cut off; unless tables were imported since it began.
    """
    if arn := _trained_since_import(solution_arn, tags.get("run")):
        return arn
    request = {"solutionArn": solution_arn, "trainingMode": "FULL", "tags": aws.tags(tags)}
    return aws.call(aws.client("personalize").create_solution_version, **request)["solutionVersionArn"]


def await_training(version_arn: str, **wait: Any) -> dict[str, Any]:
    """Wait until a version is trained; returns its description with the `seconds` waited added."""
    personalize, started = aws.client("personalize"), time.monotonic()
    description = aws.wait(
        f"training {version_arn.split('/')[-2]}",
        lambda: aws.call(personalize.describe_solution_version, solutionVersionArn=version_arn)["solutionVersion"],
        **wait,
    )
    return {**description, "seconds": round(time.monotonic() - started, 2)}


def metrics(version_arn: str) -> dict[str, float]:
    """Personalize's offline metrics of a version, measured on the 10 % of users it did not train on."""
    return aws.call(aws.client("personalize").get_solution_metrics, solutionVersionArn=version_arn)["metrics"]


def _trained_since_import(solution_arn: str, run: str | None) -> str | None:
    """The newest version, if it knows what was imported and is still training or of this run."""
    personalize = aws.client("personalize")
    listed = aws.pages("personalize", "list_solution_versions", "solutionVersions", solutionArn=solution_arn)
    newest = max(listed, key=lambda version: version["creationDateTime"], default=None)
    if newest is None or newest["creationDateTime"] < _last_import(_describe(solution_arn)["datasetGroupArn"]):
        return None
    arn, status = newest["solutionVersionArn"], newest["status"]
    if status == "ACTIVE" and run:
        kept = aws.call(personalize.list_tags_for_resource, resourceArn=arn)["tags"]
        return arn if {"tagKey": "run", "tagValue": run} in kept else None
    return arn if status in ("CREATE PENDING", "CREATE IN_PROGRESS") else None


def _last_import(group_arn: str) -> datetime:
    """When the group's newest import ended, or was last heard of."""
    jobs = [
        job["lastUpdatedDateTime"]
        for dataset in aws.pages("personalize", "list_datasets", "datasets", datasetGroupArn=group_arn)
        for job in aws.pages(
            "personalize", "list_dataset_import_jobs", "datasetImportJobs", datasetArn=dataset["datasetArn"]
        )
    ]
    return max(jobs, default=datetime.min.replace(tzinfo=UTC))


def _describe(arn: str) -> dict[str, Any]:
    return aws.call(aws.client("personalize").describe_solution, solutionArn=arn)["solution"]


def _same(arn: str, request: dict[str, Any]) -> bool:
    described = _describe(arn)
    keys = ("recipeArn", "performHPO", "performAutoTraining", "eventType")
    return all(
        described.get(key) == request.get(key, described.get(key) if key != "eventType" else None) for key in keys
    )
