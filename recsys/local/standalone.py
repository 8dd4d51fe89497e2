"""Amazon Personalize on its own, beside another emulator or AWS: what takes the place of the other services.

Here S3 is where boto3 finds it: `--s3-endpoint`, else AWS_ENDPOINT_URL_S3, else AWS_ENDPOINT_URL, else AWS itself, with
the credentials, profile and region of whoever started the server. They are used for S3 and CloudWatch and nothing else.
MiniStack is not imported.
"""

import json
import os
from typing import Any
from xml.sax.saxutils import escape

import boto3
from botocore.exceptions import BotoCoreError

from recsys.errors import LocalError
from recsys.local.personalize.wire.protocol import ANY_PAGE, find_operation
from recsys.local.shared.errors import ServiceError
from recsys.local.shared.http import Receive, Scope, Send, header, respond

CODE = "UnknownOperationException"
REGION = "us-east-1"  # where the environment names none
PREFLIGHT = [
    *ANY_PAGE,
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"*,authorization"),  # a * does not stand for Authorization
    (b"access-control-max-age", b"86400"),
]


def prepare(s3_endpoint: str | None) -> str:
    """Point this process's and its workers' S3 at `s3_endpoint`, if given; the region of the environment.

    Raises LocalError where AWS's settings there cannot be used, such as a profile that does not exist.
    """
    if s3_endpoint:
        os.environ["AWS_ENDPOINT_URL_S3"] = s3_endpoint
    try:
        return boto3.Session().region_name or REGION
    except BotoCoreError as error:
        raise LocalError(f"the AWS settings of this environment cannot be used: {error}") from error


class Alone:
    """Nobody answers the other services; a request for one of them is told so."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._s3 = boto3.client("s3", region_name=REGION).meta.endpoint_url

    def recover(self) -> None:
        """There is nothing beside Personalize's own state."""

    def quiesce(self) -> None:
        """There is nothing in progress."""

    def stop(self) -> None:
        """There is nothing to save."""

    def calls(self) -> list[dict[str, Any]]:
        """Nobody is asked for a role here."""
        return []

    def health(self) -> dict[str, Any]:
        """Where S3 is."""
        return {"services": "personalize", "recovered": {}, "s3": self._s3}

    def takes(self, scope: Scope) -> bool:
        """Whether a request is for another service: all that no operation of Personalize's answers."""
        service, target = signed_for(scope), header(scope, "x-amz-target")
        if service == "personalize":
            return False
        try:
            find_operation(scope["method"], scope["path"], target)
        except ServiceError:
            return True
        return False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http" and scope["method"] == "OPTIONS":  # what a browser asks first for a web page
            await respond(send, 200, b"", *PREFLIGHT)
        elif scope["type"] == "http":
            await self._refuse(scope, send)

    async def _refuse(self, scope: Scope, send: Send) -> None:
        message = (
            f"{self._endpoint} answers Amazon Personalize only, not {signed_for(scope) or 'unsigned requests'}: point "
            "AWS_ENDPOINT_URL_PERSONALIZE, _PERSONALIZE_RUNTIME and _PERSONALIZE_EVENTS here, not AWS_ENDPOINT_URL"
        )
        written, kind = _error(scope, message)
        await respond(send, 400, written, (b"content-type", kind))


def _error(scope: Scope, message: str) -> tuple[bytes, bytes]:
    """An error in the protocol of the request, JSON or XML, and its content type."""
    if header(scope, "x-amz-target") or "json" in header(scope, "content-type"):
        return json.dumps({"__type": CODE, "message": message}).encode(), b"application/json"
    error = f"<Error><Code>{CODE}</Code><Message>{escape(message)}</Message></Error>"
    return f"<ErrorResponse>{error}</ErrorResponse>".encode(), b"application/xml"


def signed_for(scope: Scope) -> str:
    """The service a request's signature names; empty where it has none."""
    _, _, credential = header(scope, "authorization").partition("Credential=")
    parts = credential.partition(",")[0].split("/")
    return parts[3] if len(parts) > 4 else ""


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
