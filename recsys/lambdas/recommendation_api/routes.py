"""The API's table of contents: each route, what it takes within which limits, every answer it can give.

The handler is routed and checks requests by this table (checks.py), the OpenAPI document is printed from it
(openapi.py), and the models with which API Gateway refuses a bad body before the function is called are the schemas
here. So they keep to the words that OpenAPI 3.1, JSON Schema draft 4 (API Gateway's) and checks.py all know.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..campaign import MAX_RESULTS
from ..events import MAX_RECOMMENDATION, MAX_TEXT
from .filters import WIDEST

DEFAULT_RESULTS = 5
MAX_RANKED = 500  # items one GetPersonalizedRanking takes
MAX_CATEGORIES, MAX_CATEGORY = 10, 90  # quoted and joined they keep below the 1,000 characters of a filter value

Schema = dict[str, Any]


@dataclass(frozen=True)
class Parameter:
    """`place` is path, query or header; a path's is always required, another never."""

    name: str
    place: str
    schema: Schema
    description: str


@dataclass(frozen=True)
class Route:
    """`answers` maps a status to its schema's name, None for an answer without a body; `open`: asks for no key.

    `cached`: API Gateway may keep its answers, by its parameters.
    """

    verb: str
    path: str
    summary: str
    answers: Mapping[int, str | None]
    parameters: tuple[Parameter, ...] = ()
    body: str | None = None
    open: bool = False
    cached: bool = False


def _object(required: tuple[str, ...], **properties: Schema) -> Schema:
    return {"type": "object", "required": list(required), "properties": properties}


def _list(of: Schema, **limits: int) -> Schema:
    return {"type": "array", "items": of, **limits}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _count(most: int, **more: int) -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": most, **more}


TEXT = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
TEXT_OR_NULL = {"type": ["string", "null"]}
NUMBER_OR_NULL = {"type": ["number", "null"]}
BOOLEAN = {"type": "boolean"}
NUMBER = {"type": "number", "minimum": WIDEST["minPrice"], "maximum": WIDEST["maxPrice"]}
# A quote would end the text in a filter value, and Personalize knows no way to write one.
CATEGORY = {"type": "string", "minLength": 1, "maxLength": MAX_CATEGORY, "pattern": r'^[^"\\]*$'}
SOURCES = ["campaign", "cached", "batch", "popular"]

ORIGIN = {
    "source": {"type": "string", "enum": SOURCES, "description": "where the answer is from, best first"},
    "recommendationId": {**TEXT_OR_NULL, "description": "Personalize's; send it with the events it leads to"},
    "solutionVersionArn": TEXT_OR_NULL,
    "ageSeconds": {"type": "integer", "minimum": 0, "description": "since a cached or batch answer was made"},
    "recommendedBy": {**TEXT_OR_NULL, "description": "campaign or endpoint behind a batch answer"},
}
ALWAYS = ("source", "recommendationId", "solutionVersionArn")

SCHEMAS: dict[str, Schema] = {
    "Item": _object(
        ("itemId",),
        itemId={"type": "string"},
        title=TEXT_OR_NULL,
        category=TEXT_OR_NULL,
        price=NUMBER_OR_NULL,
        score=NUMBER_OR_NULL,
    ),
    "Experiment": {
        **_object(("name", "variant", "served"), name={"type": "string"}, variant={"type": "string"}, served=BOOLEAN),
        "description": "while one runs: the user's variant, and whether its campaign gave this answer",
    },
    "Recommendations": _object(
        ("userId", "recommendations", "filter", *ALWAYS),
        userId={"type": "string"},
        recommendations=_list(_ref("Item")),
        filter={**TEXT_OR_NULL, "description": "the filter this answer keeps to; null: to none, or not in full"},
        experiment=_ref("Experiment"),
        **ORIGIN,
    ),
    "SimilarItems": _object(
        ("itemId", "recommendations", *ALWAYS),
        itemId={"type": "string"},
        recommendations=_list(_ref("Item")),
        experiment=_ref("Experiment"),
        **ORIGIN,
    ),
    "RankingRequest": _object(
        ("userId", "itemIds"),
        userId=TEXT,
        itemIds=_list(TEXT, minItems=1, maxItems=MAX_RANKED),
        numResults=_count(MAX_RANKED),
    ),
    "Ranking": _object(
        ("userId", "ranking", *ALWAYS),
        userId={"type": "string"},
        ranking=_list(_object(("itemId",), itemId={"type": "string"}, score=NUMBER_OR_NULL)),
        experiment=_ref("Experiment"),
        **ORIGIN,
    ),
    "Event": _object(
        ("userId", "itemId", "eventType"),
        userId=TEXT,
        itemId=TEXT,
        eventType=TEXT,
        sessionId=TEXT,
        eventId={**TEXT, "type": ["string", "null"]},
        eventValue=NUMBER_OR_NULL,
        recommendationId={"type": ["string", "null"], "minLength": 1, "maxLength": MAX_RECOMMENDATION},
        timestamp={"type": ["number", "string"]},
    ),
    "Accepted": _object(("eventId", "userId"), eventId={"type": "string"}, userId={"type": "string"}),
    "Health": _object(("status",), status={"type": "string", "enum": ["ok"]}),
    "Document": {"type": "object", "description": "this document"},
    "Error": _object(
        ("error",),
        error=_object(("code", "message"), code={"type": "string"}, message={"type": "string"}),
    ),
}

