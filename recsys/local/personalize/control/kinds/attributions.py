"""Metric attributions: which metrics a dataset group measures its recommendations by, and where they go.

The metrics are in the attribution's document, each with the number of the last event before it (`_since`): events and
imports that came earlier are not reported, as on AWS. An update holds at once [AWS shows no progress of it]; it
removes first and adds then, so that one request can replace a metric. The sentences are ours.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

from recsys.local.personalize.attribution import plan
from recsys.local.personalize.control.kinds.datasets import group_fields
from recsys.local.personalize.control.kinds.imports import check_location
from recsys.local.personalize.control.kinds.rule import Document, Rule
from recsys.local.personalize.errors import exists, invalid, not_found
from recsys.local.shared.store import Resource
from recsys.local.shared.tokens import page

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

MOST = 10


def _prepare(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (group,) = parents
    _check_output(document["metricsOutputConfig"])
    document["metrics"] = _checked(control, group.arn, document["metrics"])
    _check_names(document["metrics"])
    return {}


def _check_output(config: Document) -> None:
    if "s3DataDestination" in config:
        check_location(config["s3DataDestination"]["path"], "Invalid S3 output path.")


def _checked(control: "Control", group: str, metrics: list[Document]) -> list[Document]:
    """Metrics that can be measured in a group, from its next event on. Raises InvalidInputException."""
    columns, since = group_fields(control, group), plan.last_event(control)
    if "EVENT_TYPE" not in columns.get("Interactions", ("EVENT_TYPE",)):
        raise invalid("A metric attribution needs an Interactions dataset with an EVENT_TYPE column")
    for metric in metrics:
        if not metric["metricName"].strip() or not metric["eventType"].strip():
            raise invalid("A metric needs a metricName and an eventType that are not blank")
        plan.summed(metric["expression"], columns)
    return [{**metric, "_since": since} for metric in metrics]


def _check_names(metrics: list[Document]) -> None:
    twice = [name for name, times in Counter(metric["metricName"] for metric in metrics).items() if times > 1]
    if twice:
        raise invalid(f"The names of metrics must be unique: {', '.join(twice)}")


def _change(control: "Control", attribution: Resource, params: Document) -> Document:
    """UpdateMetricAttribution. Raises ResourceNotFound-, ResourceAlreadyExists-, InvalidInputException."""
    document = attribution.document
    removed, added = set(params.get("removeMetrics", [])), params.get("addMetrics", [])
    unknown = removed - {metric["metricName"] for metric in document["metrics"]}
    if unknown:
        raise not_found(f"{attribution.arn} has no metric {', '.join(sorted(unknown))}.")
    kept = [metric for metric in document["metrics"] if metric["metricName"] not in removed]
    taken = {metric["metricName"] for metric in kept} & {metric["metricName"] for metric in added}
    if taken:
        raise exists(f"{attribution.arn} has a metric {', '.join(sorted(taken))} already.")
    metrics = [*kept, *_checked(control, document["datasetGroupArn"], added)]
    _check_names(metrics)
    if len(metrics) > MOST:
        raise invalid(f"A metric attribution can have {MOST} metrics at most, not {len(metrics)}")
    output = params.get("metricsOutputConfig", document["metricsOutputConfig"])
    _check_output(output)
    return {"metrics": metrics, "metricsOutputConfig": output}


def list_metrics(control: "Control", params: dict[str, Any]) -> Document:
    """ListMetricAttributionMetrics, which names the attribution it means, and models no ResourceNotFoundException."""
    attribution = control.store.get(params.get("metricAttributionArn", ""))
    if attribution is None or attribution.kind != "MetricAttribution":
        raise invalid(f"There is no metric attribution {params.get('metricAttributionArn', 'without an ARN')}.")
    asked = params.get("nextToken"), params.get("maxResults", 100), "ListMetricAttributionMetrics"
    metrics, token = page(attribution.document["metrics"], *asked)
    return {"metrics": metrics, "nextToken": token}


RULES = {"MetricAttribution": Rule(prepare=_prepare, change=_change)}
