"""An object of S3 that is not there, asked for by a role that may not list its bucket: 403, as on AWS, not 404.

So a role cannot find out what a bucket holds by guessing; a function that looks whether a file is there needs
s3:ListBucket. Source: "GetObject", permissions, of the S3 API reference.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app
from ministack.core import iam_actions
from ministack.core.router import extract_access_key_id

from recsys.local.aws import MiniStackResponse
from recsys.local.aws.iam import permissions


def install() -> None:
    """Look at every answer 404 that a role gets."""
    app._dispatch_service_request = _not_told(app._dispatch_service_request)


def _not_told(dispatch: Callable[..., Awaitable[MiniStackResponse]]) -> Callable[..., Awaitable[MiniStackResponse]]:
    """MiniStack's answers 404 to everybody; here a role that may not list the bucket gets 403."""

    async def dispatched(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], request_id: str
    ) -> MiniStackResponse:
        answer = await dispatch(method, path, headers, body, query, request_id)
        if answer[0] != 404 or not app.AUTH or b"<Code>NoSuchKey</Code>" not in answer[2]:
            return answer
        bucket = path.lstrip("/").partition("/")[0]
        caller = extract_access_key_id(headers, query)
        if not permissions.denial_of_key(caller, "s3:ListBucket", f"arn:aws:s3:::{bucket}"):
            return answer
        facts = {"headers": headers, "message": "Access Denied"}
        return iam_actions.access_denied_response("s3", "s3:ListBucket", "", request_id, **facts)

    return dispatched
