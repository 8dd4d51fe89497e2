"""Metrics of requests and jobs, named as in the developer guide's "CloudWatch metrics for Amazon Personalize".

A request costs a counter; which resource it was about and which dimensions follow is worked out when the metrics are
put, away from the request. Until then counts add up to one statistic per metric and resource. Requests that name
nothing that exists are not counted: there is nothing to count them under.

[The guide's table has neither actions nor recommenders. Operations on actions are named after its pattern;
GetRecommendations of a recommender has the dimension RecommenderArn, which AWS's own monitoring sample reads. Of a
job, an error is a job that failed. Counts of zero are not put.]
"""

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

from recsys.local.personalize.control.control import Control
from recsys.local.personalize.control.kinds.datasets import EVENT_DATASET, group_datasets
from recsys.local.shared.cloudwatch import Datum, Put
from recsys.local.shared.store import Resource

log = logging.getLogger(__name__)

MOST_SERIES = 5000  # metrics times resources between two reports; more are dropped
SUBJECTS = ("campaignArn", "recommenderArn", "trackingId", "datasetArn")

# Operation -> the metric of its successful calls, and of the milliseconds they took. PutEventLatency is AWS's spelling.
CALLS = {
    "GetRecommendations": ("GetRecommendations", "GetRecommendationsLatency"),
    "GetPersonalizedRanking": ("GetPersonalizedRanking", "GetPersonalizedRankingLatency"),
    "GetActionRecommendations": ("GetActionRecommendations", "GetActionRecommendationsLatency"),
    "PutEvents": ("PutEventsRequests", "PutEventLatency"),
    "PutItems": ("PutItemsRequests", "PutItemsLatency"),
    "PutUsers": ("PutUsersRequests", "PutUsersLatency"),
    "PutActions": ("PutActionsRequests", "PutActionsLatency"),
    "PutActionInteractions": ("PutActionInteractionsRequests", "PutActionInteractionsLatency"),
}
# Create operation -> the member of its answer that names the job, and what the job's metrics begin with.
JOBS = {
    "CreateDatasetImportJob": ("datasetImportJobArn", "DatasetImportJob"),
    "CreateSolutionVersion": ("solutionVersionArn", "SolutionTrainingJob"),
}
PREFIXES = {"DatasetImportJob": "DatasetImportJob", "SolutionVersion": "SolutionTrainingJob"}
UNITS = {"Latency": "Milliseconds", "ExecutionTime": "Seconds", "Size": "Bytes"}


@dataclass
class Statistic:
    """Values of one metric added up, as CloudWatch's StatisticValues."""

    count: int
    total: float
    low: float
    high: float

    def add(self, value: float) -> None:
        self.count, self.total = self.count + 1, self.total + value
        self.low, self.high = min(self.low, value), max(self.high, value)

    def values(self) -> dict[str, float]:
        return {"SampleCount": self.count, "Sum": self.total, "Minimum": self.low, "Maximum": self.high}


class Meter:
    """Counts what is answered and how jobs end, and reports it."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._lock = threading.Lock()
        self._series: dict[tuple[str, str], Statistic] = {}  # by metric and what identifies its resource
        control.listeners.append(self._changed)

    def answered(self, operation: str, params: dict[str, Any], status: int, seconds: float) -> None:
        """A call of the runtime or the events service was answered with an HTTP status."""
        subject = next((params[name] for name in SUBJECTS if isinstance(params.get(name), str)), None)
        if subject is None:
            return
        requests, latency = CALLS[operation]
        if status < 400:
            self.add(requests, subject, 1)
            self.add(latency, subject, 1000 * seconds)
        else:
            self.add(f"{operation}{status // 100}xxErrors", subject, 1)

    def created(self, operation: str, answer: dict[str, Any]) -> None:
        """A call of the control plane was granted."""
        if operation in JOBS:
            member, prefix = JOBS[operation]
            self.add(f"{prefix}Requests", answer[member], 1)

    def add(self, metric: str, subject: str, value: float) -> None:
        """One value of a metric of the resource with this ARN or tracking id."""
        with self._lock:
            found = self._series.get((metric, subject))
            if found:
                found.add(value)
            elif len(self._series) < MOST_SERIES:
                self._series[metric, subject] = Statistic(1, value, value, value)

    def report(self, put: Put) -> None:
        """Put what has added up. What cannot be put is lost: a gap, not a heap, if CloudWatch is away."""
        with self._lock:
            series, self._series = self._series, {}
        if series:
            subjects = {subject for _, subject in series}
            known = self._control.actor.submit(lambda: {each: self._dimensions(each) for each in subjects}).result()
            put([_datum(metric, known[subject], each) for (metric, subject), each in series.items() if known[subject]])

    # On the control plane's thread

    def _changed(self, what: str, resource: Resource) -> None:
        if what != "finished" or resource.kind not in PREFIXES:
            return
        prefix = PREFIXES[resource.kind]
        if resource.status != "ACTIVE":
            self.add(f"{prefix}Error", resource.arn, 1)
        self.add(f"{prefix}ExecutionTime", resource.arn, time.time() - resource.document["creationDateTime"])
        if "_bytes" in resource.document:
            self.add("DatasetSize", resource.arn, resource.document["_bytes"])

    def _dimensions(self, subject: str) -> dict[str, str]:
        """The dimensions of a resource's metrics; none if there is no such resource."""
        store = self._control.store
        named = [store.get(subject), *store.find("EventTracker", trackingId=subject)]
        found = next(filter(None, [*named, *store.find("Dataset", trackingId=subject)]), None)
        try:
            return DIMENSIONS.get(found.kind, _none)(self._control, found) if found else {}
        except Exception:  # the others have theirs
            log.exception("%s is not measured", found.arn)
            return {}


def _none(control: Control, resource: Resource) -> dict[str, str]:
    return {}


def _tracker(control: Control, tracker: Resource) -> dict[str, str]:
    group = tracker.document["datasetGroupArn"]
    datasets = group_datasets(control, group)
    dataset = datasets.get("INTERACTIONS") or datasets.get(EVENT_DATASET)  # which may be deleted, too
    named = {"DatasetArn": dataset.arn} if dataset else {}
    return {"DatasetGroupArn": group, **named, "EventTrackerArn": tracker.arn}


def _dataset(control: Control, dataset: Resource) -> dict[str, str]:
    return {"DatasetGroupArn": dataset.document["datasetGroupArn"], "DatasetArn": dataset.arn}


def _import(control: Control, job: Resource) -> dict[str, str]:
    dataset = control.store.get(job.document["datasetArn"])
    return {**_dataset(control, dataset), "DatasetImportJobArn": job.arn} if dataset else {}


DIMENSIONS = {
    "Campaign": lambda control, campaign: {"CampaignArn": campaign.arn},
    "Recommender": lambda control, recommender: {"RecommenderArn": recommender.arn},
    "EventTracker": _tracker,
    "Dataset": _dataset,
    "DatasetImportJob": _import,
    "SolutionVersion": lambda control, version: {
        "SolutionArn": version.document["solutionArn"],
        "SolutionVersionArn": version.arn,
    },
}


def _datum(metric: str, dimensions: dict[str, str], statistic: Statistic) -> Datum:
    return {
        "MetricName": metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Timestamp": time.time(),
        "Unit": next((unit for suffix, unit in UNITS.items() if metric.endswith(suffix)), "Count"),
        "StatisticValues": statistic.values(),
    }
