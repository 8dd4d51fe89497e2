"""What the API answers with: the campaign's items, and the popular ones where the campaign cannot answer."""

import json
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..campaign import MAX_RESULTS as MAX_RESULTS
from ..campaign import Campaign as Campaign

FRESH = 300  # seconds a worker keeps the popular items before it reads them again


class Unavailable(Exception):
    """Neither the campaign nor the popular items could be read."""


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
