"""The recommendation API: what a shop's front end calls.

GET /recommendations/{userId}?numResults=5   what this user may want next
GET /similar-items/{itemId}?numResults=5     what goes with this item
POST /events                                 something a user just did; changes that user's next recommendations
GET /health                                  what this environment serves

An answer's `source` says where it is from: `campaign`, or `fallback` (the popular items) where the campaign fails or
is throttled. Which solution version serves is told by the environment: nothing on this path calls Personalize's
control plane, whose limit is a few calls a second. An error is `{"error": {"code": ..., "message": ...}}`.
"""

import json
import os
import time
import uuid
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..events import MAX_TEXT, Event, Invalid, decode, parse
from .answers import MAX_RESULTS, Campaign, Popular, Unavailable

DEFAULT_RESULTS = 5

logger = Logger()
app = APIGatewayRestResolver(cors=CORSConfig(allow_origin=os.environ["ALLOWED_ORIGIN"]))

# A shopper waits for the answer: better the popular items soon than the best ones late.
config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
runtime = boto3.client("personalize-runtime", config=config)
kinesis = boto3.client("kinesis", config=config)
popular = Popular(boto3.client("s3", config=config), os.environ["BUCKET_NAME"])
recommendations = Campaign(runtime, os.environ["CAMPAIGN_ARN"])
similar_items = Campaign(runtime, os.environ["SIMILAR_ITEMS_CAMPAIGN_ARN"])


class ApiError(Exception):
    """An answer other than success; `code` is for programs, the message for people."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request of API Gateway's Lambda proxy integration."""
    # The router knows only the characters of a URL; an id with others reaches it spelled as in one.
    return app.resolve({**event, "path": quote(event["path"], safe="/%")}, context)


@app.get("/recommendations/<userId>")
def get_recommendations(userId: str) -> Response:
    user, count = _identifier("userId", userId), _count()
    answer = _ask(recommendations, count, userId=user)
    answer.setdefault("solutionVersionArn", os.environ["SOLUTION_VERSION_ARN"] or None)
    return _json(HTTPStatus.OK, {"userId": user, **answer})


@app.get("/similar-items/<itemId>")
def get_similar_items(itemId: str) -> Response:
    item, count = _identifier("itemId", itemId), _count()
    if not similar_items.arn:
        raise ApiError(HTTPStatus.NOT_FOUND, "NotConfigured", "this environment has no campaign for similar items")
    return _json(HTTPStatus.OK, {"itemId": item, **_ask(similar_items, count, itemId=item)})


@app.post("/events")
def post_event() -> Response:
    stream = os.environ["STREAM_NAME"]
    if not stream:
        raise ApiError(HTTPStatus.NOT_FOUND, "NotConfigured", "this environment has no event stream")
    try:
        event = _event(app.current_event.decoded_body or "")
    except Invalid as error:
        raise ApiError(HTTPStatus.BAD_REQUEST, "InvalidEvent", str(error)) from error
    try:
        kinesis.put_record(StreamName=stream, Data=json.dumps(event.wire()), PartitionKey=event.user_id)
    except (ClientError, BotoCoreError) as error:
        logger.error("stream", extra={"reason": str(error)})
        raise ApiError(
            HTTPStatus.SERVICE_UNAVAILABLE, "StreamBusy", "the event was not taken; send it again"
        ) from error
    return _json(HTTPStatus.ACCEPTED, {"eventId": event.event_id, "userId": event.user_id})


@app.get("/health")
def get_health() -> Response:
    names = {"environment": "ENVIRONMENT", "campaignArn": "CAMPAIGN_ARN", "solutionVersionArn": "SOLUTION_VERSION_ARN"}
    names |= {"similarItemsCampaignArn": "SIMILAR_ITEMS_CAMPAIGN_ARN", "streamName": "STREAM_NAME"}
    return _json(HTTPStatus.OK, {"status": "ok", **{name: os.environ[key] or None for name, key in names.items()}})


def _ask(campaign: Campaign, count: int, **subject: str) -> dict[str, Any]:
    """The campaign's items; the popular ones where it fails. Raises Unavailable where both do."""
    try:
        items, recommendation_id = campaign.ask(count, **subject)
        return {"recommendations": items, "source": "campaign", "recommendationId": recommendation_id}
    except (ClientError, BotoCoreError) as error:
        logger.warning("fallback", extra={"campaign": campaign.arn, "reason": str(error)})
    content = popular.read()
    items = [item for item in content["items"] if item["itemId"] != subject.get("itemId")]
    version = content.get("solutionVersionArn")
    return {
        "recommendations": items[:count],
        "source": "fallback",
        "recommendationId": None,
        "solutionVersionArn": version,
    }


def _event(body: str) -> Event:
    """The event in a request's body; raises Invalid. Left out, its time is now, its session the user's, its id new."""
    raw, now = decode(body), time.time()
    if isinstance(raw, dict):
        raw = {"timestamp": now, "sessionId": raw.get("userId"), **raw}
    return parse(raw, now, str(uuid.uuid4()))


def _count() -> int:
    text = (app.current_event.query_string_parameters or {}).get("numResults", str(DEFAULT_RESULTS))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_RESULTS):
        message = f"numResults must be a whole number from 1 to {MAX_RESULTS}, not {text[:40]!r}"
        raise ApiError(HTTPStatus.BAD_REQUEST, "InvalidParameter", message)
    return int(text)


def _identifier(name: str, text: str) -> str:
    value = unquote(text)
    if len(value) > MAX_TEXT:
        message = f"{name} has {len(value)} characters; at most {MAX_TEXT} are allowed"
        raise ApiError(HTTPStatus.BAD_REQUEST, "InvalidParameter", message)
    return value


def _json(status: HTTPStatus, body: dict[str, Any]) -> Response:
    """A JSON answer no cache may keep: a click changes it at once."""
    headers = {"Cache-Control": "no-store"}
    return Response(int(status), content_type="application/json", body=json.dumps(body), headers=headers)


def _error(status: HTTPStatus, code: str, message: str) -> Response:
    return _json(status, {"error": {"code": code, "message": message}})


@app.exception_handler(ApiError)
def on_api_error(error: ApiError) -> Response:
    return _error(error.status, error.code, str(error))


@app.exception_handler(Unavailable)
def on_unavailable(error: Unavailable) -> Response:
    logger.error("unavailable", extra={"reason": str(error)})
    return _error(HTTPStatus.SERVICE_UNAVAILABLE, "Unavailable", "no recommendations at the moment; try again")


@app.exception_handler(Exception)
def on_unexpected(error: Exception) -> Response:
    logger.exception("unexpected")
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", "the request failed; the log knows why")


@app.not_found
def on_not_found(error: Exception) -> Response:
    route = f"{app.current_event.http_method} {app.current_event.path}"
    return _error(HTTPStatus.NOT_FOUND, "NotFound", f"no such route: {route}")
