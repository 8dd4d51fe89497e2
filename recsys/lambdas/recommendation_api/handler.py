"""The recommendation API: what a shop's front end calls.

GET /recommendations/{userId}?numResults=5   what this user may want next
GET /similar-items/{itemId}?numResults=5     what goes with this item; userId matters to an experiment alone
POST /rankings                               these items in the order of the user's interest
POST /events                                 something a user just did; changes that user's next recommendations
GET /health                                  what this environment serves
GET /openapi.json                            all of that for programs

An answer's `source` says where it is from: `campaign`; where the campaign fails or is throttled, `cached` (the last
answer it gave to the same question), `batch` (the user's list of the last batch run) or `popular`, the first that can.
Which solution version serves is told by the environment: nothing on this path calls Personalize's control plane, whose
limit is a few calls a second. An environment without a campaign is the cheap one: a user gets the list of the last
batch run, and its `ageSeconds` say how stale that is. While an experiment runs, `experiment` names it and the user's
variant; `served` is false where another than the variant's campaign had to answer. An error is
`{"error": {"code": ..., "message": ...}}`.
"""

import json
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..campaign import Campaign, Item
from ..events import Event, Invalid, decode, parse
from ..tracing import annotate, traced, watched
from . import experiments, filters
from .answers import Answer, Popular, Precomputed, Recent, Unavailable, ordered
from .checks import arguments, check
from .experiments import Variant
from .openapi import document
from .replies import PERSONAL, SIMILAR, ApiError, conditional_response, refusal, reply
from .routes import ONCE, ROUTES, SCHEMAS, Route

logger = Logger()
app = APIGatewayRestResolver(cors=CORSConfig(allow_origin=os.environ["ALLOWED_ORIGIN"], expose_headers=["ETag"]))

# A shopper waits for the answer: better the popular items soon than the best ones late. Requests were checked against
# the route table; and without a name of its own each would describe Python and system anew, a fifth of its making.
settings = {"parameter_validation": False, "user_agent": "recommendation-api"}
config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}, **settings)
runtime = watched(boto3.client("personalize-runtime", config=config))
kinesis = watched(boto3.client("kinesis", config=config))
recent = Recent()
precomputed = Precomputed(watched(boto3.client("dynamodb", config=config)), os.environ["TABLE_NAME"])
popular = Popular(watched(boto3.client("s3", config=config)), os.environ["BUCKET_NAME"])
recommendations = Campaign(runtime, os.environ["CAMPAIGN_ARN"])
similar_items = Campaign(runtime, os.environ["SIMILAR_ITEMS_CAMPAIGN_ARN"])
ranking = Campaign(runtime, os.environ["RANKING_CAMPAIGN_ARN"])
running = experiments.configured(os.environ["EXPERIMENTS"])
known_filters = filters.configured(os.environ["FILTERS"])


@traced
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request of API Gateway's Lambda proxy integration."""
    logger.append_keys(request=event["requestContext"].get("requestId"))  # as the caller was told in x-amzn-RequestId
    # The router knows only the characters of a URL; an id with others reaches it spelled as in one.
    return app.resolve({**event, "path": quote(event["path"], safe="/%")}, context)


def get_recommendations(userId: str, numResults: int, **asked: Any) -> Response:
    chosen = filters.choose(known_filters, asked)
    values = filters.values(chosen, asked) if chosen else {}
    named: dict[str, Any] = {"filterArn": chosen.arn, "filterValues": values} if chosen else {}
    variant = _variant("recommendations", userId) if recommendations.arn else None

    def campaign() -> Answer:
        answer = _asked(recommendations, variant, lambda each: each.ask(numResults, userId=userId, **named))
        version = None if answer.variant else os.environ["SOLUTION_VERSION_ARN"] or None
        return replace(answer, solution_version_arn=version)

    def allowed(answer: Answer | None) -> Answer | None:
        items = [item for item in answer.items if filters.allows(item, asked)] if answer else []
        return replace(answer, items=items[:numResults]) if answer else None

    question = ("user", userId, numResults, chosen, frozenset(values.items()))
    stand_ins = (lambda: allowed(precomputed.read(userId)), lambda: allowed(_popular()))
    answer = _first(question, campaign if recommendations.arn else None, *stand_ins)
    kept = chosen and (answer.source in ("campaign", "cached") or filters.known_to_lists(chosen))
    said = {"recommendations": answer.items, "filter": chosen.name if kept else None}
    said |= experiments.record_exposure(variant, userId, answer)
    return conditional_response(_known(), {"userId": userId, **said, **_origin(answer)}, PERSONAL)


