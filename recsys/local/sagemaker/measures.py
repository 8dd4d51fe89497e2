"""What CloudWatch is told of endpoints: gathered while they work, put into AWS/SageMaker every few seconds.

https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html, and async-inference-monitor.html beside it,
whose list is complete: an asynchronous endpoint has no Invocations.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

NAMESPACE = "AWS/SageMaker"
UNITS = {
    **dict.fromkeys(("Invocations", "Invocation4XXErrors", "Invocation5XXErrors"), "None"),
    **dict.fromkeys(("ModelLatency", "RequestDownloadLatency", "ResponseUploadLatency"), "Microseconds"),
    "TimeInBacklog": "Microseconds",
    "TotalProcessingTime": "Milliseconds",
    "ApproximateAgeOfOldestRequest": "Seconds",
}  # of all others Count

Params = dict[str, Any]


class Measures:
    """Values by endpoint, variant and metric since the last report; from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gathered: dict[tuple[str, str, str], list[float]] = {}

    def add(self, endpoint: str, variant: str, values: Mapping[str, float]) -> None:
        """One value of each metric, in its unit; without a variant (""), of the endpoint as a whole."""
        with self._lock:
            for metric, value in values.items():
                entry = self._gathered.setdefault((endpoint, variant, metric), [0.0, 0.0, value, value])
                entry[:] = entry[0] + 1, entry[1] + value, min(entry[2], value), max(entry[3], value)

    def report(self, put: Callable[[list[Params]], bool]) -> None:
        """Put what was gathered."""
        with self._lock:
            gathered, self._gathered = self._gathered, {}
        put([_datum(*key, values) for key, values in gathered.items()])


def of_answer(status: int, seconds: float) -> dict[str, float]:
    """What is measured of a model's answer, however it was asked."""
    return {
        "Invocation4XXErrors": float(400 <= status < 500),
        "Invocation5XXErrors": float(status >= 500),
        "ModelLatency": seconds * 1e6,
    }


def _datum(endpoint: str, variant: str, metric: str, values: list[float]) -> Params:
    count, total, least, most = values
    dimensions = {"EndpointName": endpoint, **({"VariantName": variant} if variant else {})}
    return {
        "MetricName": metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Timestamp": time.time(),
        "Unit": UNITS.get(metric, "Count"),
        "StatisticValues": {"SampleCount": count, "Sum": total, "Minimum": least, "Maximum": most},
    }