REASONS = {
    200: "the answer",
    202: "taken; the user's recommendations follow within seconds",
    304: "what If-None-Match names is still the answer",
    400: "a parameter or the body is wrong; the message says which, and what is allowed",
    401: "no valid token, where the API asks for one",
    403: "no valid API key or signature, where the API asks for one",
    404: "no such route, or not configured in this environment",
    413: "the body is too large",
    429: "too many requests; try again later",
    500: "the request failed; the log knows why",
    502: "the function failed",
    503: "neither a campaign nor a list that stands in could answer; try again",
    504: "the function took too long",
}
# What API Gateway can answer before or instead of the function; with an authorizer, 401 and 403 too.
GATEWAY = dict.fromkeys((404, 429, 500, 502, 504), "Error")
GUARD = dict.fromkeys((401, 403), "Error")
BODY = dict.fromkeys((400, 413), "Error")

RESULTS = Parameter("numResults", "query", _count(MAX_RESULTS, default=DEFAULT_RESULTS), "items wanted")
UNLESS = Parameter("If-None-Match", "header", {"type": "string"}, "ETag of the answer the client has")
ONCE = Parameter(
    "Idempotency-Key", "header", TEXT, "names an event without eventId: what a user sends again with it counts once"
)
FOR_USER = Parameter("userId", "query", TEXT, "whose variant answers while an experiment runs; else of no effect")
FILTERS = (
    Parameter(
        "category", "query", _list(CATEGORY, minItems=1, maxItems=MAX_CATEGORIES), "only items of these categories"
    ),
    Parameter("minPrice", "query", NUMBER, "only items that cost as much or more"),
    Parameter("maxPrice", "query", NUMBER, "only items that cost as much or less"),
    Parameter("inStock", "query", BOOLEAN, "only items that are, or are not, in stock"),
    Parameter("excludePurchased", "query", BOOLEAN, "true: nothing the user has bought"),
)


def _asks(**answers: str | None) -> dict[int, str | None]:
    return {**{int(status[1:]): name for status, name in answers.items()}, **GATEWAY, **GUARD}


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/recommendations/{userId}",
        "What this user may want next",
        _asks(s200="Recommendations", s304=None, s400="Error", s503="Error"),
        (Parameter("userId", "path", TEXT, "the user; one nobody knows gets popular items"), RESULTS, *FILTERS, UNLESS),
    ),
    Route(
        "GET",
        "/similar-items/{itemId}",
        "What goes with this item",
        _asks(s200="SimilarItems", s304=None, s400="Error", s503="Error"),
        (Parameter("itemId", "path", TEXT, "the item"), RESULTS, FOR_USER, UNLESS),
        cached=True,
    ),
    Route(
        "POST",
        "/rankings",
        "These items in the order of the user's interest",
        {**_asks(s200="Ranking", s503="Error"), **BODY},
        body="RankingRequest",
    ),
    Route(
        "POST",
        "/events",
        "Something a user just did; changes that user's next recommendations",
        {**_asks(s202="Accepted", s503="Error"), **BODY},
        (ONCE,),
        body="Event",
    ),
    Route("GET", "/health", "What this environment serves", {200: "Health", **GATEWAY}, open=True),
    Route(
        "GET",
        "/openapi.json",
        "This document",
        {200: "Document", 304: None, **GATEWAY},
        parameters=(UNLESS,),
        open=True,
    ),
)