def get_similar_items(itemId: str, numResults: int, userId: str | None = None) -> Response:
    _expect(similar_items.arn, "campaign for similar items")
    variant = _variant("similar-items", userId)

    def campaign() -> Answer:
        return _asked(similar_items, variant, lambda each: each.ask(numResults, itemId=itemId))

    def others() -> Answer:
        content = _popular()
        return replace(content, items=[item for item in content.items if item["itemId"] != itemId][:numResults])

    answer = _first(("item", itemId, numResults, variant), campaign, others)
    said = experiments.record_exposure(variant, userId, answer)
    body = {"itemId": itemId, "recommendations": answer.items, **said, **_origin(answer)}
    lasting = answer.source == "campaign" and experiments.served(variant, answer)
    return conditional_response(_known(), body, SIMILAR if lasting else PERSONAL)


def post_rankings() -> Response:
    _expect(ranking.arn, "campaign for rankings")
    asked = check(SCHEMAS["RankingRequest"], decode(app.current_event.decoded_body or ""), "a ranking")
    user, items = asked["userId"], list(dict.fromkeys(asked["itemIds"]))  # an item named twice has one place
    variant = _variant("rankings", user)

    def campaign() -> Answer:
        return _asked(ranking, variant, lambda each: each.rank(user, items))

    def in_order(answer: Answer | None) -> Answer | None:
        return replace(answer, items=ordered(items, answer.items)) if answer else None

    question = ("ranking", user, tuple(items))
    answer = _first(question, campaign, lambda: in_order(precomputed.read(user)), lambda: in_order(_popular()))
    ranked = answer.items[: int(asked.get("numResults", len(items)))]
    said = experiments.record_exposure(variant, user, answer)
    return reply(HTTPStatus.OK, {"userId": user, "ranking": ranked, **said, **_origin(answer)})


def post_events() -> Response:
    stream = os.environ["STREAM_NAME"]
    _expect(stream, "event stream")
    event = _event(app.current_event.decoded_body or "")
    try:
        kinesis.put_record(StreamName=stream, Data=json.dumps(event.wire()), PartitionKey=event.user_id)
    except (ClientError, BotoCoreError) as error:
        logger.error("stream", extra={"reason": str(error)})
        raise ApiError(
            HTTPStatus.SERVICE_UNAVAILABLE, "StreamBusy", "the event was not taken; send it again"
        ) from error
    return reply(HTTPStatus.ACCEPTED, {"eventId": event.event_id, "userId": event.user_id})


def get_health() -> Response:
    names = {"environment": "ENVIRONMENT", "campaignArn": "CAMPAIGN_ARN", "solutionVersionArn": "SOLUTION_VERSION_ARN"}
    names |= {"similarItemsCampaignArn": "SIMILAR_ITEMS_CAMPAIGN_ARN", "rankingCampaignArn": "RANKING_CAMPAIGN_ARN"}
    names |= {"endpointName": "ENDPOINT_NAME", "streamName": "STREAM_NAME"}
    served = {name: os.environ[key] or None for name, key in names.items()}
    return reply(HTTPStatus.OK, {"status": "ok", **served, **_offered()})


def get_openapi() -> Response:
    return conditional_response(_known(), document(), "public, max-age=300")


ANSWERS = (get_recommendations, get_similar_items, post_rankings, post_events, get_health, get_openapi)


def _variant(route: str, user: str | None) -> Variant | None:
    """Which variant of the route's experiment the user is in; None without an experiment, or without a user."""
    return running[route].variant(user) if route in running and user else None


def _asked(default: Campaign, variant: Variant | None, ask: Callable[[Campaign], tuple[list[Item], str]]) -> Answer:
    """The answer of the variant's campaign; where that fails, or there is none, of everybody's. Raises as `ask`."""
    if variant:
        try:
            items, recommendation = ask(Campaign(runtime, variant.campaign_arn))
            return Answer(items, "campaign", recommendation, variant=variant.name)
        except (ClientError, BotoCoreError) as error:
            _failed("variant", error, campaign=variant.campaign_arn)
    items, recommendation = ask(default)
    return Answer(items, "campaign", recommendation)


