"""HTTP: statuses, errors, and what a client may keep for how long."""

import hashlib
import json
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

# A click needs a second or two through the stream to change what comes next. For five seconds the old answer is nearly
# always the right one, which spares a shop's page its repeated calls; much longer, and clicks would seem to do nothing.
PERSONAL = "private, max-age=5"
# What goes with an item changes with a training, not with a click.
SIMILAR = "private, max-age=300"
NEVER = "no-store"

# Differ between answers that say the same.
PASSING = ("recommendationId", "ageSeconds")


class ApiError(Exception):
    """An answer other than success; `code` is for programs, the message for people."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def reply(status: HTTPStatus, body: dict[str, Any]) -> Response:
    """A JSON answer that no client keeps."""
    headers = {"Cache-Control": NEVER}
    return Response(int(status), content_type="application/json", body=json.dumps(body), headers=headers)


def conditional_response(known: str | None, body: dict[str, Any], keep: str) -> Response:
    """The answer with its ETag, or 304 where `known`, the If-None-Match header, names it.

    The tag is weak: it stays the same while the answer says the same, though not byte for byte.
    """
    said = {name: value for name, value in body.items() if name not in PASSING}
    tag = f'"{hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:20]}"'
    headers = {"Cache-Control": keep, "ETag": f"W/{tag}"}
    if known and (known.strip() == "*" or tag in [each.strip().removeprefix("W/") for each in known.split(",")]):
        return Response(int(HTTPStatus.NOT_MODIFIED), body="", headers=headers)
    response = reply(HTTPStatus.OK, body)
    response.headers.update(headers)
    return response


def refusal(status: HTTPStatus, code: str, message: str) -> Response:
    """An error as every route answers it."""
    return reply(status, {"error": {"code": code, "message": message}})
