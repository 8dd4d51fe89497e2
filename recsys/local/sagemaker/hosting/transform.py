"""Batch transform of one input, without S3: cut into payloads, asked of a container, the answers in order.

Memory holds a few payloads and their answers for each request in progress, however large the input. The container never
waits for whoever takes the pieces: requests go on while one is being written.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from recsys.local.sagemaker.hosting.connection import Answer, Gone
from recsys.local.sagemaker.hosting.container import Container
from recsys.local.sagemaker.hosting.errors import TransformFailed

MB = 1 << 20
AHEAD = 3  # payloads taken up for each request in progress: being answered, next, and answered but not yet taken
CLIENT, ALGORITHM = (f"{who}: See job logs for more information" for who in ("ClientError", "AlgorithmError"))
BAD_STATUS = "Bad HTTP status received from algorithm"
NO_PING = (
    "AlgorithmError: Model container failed to respond to ping. "
    "Please ensure /ping endpoint is implemented and responds with an HTTP 200 status code"
)


@dataclass(frozen=True)
class Plan:
    """How a transform job cuts, asks and assembles; names, values and defaults as in CreateTransformJob.

    max_payload_mb: 0 for no limit. timeout in seconds.
    """

    content_type: str = ""
    accept: str = ""
    split: str = "None"  # or Line
    strategy: str = "MultiRecord"  # or SingleRecord
    assemble: str = "None"  # or Line
    max_payload_mb: int = 6
    max_concurrent: int = 1
    timeout: float = 600
    retries: int = 3

    @property
    def environment(self) -> dict[str, str]:
        """What AWS tells a container about the job that it runs for."""
        return {
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(self.max_payload_mb),
            "SAGEMAKER_BATCH_STRATEGY": {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}[self.strategy],
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(self.max_concurrent),
        }


async def transform(container: Container, content: BinaryIO, plan: Plan) -> AsyncIterator[bytes]:
    """The output's pieces, which joined are the whole of it. content: the input, a file, decompressed.

    Raises TransformFailed at the first payload that gets no answer with 2xx: on AWS nothing of that input is kept.
    """
    gate = asyncio.Semaphore(plan.max_concurrent)
    waiting: deque[asyncio.Task[bytes]] = deque()
    try:
        for payload in payloads(content, plan):
            waiting.append(asyncio.create_task(_piece(container, payload, plan, gate)))
            if len(waiting) == AHEAD * plan.max_concurrent:
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def payloads(content: BinaryIO, plan: Plan) -> Iterator[bytes]:
    """What is sent, one request each. Raises TransformFailed where a record is over the limit.

    >>> import io
    >>> list(payloads(io.BytesIO(b"a\\nb\\n"), Plan(split="Line", strategy="SingleRecord")))
    [b'a\\n', b'b\\n']
    """
    limit = plan.max_payload_mb * MB or None
    if plan.split == "None":
        parts = iter([content.read() if limit is None else content.read(limit + 1)])
    elif plan.strategy == "SingleRecord":
        parts = iter(lambda: content.readline() if limit is None else content.readline(limit + 1), b"")
    else:
        parts = iter([content.read()]) if limit is None else _whole_lines(content, limit)
    for part in parts:
        if limit is not None and len(part) > limit:
            raise TransformFailed(CLIENT, ["Too much data for max payload size"])
        if part:
            yield part


def _whole_lines(content: BinaryIO, limit: int) -> Iterator[bytes]:
    """As many whole lines at a time as `limit` bytes hold; what is longer comes over the limit."""
    pending = b""
    while chunk := content.read(limit + 1 - len(pending)):
        pending += chunk
        if len(pending) > limit:
            end = pending.rfind(b"\n", 0, limit) + 1 or len(pending)
            yield pending[:end]
            pending = pending[end:]
    yield pending


async def _piece(container: Container, payload: bytes, plan: Plan, gate: asyncio.Semaphore) -> bytes:
    async with gate:
        answer = await _ask(container, payload, plan)
    if answer is None:
        raise TransformFailed(ALGORITHM, ["Unable to get response from algorithm"])
    if not answer.ok:
        reason, what = (CLIENT, "ClientError") if answer.status < 500 else (ALGORITHM, BAD_STATUS)
        said = answer.body.decode(errors="replace").splitlines()
        raise TransformFailed(reason, [f"{what}: {answer.status}", "", "Message:", *said])
    wants_end = plan.assemble == "Line" and not answer.body.endswith(b"\n")
    return answer.body + b"\n" if wants_end else answer.body


async def _ask(container: Container, payload: bytes, plan: Plan) -> Answer | None:
    """The answer, after retries where it is a fault of the container's; None where it gave none."""
    headers = {"Content-Type": plan.content_type, "Accept": plan.accept}
    headers = {name: value for name, value in headers.items() if value}
    answer = None
    for _ in range(1 + plan.retries):
        with suppress(Gone, TimeoutError):
            async with asyncio.timeout(plan.timeout):
                answer = await container.ask("POST", "/invocations", headers, payload)
            if answer.status < 500:
                break
    return answer
