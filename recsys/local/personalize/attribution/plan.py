"""What a group's metric attribution measures, for those who report it: events in the server, imports in the worker."""

from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from recsys.local.personalize.attribution.totals import Metric, parse
from recsys.local.personalize.control.kinds.datasets import dataset_file, dataset_schema, group_fields
from recsys.local.personalize.control.resources import ACTIVE
from recsys.local.personalize.errors import invalid
from recsys.local.personalize.schemas import Field, fields, plain
from recsys.local.personalize.serving.sources import by_mark
from recsys.local.shared.errors import ServiceError
from recsys.local.shared.store import Resource, read_only

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

Document = dict[str, Any]
DATASETS = {"items": "Items", "interactions": "Interactions"}


def summed(expression: str, columns: dict[str, dict[str, Field]]) -> tuple[str, str] | None:
    """Dataset and column that a metric sums, as a group's schemas spell them; None for a count.

    Raises InvalidInputException. [The sentences are ours.]
    """
    parsed = parse(expression)
    if parsed is None:
        return None
    dataset = DATASETS.get(parsed[0].lower())
    if dataset is None:
        raise invalid(f"{expression}: SUM() takes a column of Items or Interactions, not of {parsed[0]}")
    column = next((each for name, each in columns.get(dataset, {}).items() if plain(name) == plain(parsed[1])), None)
    if column is None:
        raise invalid(f"{expression}: the {dataset} dataset of the group has no column {parsed[1]}")
    if not column.numeric:
        raise invalid(f"{expression}: SUM() takes a numeric column; {column.name} is of type {column.type}")
    return dataset, column.name


def active_attributions(control: "Control", **members: str) -> list[Resource]:
    """The metric attributions that measure."""
    return control.store.find("MetricAttribution", status=ACTIVE, **members)


def metrics_of(control: "Control", attribution: Resource) -> list[Metric]:
    """The metrics of an attribution, but for those whose column is gone with its dataset."""
    columns = group_fields(control, attribution.document["datasetGroupArn"])
    found = []
    for metric in attribution.document["metrics"]:
        try:
            sums = summed(metric["expression"], columns) or (None, None)
        except ServiceError:
            continue
        found.append(Metric(metric["metricName"], metric["eventType"], *sums, since=metric["_since"]))
    return found


def marks_of(control: "Control", group: str) -> dict[str, str]:
    """What marks the recommendationIds of a group's campaigns and recommenders -> their ARNs."""
    campaigns = control.store.find("Campaign", _datasetGroupArn=group)
    makers = [*campaigns, *control.store.find("Recommender", datasetGroupArn=group)]
    return by_mark(maker.arn for maker in makers)


def last_event(control: "Control") -> int:
    """The number of the newest event of all."""
    with closing(read_only(control.folder / "events.sqlite")) as connection:
        return connection.execute("SELECT max(number) FROM events").fetchone()[0] or 0


def check_publication(control: "Control", dataset: Resource) -> None:
    """Whether an import of interactions can publish a report to S3; other data has nothing to report.

    Raises InvalidInputException. [AWS does not say what it does without a place to publish to.]
    """
    if dataset.document["datasetType"] != "INTERACTIONS":
        return
    if "EVENT_TYPE" not in fields(dataset_schema(control, dataset)):
        raise invalid("publishAttributionMetricsToS3 needs an Interactions dataset with an EVENT_TYPE column")
    found = active_attributions(control, datasetGroupArn=dataset.document["datasetGroupArn"])
    if not found or "s3DataDestination" not in found[0].document["metricsOutputConfig"]:
        raise invalid(
            "publishAttributionMetricsToS3 needs a metric attribution that is ACTIVE and has an s3DataDestination"
        )


def import_report(control: "Control", job: Resource, dataset: Resource) -> Document | None:
    """What an import job has to report, and where to; None if it has not.

    An import that asks for it goes to S3, into AWS's `AggregatedAttributionMetrics-ImportMethod-Timestamp.csv` [the
    time is that of the job's creation, in UTC]; every INCREMENTAL one goes to CloudWatch.
    """
    group, mode = dataset.document["datasetGroupArn"], job.document["importMode"]
    publish = job.document.get("publishAttributionMetricsToS3", False)
    found = active_attributions(control, datasetGroupArn=group)
    if dataset.document["datasetType"] != "INTERACTIONS" or not found or not (publish or mode == "INCREMENTAL"):
        return None
    attribution = found[0]
    folder = attribution.document["metricsOutputConfig"].get("s3DataDestination", {}).get("path", "").rstrip("/")
    moment = datetime.fromtimestamp(job.document["creationDateTime"], UTC).strftime("%Y%m%dT%H%M%SZ")
    return {
        "group": group,
        "metrics": [asdict(metric) for metric in metrics_of(control, attribution)],
        "marks": marks_of(control, group),
        "items": dataset_file(control, group, "ITEMS"),
        "path": f"{folder}/AggregatedAttributionMetrics-{mode}-{moment}.csv" if publish and folder else None,
        "cloudwatch": mode == "INCREMENTAL",
    }
