"""An event as it travels: checked, and brought to one form.

On the wire it is a JSON object: userId, itemId, eventType, timestamp, sessionId, and optionally eventId, eventValue and
recommendationId, that of the answer it followed.
The limits are those of Personalize's PutEvents, so that what passes here is not refused there.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

MAX_TEXT = 256  # characters of an identifier
MAX_RECOMMENDATION = 40  # and of a recommendationId
MILLISECONDS_FROM = 1e11  # as seconds that is the year 5138, as milliseconds 1973
LARGEST = 1e15  # beyond lies no time and no price; NaN and infinity are not below it either
MAX_AHEAD = 24 * 3600  # seconds an event's clock may run ahead


class Invalid(ValueError):
    """The event can never be processed; the message says which field is wrong, its value, and what is allowed."""


@dataclass(frozen=True)
class Event:
    """One thing a user did with an item; `timestamp` in seconds since 1970, to the millisecond."""

    user_id: str
    item_id: str
    event_type: str
    timestamp: float
    session_id: str
    event_id: str
    value: float | None = None
    recommendation_id: str | None = None

    def wire(self) -> dict[str, Any]:
        """The JSON object that `parse` reads back to an equal event."""
        fields = {
            "userId": self.user_id,
            "itemId": self.item_id,
            "eventType": self.event_type,
            "timestamp": self.timestamp,
            "sessionId": self.session_id,
            "eventId": self.event_id,
        }
        more = {"eventValue": self.value, "recommendationId": self.recommendation_id}
        return fields | {name: value for name, value in more.items() if value is not None}


def decode(data: bytes | str) -> Any:
    """The value in JSON text; raises Invalid."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"not JSON: {error}") from None


def parse(raw: Any, arrived: float, event_id: str) -> Event:
    """The event in a decoded JSON value; raises Invalid.

    `arrived` is when it came, seconds since 1970; `event_id` names it where it does not name itself.
    """
    if not isinstance(raw, dict):
        raise Invalid(f"an event must be a JSON object, not {short(raw)}")
    return Event(
        user_id=_text(raw, "userId"),
        item_id=_text(raw, "itemId"),
        event_type=_text(raw, "eventType"),
        timestamp=_not_ahead(seconds(raw.get("timestamp")), arrived),
        session_id=_text(raw, "sessionId"),
        event_id=_text(raw, "eventId") if raw.get("eventId") is not None else event_id,
        value=_number(raw, "eventValue"),
        recommendation_id=_recommendation(raw),
    )


def seconds(value: Any) -> float:
    """A time as seconds since 1970: from seconds, milliseconds, or ISO 8601 text (UTC where it names no zone).

    >>> seconds(1700000000), seconds(1700000000123), seconds("2023-11-14T22:13:20Z")
    (1700000000, 1700000000.123, 1700000000.0)
    """
    moment = _from_text(value) if isinstance(value, str) else value
    if not _is_number(moment) or moment <= 0:
        raise Invalid(f"timestamp must be seconds, milliseconds or ISO 8601 text, not {short(value)}")
    return round(moment / 1000 if moment >= MILLISECONDS_FROM else moment, 3)


def _from_text(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Invalid(f"timestamp must be seconds, milliseconds or ISO 8601 text, not {short(text)}") from None


def _not_ahead(moment: float, arrived: float) -> float:
    """An event from the future would stay its user's newest for ever."""
    if moment > arrived + MAX_AHEAD:
        raise Invalid(f"timestamp {moment:.0f} lies more than a day ahead of its arrival at {arrived:.0f}")
    return moment


def _text(raw: dict[str, Any], field: str, most: int = MAX_TEXT) -> str:
    value = raw.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= most or not is_unicode(value):
        raise Invalid(f"{field} must be text of 1 to {most} characters, not {short(value)}")
    return value


def _recommendation(raw: dict[str, Any]) -> str | None:
    """None where the event followed no answer of a campaign, which the API tells by null."""
    field = "recommendationId"
    return None if raw.get(field) is None else _text(raw, field, MAX_RECOMMENDATION)


def is_unicode(text: str) -> bool:
    """JSON can spell half a surrogate pair, which no AWS request can carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number(raw: dict[str, Any], field: str) -> float | None:
    value = raw.get(field)
    if value is None:
        return None
    if not _is_number(value):
        raise Invalid(f"{field} must be a number, not {short(value)}")
    return float(value)


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and abs(value) < LARGEST


def short(value: Any) -> str:
    """A wrong value as a message names it."""
    text = f"a list of {len(value)}" if isinstance(value, list) else ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
