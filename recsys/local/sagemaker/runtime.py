"""Calls to an endpoint: from a request to a container's answer, in AWS's form."""

import json
import time
from typing import Any

from recsys.local.sagemaker.asynchronous import Queues
from recsys.local.sagemaker.endpoints import Endpoints
from recsys.local.sagemaker.hosting import Answer, Fleet, Refused, TimedOut, Unavailable
from recsys.local.sagemaker.hosting.errors import from_model
from recsys.local.sagemaker.jobs.job import JobFailed
from recsys.local.sagemaker.jobs.storage import S3Failed
from recsys.local.sagemaker.measures import Measures, of_answer
from recsys.local.sagemaker.scaling import Scaling
from recsys.local.sagemaker.wire import Answer as Wire
from recsys.local.sagemaker.wire import checked
from recsys.local.shared.errors import ServiceError

MOST_BYTES = 6_291_456  # of a request's body
MOST_BYTES_ASYNC = 128_000  # of one that does not lie in S3
PASSED = ("content-type", "accept", "x-amzn-sagemaker-custom-attributes", "x-amzn-sagemaker-inference-id")
CUSTOM = "x-amzn-sagemaker-custom-attributes"
JSON = (b"content-type", b"application/json")

Params = dict[str, Any]


class Runtime:
    """Answers InvokeEndpoint and its asynchronous twin."""

    def __init__(
        self, endpoints: Endpoints, queues: Queues, scaling: Scaling, measures: Measures, region: str, account: str
    ) -> None:
        self._endpoints, self._queues = endpoints, queues
        self._scaling, self._measures = scaling, measures
        self._region, self._account = region, account

    async def invoke(self, endpoint: str, headers: dict[str, str], body: bytes) -> Wire:
        """Status, headers and body. Raises ServiceError."""
        if len(body) > MOST_BYTES:
            content = {"message": f"HTTP content length exceeded {MOST_BYTES} bytes."}
            return 413, [JSON], json.dumps(content).encode()
        asked = checked("InvokeEndpoint", headers, endpoint)
        fleet = await self._serving(endpoint)
        if self._queues.get(endpoint):
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
        except (S3Failed, JobFailed) as error:
            raise _error(f"Failed to download model data: {error}") from None
        except TimedOut as error:
            return self._model_error(endpoint, 0, error.reason, error.reason)
        except Unavailable as error:
            raise ServiceError("ServiceUnavailable", error.reason, 503) from None
        self._scaling.count(endpoint, answer.variant)
        values = {"Invocations": 1.0, **of_answer(answer.status, time.perf_counter() - started)}
        self._measures.add(endpoint, answer.variant, values)
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
        queue = self._queues.get(endpoint)
        if queue is None:
            raise _error(f"Endpoint {endpoint} has no AsyncInferenceConfig: call InvokeEndpoint.")
        told = await queue.accept(asked, body)
        content = json.dumps({"InferenceId": told.pop("InferenceId")}).encode()
        places = [(f"x-amzn-sagemaker-{name.lower()}".encode(), value.encode()) for name, value in told.items()]
        return 202, [JSON, *places], content

    async def _serving(self, endpoint: str) -> Fleet:
        """What answers, once it is up after a start. Raises ValidationError."""
        fleet = self._endpoints.fleets.get(endpoint) or await self._endpoints.serving(endpoint)
        if fleet is None:
            raise _error(f"Endpoint {endpoint} of account {self._account} not found.")
        return fleet

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
