"""Calls to an endpoint: from a request to a container's answer, in AWS's form, and what is counted of it."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from recsys.local.sagemaker.endpoints import Endpoints
from recsys.local.sagemaker.hosting import Answer, Fleet, Refused, TimedOut, Unavailable
from recsys.local.sagemaker.hosting.errors import from_model
from recsys.local.sagemaker.jobs.storage import S3Failed
from recsys.local.sagemaker.scaling import Scaling
from recsys.local.sagemaker.wire import Answer as Wire
from recsys.local.sagemaker.wire import checked
from recsys.local.shared.errors import ServiceError

MOST_BYTES = 6_291_456  # of a request's body
MOST_BYTES_ASYNC = 128_000  # of one that does not lie in S3
PASSED = ("content-type", "accept", "x-amzn-sagemaker-custom-attributes", "x-amzn-sagemaker-inference-id")
CUSTOM = "x-amzn-sagemaker-custom-attributes"
JSON = (b"content-type", b"application/json")
NAMESPACE = "AWS/SageMaker"

Params = dict[str, Any]


class Runtime:
    """Answers InvokeEndpoint and its asynchronous twin; `report` tells CloudWatch what was counted since last time."""

    def __init__(self, endpoints: Endpoints, scaling: Scaling, region: str, account: str) -> None:
        self._scaling = scaling
        self._endpoints, self._region, self._account = endpoints, region, account
        self._lock = threading.Lock()
        self._counted: dict[tuple[str, str, str], list[float]] = {}

    async def invoke(self, endpoint: str, headers: dict[str, str], body: bytes) -> Wire:
        """Status, headers and body. Raises ServiceError."""
        if len(body) > MOST_BYTES:
            content = {"message": f"HTTP content length exceeded {MOST_BYTES} bytes."}
            return 413, [JSON], json.dumps(content).encode()
        asked = checked("InvokeEndpoint", headers, endpoint)
        fleet = await self._serving(endpoint)
        if endpoint in self._endpoints.queues:
            raise _error(f"Endpoint {endpoint} is asynchronous: call InvokeEndpointAsync.")
        for member in ("InferenceComponentName", "TargetContainerHostname", "EnableExplanations"):
            if member in asked:
                raise _error(f"The embedded SageMaker does not do this: {member}")
        passed = {name: headers[name] for name in PASSED if name in headers}
        started = time.perf_counter()
        try:
            answer = await fleet.invoke(body, passed, asked.get("TargetVariant"), asked.get("TargetModel"))
        except Refused as error:
            raise _error(error.reason) from None
        except S3Failed as error:
            raise _error(f"Failed to download model data: {error}") from None
        except TimedOut as error:
            return self._model_error(endpoint, 0, error.reason, error.reason)
        except Unavailable as error:
            raise ServiceError("ServiceUnavailable", error.reason, 503) from None
        self._scaling.count(endpoint, answer.variant)
        self._count(endpoint, answer, time.perf_counter() - started)
        if not answer.ok:
            told = answer.body.decode("utf-8", "replace")
            where = f"See the log group /aws/sagemaker/Endpoints/{endpoint} for more information."
            return self._model_error(endpoint, answer.status, told, f"{from_model(answer.status, told)} {where}")
        return 200, _headers(answer), answer.body

    async def invoke_async(self, endpoint: str, headers: dict[str, str], body: bytes) -> Wire:
        """Take a request whose answer will lie in S3; status, headers and body. Raises ServiceError."""
        if len(body) > MOST_BYTES_ASYNC:
            raise _error(f"Body must have at most {MOST_BYTES_ASYNC} bytes; give an InputLocation.")
        asked = checked("InvokeEndpointAsync", headers, endpoint)
        await self._serving(endpoint)
        if endpoint not in self._endpoints.queues:
            raise _error(f"Endpoint {endpoint} has no AsyncInferenceConfig: call InvokeEndpoint.")
        told = await self._endpoints.queues[endpoint].accept(asked, body)
        content = json.dumps({"InferenceId": told.pop("InferenceId")}).encode()
        places = [(f"x-amzn-sagemaker-{name.lower()}".encode(), value.encode()) for name, value in told.items()]
        return 202, [JSON, *places], content

    def report(self, put: Callable[[list[Params]], bool]) -> None:
        """Put the metrics of AWS/SageMaker."""
        with self._lock:
            counted, self._counted = self._counted, {}
        put([_datum(*key, values) for key, values in counted.items()])

    async def _serving(self, endpoint: str) -> Fleet:
        """What answers, once it is up after a start. Raises ValidationError."""
        fleet = self._endpoints.fleets.get(endpoint) or await self._endpoints.serving(endpoint)
        if fleet is None:
            raise _error(f"Endpoint {endpoint} of account {self._account} not found.")
        return fleet

    def _count(self, endpoint: str, answer: Answer, seconds: float) -> None:
        values = {
            "Invocations": 1.0,
            "Invocation4XXErrors": float(400 <= answer.status < 500),
            "Invocation5XXErrors": float(answer.status >= 500),
            "ModelLatency": seconds * 1e6,
        }
        with self._lock:
            for metric, value in values.items():
                entry = self._counted.setdefault((endpoint, answer.variant, metric), [0.0, 0.0, value, value])
                entry[:] = entry[0] + 1, entry[1] + value, min(entry[2], value), max(entry[3], value)

    def _model_error(self, endpoint: str, status: int, told: str, message: str) -> Wire:
        group = f"arn:aws:logs:{self._region}:{self._account}:log-group:/aws/sagemaker/Endpoints/{endpoint}"
        code = "SERVER_ERROR_FROM_MODEL" if status >= 500 else "CLIENT_ERROR_FROM_MODEL"
        content = {
            "ErrorCode": code if status else "MODEL_NOT_RESPONDING",
            "LogStreamArn": group,
            "Message": message,
            "OriginalMessage": told,
            "OriginalStatusCode": status,
        }
        return 424, [JSON, (b"x-amzn-errortype", b"ModelError")], json.dumps(content).encode()


def _error(message: str) -> ServiceError:
    return ServiceError("ValidationError", message)


def _headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-type", answer.headers.get("content-type", "application/octet-stream").encode("latin-1")),
        (b"x-amzn-invoked-production-variant", answer.variant.encode()),
    ]
    if CUSTOM in answer.headers:
        headers.append((CUSTOM.encode(), answer.headers[CUSTOM].encode("latin-1")))
    return headers


def _datum(endpoint: str, variant: str, metric: str, values: list[float]) -> Params:
    count, total, least, most = values
    return {
        "MetricName": metric,
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
        "Timestamp": time.time(),
        "Unit": "Microseconds" if metric == "ModelLatency" else "Count" if metric == "Invocations" else "None",
        "StatisticValues": {"SampleCount": count, "Sum": total, "Minimum": least, "Maximum": most},
    }
