"""What the API answers with: the campaign's items, and what stands in for them where the campaign cannot answer."""

import json
import time
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import BotoCoreError, ClientError

from ..campaign import Item

FRESH = 300  # seconds a worker keeps the popular items before it reads them again
KEPT, STALE = 200, 600  # answers a worker remembers (30 MB if all are rankings of 500), and for how many seconds


class Unavailable(Exception):
    """Neither the campaign nor any list that stands in could be read."""


@dataclass(frozen=True)
class Answer:
    """Items, best first, and where they are from; `at` is when a stored list was made, seconds since 1970."""

    items: Sequence[Item]
    source: str
    recommendation_id: str | None = None
    solution_version_arn: str | None = None
    at: float | None = None
    recommended_by: str | None = None
    variant: str | None = None  # of an experiment, whose campaign it is from


class Recent:
    """This worker's last good answers by the question they were given to, the oldest forgotten first."""

    def __init__(self) -> None:
        self.answers: OrderedDict[Hashable, Answer] = OrderedDict()

    def put(self, question: Hashable, answer: Answer) -> None:
        self.answers[question] = replace(answer, source="cached", at=time.time())
        self.answers.move_to_end(question)
        if len(self.answers) > KEPT:
            self.answers.popitem(last=False)

    def get(self, question: Hashable) -> Answer | None:
        """The answer to the very same question, if it is not too old."""
        answer = self.answers.get(question)
        return answer if answer and time.time() - answer.at <= STALE else None


class Precomputed:
    """The users' lists of the last batch run, each in its user's profile."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self.dynamodb, self.table = dynamodb, table

    def read(self, user: str) -> Answer | None:
        """The user's list; None where there is none. Raises ClientError or BotoCoreError."""
        if not self.table:
            return None
        names = ("recommendations", "recommendedAt", "recommendedBy")
        request = {"TableName": self.table, "Key": {"userId": {"S": user}}, "ProjectionExpression": ",".join(names)}
        row = {
            name: TypeDeserializer().deserialize(value)
            for name, value in self.dynamodb.get_item(**request).get("Item", {}).items()
        }
        if not row.get("recommendations"):
            return None
        items = [{key: _plain(value) for key, value in item.items()} for item in row["recommendations"]]
        return Answer(items, "batch", at=float(row.get("recommendedAt", 0)), recommended_by=row.get("recommendedBy"))


class Popular:
    """The popular items in S3, `{"solutionVersionArn": ..., "items": [...]}`, kept in the worker for a while."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self.s3, self.bucket = s3, bucket
        self.content: dict[str, Any] | None = None
        self.read_at = 0.0

    def read(self) -> dict[str, Any]:
        """The list; an old one where a new one cannot be read. Raises Unavailable where there is none at all."""
        if self.content is None or time.monotonic() - self.read_at > FRESH:
            try:
                self.content = json.loads(self.s3.get_object(Bucket=self.bucket, Key="popular.json")["Body"].read())
                self.read_at = time.monotonic()
            except (ClientError, BotoCoreError, ValueError) as error:
                if self.content is None:
                    raise Unavailable(f"no popular items: {error}") from error
        return self.content


def ordered(items: Sequence[str], known: Sequence[Item]) -> list[Item]:
    """The items as a list ranks them, those it does not have last, in the order given.

    >>> [item["itemId"] for item in ordered(["a", "b", "c"], [{"itemId": "c"}, {"itemId": "b"}])]
    ['c', 'b', 'a']
    """
    place = {item["itemId"]: number for number, item in enumerate(known)}
    return [{"itemId": item} for item in sorted(items, key=lambda item: place.get(item, len(place)))]


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
