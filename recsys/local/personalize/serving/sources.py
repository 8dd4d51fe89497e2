"""A recommendationId names what made it, the campaign or recommender, so that nothing has to be remembered.

`RID-` and the form of a UUID, as AWS's have: the first eight digits are a checksum of the ARN, the others are random.
"""

import uuid
import zlib
from collections.abc import Iterable
from typing import Any

MARK = slice(4, 12)  # where the checksum is in `RID-xxxxxxxx-...`


def new_id(request: dict[str, Any]) -> str:
    """A new recommendationId for the answer to a request."""
    maker = request.get("campaignArn") or request.get("recommenderArn", "")
    return f"RID-{_mark(maker)}-{str(uuid.uuid4()).partition('-')[2]}"


def by_mark(makers: Iterable[str]) -> dict[str, str]:
    """ARNs of campaigns and recommenders by what marks their recommendationIds."""
    return {_mark(maker): maker for maker in makers}


def mark_of(recommendation_id: str) -> str:
    """What says who made a recommendationId, for `by_mark`."""
    return recommendation_id[MARK]


def _mark(maker: str) -> str:
    return f"{zlib.crc32(maker.encode()):08x}"
