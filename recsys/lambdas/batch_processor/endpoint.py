"""A SageMaker endpoint as the source of recommendations: many users a call, each with what it did last.

The request is `{"instances": [{"userId", "events": [{"itemId", "timestamp"}]}], "numResults"}`, the answer
`{"predictions": [{"recommendations": [{"itemId", "score"}]}]}` in the same order. A model answers for all users of a
call or refuses them all, so a refused call is halved until it is known whom it was refused for: the others are served.
"""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..campaign import Item
from ..clock import Clock
from ..transient import is_transient
from .profiles import Users
from .source import RESULTS, Gone
from .texts import DETAILS

BODY = 4_000_000  # bytes; an endpoint takes 6 MB, a serverless one 4 MB
PATIENCE = 70  # seconds; a model may take 60 for its answer
REFUSED = (400, 413, 422)  # how a model says that it is what it was asked
BUSY = 429

Answers = dict[str, list[Item] | Exception]
Catalogue = Mapping[str, Mapping[str, Any]]


class EndpointSource:
    """An endpoint, asked for many users a call; `catalogue` tells the title, category and price of an item."""

    asks_events = True
    at_once = 500  # of 25 events with names as long as they may be, they still are one request

    def __init__(self, runtime: Any, name: str, catalogue: Catalogue) -> None:
        self.runtime, self.name, self.catalogue = runtime, name, catalogue
        self.known: dict[str, Item] = {}  # what is the same whomever an item is recommended to

    def recommend(self, users: Users, clock: Clock) -> Answers:
        """Each user's items, best first, or why there are none. Raises Gone, or OutOfTime: then for nobody."""
        if not users:
            return {}
        instances = [{"userId": user, "events": list(events)} for user, events in users.items()]
        body = json.dumps({"instances": instances, "numResults": RESULTS}).encode()
        answer = self._ask(body, clock)
        if not isinstance(answer, Exception):
            return dict(zip(users, self._items(answer, len(users)), strict=True))
        if len(users) == 1 or _is_retryable(answer):
            return dict.fromkeys(users, answer)
        each, middle = list(users.items()), len(users) // 2
        return {**self.recommend(dict(each[:middle]), clock), **self.recommend(dict(each[middle:]), clock)}

    def _ask(self, body: bytes, clock: Clock) -> bytes | Exception:
        """The answer's body, or why these users got none; raises Gone where others would not either."""
        if len(body) > BODY:
            return ValueError(f"a request of {len(body):,} bytes, more than the {BODY:,} an endpoint takes")
        failure: Exception = RuntimeError("not asked")
        for _ in clock.attempts():
            clock.check(PATIENCE)
            try:
                kind = "application/json"
                answer = self.runtime.invoke_endpoint(EndpointName=self.name, ContentType=kind, Accept=kind, Body=body)
                return answer["Body"].read()
            except (ClientError, BotoCoreError) as error:
                failure = error
            if _refuses(failure):
                break
            if not _is_retryable(failure):
                raise Gone(f"endpoint {self.name}: {failure}") from failure
        return failure

    def _items(self, body: bytes, count: int) -> list[list[Item]]:
        """The items of each of `count` predictions, with what the catalogue knows of them."""
        try:
            predictions = json.loads(body)["predictions"]
            found = [[self._item(entry) for entry in each["recommendations"]] for each in predictions]
        except (KeyError, TypeError, ValueError) as error:
            raise Gone(f"endpoint {self.name} does not answer with predictions: {body[:200]!r}") from error
        if len(found) != count:
            raise Gone(f"endpoint {self.name} answers with {len(found)} predictions for {count} users")
        return found

    def _item(self, entry: Mapping[str, Any]) -> Item:
        item = entry["itemId"]
        if item not in self.known:
            details = self.catalogue.get(item, {})
            self.known[item] = {"itemId": item, **{name: details.get(name) for name in DETAILS}}
        return {**self.known[item], "score": float(entry["score"])}


def _refuses(error: Exception) -> bool:
    """Whether it is these users, or so many of them, that are refused."""
    status = _model_status(error)
    if status is None:
        return isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    return status in REFUSED


def _is_retryable(error: Exception) -> bool:
    """Whether the same call may be answered later."""
    status = _model_status(error)
    if status is None:
        return is_transient(error) or isinstance(error, BotoCoreError)
    return status == BUSY or not 400 <= status < 500  # 0 where the model did not answer in time


def _model_status(error: Exception) -> int | None:
    """What the model itself answered; None where it was not asked, or is not known to have been."""
    if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ModelError":
        return int(error.response.get("OriginalStatusCode", 0))
    return None