def _first(
    question: tuple[Any, ...], campaign: Callable[[], Answer] | None, *stand_ins: Callable[[], Answer | None]
) -> Answer:
    """The campaign's answer, the last one it gave to the same question, or that of the first list that has one.

    A user's list in which nothing is allowed leaves it to the popular items; that none of these is, is an answer.
    Raises Unavailable where no list can be read.
    """

    def asked() -> Answer | None:
        try:
            answer = campaign() if campaign else None
        except (ClientError, BotoCoreError) as error:
            _failed("campaign", error, question=question[:2])
            return None
        if answer:
            recent.put(question, answer)
        return answer

    for way in (asked, lambda: recent.get(question), *stand_ins):
        try:
            answer = way()
        except (ClientError, BotoCoreError) as error:
            logger.warning("stand-in", extra={"question": question[:2], "reason": str(error)})
            continue
        if answer and (answer.items or answer.source != "batch"):
            annotate(source=answer.source)
            return answer
    raise Unavailable("no list that stands in has an answer")


def _failed(what: str, error: Exception, **about: Any) -> None:
    """Log that a campaign failed, and count it for an alarm: whoever asked is answered, and notices nothing."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric  # as in experiments.py

    logger.warning(what, extra={**about, "reason": str(error)})
    with single_metric(name="CampaignsFailed", unit=MetricUnit.Count, value=1, namespace="Recsys") as metric:
        metric.add_dimension(name="environment", value=os.environ["ENVIRONMENT"])


def _popular() -> Answer:
    content = popular.read()
    return Answer(content["items"], "popular", solution_version_arn=content.get("solutionVersionArn"))


def _offered() -> dict[str, Any]:
    trials = {route: experiment.name for route, experiment in running.items()}
    return {"filters": [each.name for each in known_filters], "experiments": trials}


def _origin(answer: Answer) -> dict[str, Any]:
    """Where an answer is from, as every route says it."""
    origin: dict[str, Any] = {
        "source": answer.source,
        "recommendationId": answer.recommendation_id,
        "solutionVersionArn": answer.solution_version_arn,
    }
    if answer.at is not None:
        origin["ageSeconds"] = max(0, int(time.time() - answer.at))
    return origin if answer.recommended_by is None else {**origin, "recommendedBy": answer.recommended_by}


def _event(body: str) -> Event:
    """The event in a request's body; raises Invalid. Left out, its time is now, its session the user's."""
    raw, now = decode(body), time.time()
    if isinstance(raw, dict):
        raw = {"timestamp": now, "sessionId": raw.get("userId"), **raw}
    return parse(raw, now, _event_id(raw))


def _event_id(raw: Any) -> str:
    """The id of an event that names none: new, or of the user's Idempotency-Key; raises Invalid."""
    key = app.current_event.headers.get(ONCE.name)
    if not key:
        return str(uuid.uuid4())
    user = raw.get("userId") if isinstance(raw, dict) else None
    return str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps([user, check(ONCE.schema, key, ONCE.name)])))


def _known() -> str | None:
    """The request's If-None-Match."""
    return app.current_event.headers.get("If-None-Match")


def _expect(resource: str, name: str) -> None:
    if not resource:
        raise ApiError(HTTPStatus.NOT_FOUND, "NotConfigured", f"this environment has no {name}")


def _checked(route: Route, answer: Callable[..., Response]) -> Callable[..., Response]:
    def answered(**path: str) -> Response:
        annotate(route=f"{route.verb} {route.path}")
        return answer(**arguments(route, path, app.current_event.get("multiValueQueryStringParameters")))

    return answered


@app.exception_handler(ApiError)
def on_api_error(error: ApiError) -> Response:
    return refusal(error.status, error.code, str(error))


@app.exception_handler(Invalid)
def on_invalid(error: Invalid) -> Response:
    code = "InvalidBody" if app.current_event.http_method == "POST" else "InvalidParameter"
    return refusal(HTTPStatus.BAD_REQUEST, code, str(error))


@app.exception_handler(filters.NotConfigured)
def on_no_filter(error: filters.NotConfigured) -> Response:
    return refusal(HTTPStatus.NOT_FOUND, "NotConfigured", str(error))


@app.exception_handler(Unavailable)
def on_unavailable(error: Unavailable) -> Response:
    logger.error("unavailable", extra={"reason": str(error)})
    return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Unavailable", "no recommendations at the moment; try again")


@app.exception_handler(Exception)
def on_unexpected(error: Exception) -> Response:
    logger.exception("unexpected")
    return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", "the request failed; the log knows why")


@app.not_found
def on_not_found(error: Exception) -> Response:
    route = f"{app.current_event.http_method} {app.current_event.path}"
    return refusal(HTTPStatus.NOT_FOUND, "NotFound", f"no such route: {route}")


for each, function in zip(ROUTES, ANSWERS, strict=True):
    app.route(each.path.replace("{", "<").replace("}", ">"), method=each.verb)(_checked(each, function))
