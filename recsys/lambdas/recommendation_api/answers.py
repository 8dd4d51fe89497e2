"""What the API answers with: the campaign's items, and the popular ones where the campaign cannot answer."""

import json
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

COLUMNS = ("TITLE", "CATEGORY", "PRICE")
MAX_RESULTS = 50  # Personalize's limit where item metadata is asked for
FRESH = 300  # seconds a worker keeps the popular items before it reads them again

Item = dict[str, Any]


class Unavailable(Exception):
    """Neither the campaign nor the popular items could be read."""


class Campaign:
    """A Personalize campaign, asked for items with their titles."""

    def __init__(self, runtime: Any, arn: str) -> None:
        self.runtime, self.arn = runtime, arn

    def ask(self, count: int, **subject: str) -> tuple[list[Item], str]:
        """Items and the recommendation id; `subject` is userId or itemId.

        Raises ClientError or BotoCoreError where Personalize refuses or cannot be reached.
        """
        answer = self.runtime.get_recommendations(
            campaignArn=self.arn, numResults=count, metadataColumns={"ITEMS": list(COLUMNS)}, **subject
        )
        return [_item(entry) for entry in answer["itemList"]], answer["recommendationId"]


class Popular:
    """The popular items in S3, `{"solutionVersionArn": ..., "items": [...]}`, kept in the worker for a while."""

    def __init__(self, s3: Any, bucket: str, key: str = "popular.json") -> None:
        self.s3, self.bucket, self.key = s3, bucket, key
        self.content: dict[str, Any] | None = None
        self.read_at = 0.0

    def read(self) -> dict[str, Any]:
        """The list; an old one where a new one cannot be read. Raises Unavailable where there is none at all."""
        if self.content is None or time.monotonic() - self.read_at > FRESH:
            try:
                self.content = json.loads(self.s3.get_object(Bucket=self.bucket, Key=self.key)["Body"].read())
                self.read_at = time.monotonic()
            except (ClientError, BotoCoreError, ValueError) as error:
                if self.content is None:
                    raise Unavailable(f"no popular items: {error}") from error
        return self.content


def _item(entry: Mapping[str, Any]) -> Item:
    # Personalize spells a metadata key as the schema does or in camel case; only the letters count.
    metadata = {name.replace("_", "").lower(): value for name, value in entry.get("metadata", {}).items()}
    item = {
        "itemId": entry["itemId"],
        "title": metadata.get("title"),
        "category": metadata.get("category"),
        "price": _price(metadata.get("price")),
    }
    return {**item, "score": entry["score"]} if "score" in entry else item


def _price(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
