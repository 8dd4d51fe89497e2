"""A recommendationId names what made it, the campaign or recommender, so that nothing has to be remembered.

`RID-` and the form of a UUID, as AWS's have: the first eight digits are a checksum of the ARN, the others are random.
"""

import uuid
import zlib
from collections.abc import Iterable


def new_id(source: str) -> str:
    """A new recommendationId of the campaign or recommender with this ARN."""
    return f"RID-{_mark(source)}-{str(uuid.uuid4()).partition('-')[2]}"


def source_of(recommendation_id: str, sources: Iterable[str]) -> str | None:
    """Which of these ARNs made a recommendationId; None if none of them did."""
    return by_mark(sources).get(recommendation_id[4:12])


def by_mark(sources: Iterable[str]) -> dict[str, str]:
    """ARNs by what their recommendationIds have in places 4 to 12."""
    return {_mark(source): source for source in sources}


def _mark(source: str) -> str:
    return f"{zlib.crc32(source.encode()):08x}"
