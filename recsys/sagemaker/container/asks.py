"""What is asked of an endpoint, and how it is answered: JSON for one or many, JSON lines, CSV.

One: {"userId": "u1", "numResults": 10, "excludeSeen": false, "history": ["i1"], "events": [{"itemId", "timestamp"}]}
    is answered {"userId": "u1", "known": true, "recommendations": [{"itemId": "i9", "score": 0.0123}]}.
Many: {"instances": [{...}, ...], "numResults": 10} is answered {"predictions": [{...}, ...]}.
JSON lines: such an object a line. CSV: userId,item,item,... a line, the items in the place of what is known.
"""

import csv
import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recsys.errors import RecsysError

JSON, LINES, CSV = "application/json", "application/jsonlines", "text/csv"
MEMBERS = ("userId", "numResults", "excludeSeen", "history", "events")
MOST, USUAL = 500, 10  # results


class NotAnswered(RecsysError):
    """A request that is not answered; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Ask:
    """One user's request. history: item ids, oldest first, None for what training knew; events: (item id, seconds)."""

    user: str
    results: int = USUAL
    exclude_seen: bool = False
    history: tuple[str, ...] | None = None
    events: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """known: whether training knew the user. Items and their scores, best first; a score means most beside others."""

    user: str
    known: bool
    items: list[str]
    scores: list[float]

    def as_dict(self) -> dict[str, Any]:
        found = [{"itemId": item, "score": score} for item, score in zip(self.items, self.scores, strict=True)]
        return {"userId": self.user, "known": self.known, "recommendations": found}


def read(body: bytes, kind: str, results: int = USUAL) -> tuple[list[Ask], bool]:
    """What a body of this content type asks, and whether it asks for many; `results` where it does not say.

    Raises NotAnswered (400) that names the place and the member that is wrong.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotAnswered(400, f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    if not text.strip():
        raise NotAnswered(400, 'the body is empty; send for example {"userId": "u1"}')
    return _READERS[kind](text, results)


def write(answers: list[Answer], kind: str, many: bool) -> bytes:
    """The answers in a content type."""
    if kind == CSV:
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows([each.user, *each.items] for each in answers)
        return lines.getvalue().removesuffix("\n").encode("utf-8", "surrogatepass")
    # one by one: a single long dumps would let no other thread run, and ping would wait
    each_alone = (json.dumps(each.as_dict()) for each in answers)
    if kind == LINES:
        return "\n".join(each_alone).encode()
    return (f'{{"predictions": [{", ".join(each_alone)}]}}' if many else next(each_alone)).encode()


def number_of_results(value: Any, where: str) -> int:
    """Raises NotAnswered (400) where it is not a whole number from 1 to MOST."""
    if type(value) is not int or not 1 <= value <= MOST:
        raise NotAnswered(400, f"{where} is {json.dumps(value)}: it must be a whole number from 1 to {MOST}")
    return value


def _read_json(text: str, results: int) -> tuple[list[Ask], bool]:
    value = _parsed(text, "the body")
    if not isinstance(value, dict) or "instances" not in value:
        return [_ask(value, "", results)], False
    _refuse_unknown(value, ("instances", "numResults"), "")
    if not isinstance(value["instances"], list):
        raise NotAnswered(400, "instances must be a list of objects")
    results = number_of_results(value.get("numResults", results), "numResults")
    return [_ask(each, f"instances[{at}].", results) for at, each in enumerate(value["instances"])], True


def _read_lines(text: str, results: int) -> tuple[list[Ask], bool]:
    lines = ((at, line) for at, line in enumerate(text.split("\n"), 1) if line.strip())
    return [_ask(_parsed(line, f"line {at}"), f"line {at}: ", results) for at, line in lines], True


def _read_csv(text: str, results: int) -> tuple[list[Ask], bool]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    asks = []
    try:
        for row in filter(None, rows):
            user, *items = (cell.strip() for cell in row)
            if not user:
                raise NotAnswered(400, f"line {rows.line_num}: no userId before the first comma")
            asks.append(Ask(user, results, history=tuple(filter(None, items)) or None))
    except csv.Error as error:
        raise NotAnswered(400, f"line {rows.line_num}: no CSV: {error}") from None
    return asks, True


_READERS: dict[str, Callable[[str, int], tuple[list[Ask], bool]]] = {
    JSON: _read_json,
    LINES: _read_lines,
    CSV: _read_csv,
}
KINDS = tuple(_READERS)


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotAnswered(400, f"{where} is no JSON: {error}") from None


def _ask(value: Any, where: str, results: int) -> Ask:
    if not isinstance(value, dict):
        place = where.rstrip(".: ") or "the body"
        raise NotAnswered(400, f'{place} must be an object such as {{"userId": "u1"}}')
    _refuse_unknown(value, MEMBERS, where)
    user, exclude = value.get("userId"), value.get("excludeSeen", False)
    if not isinstance(user, str) or not user:
        raise NotAnswered(400, f"{where}userId must be a text")
    if not isinstance(exclude, bool):
        raise NotAnswered(400, f"{where}excludeSeen must be true or false")
    results = number_of_results(value["numResults"], f"{where}numResults") if "numResults" in value else results
    return Ask(user, results, exclude, _history(value.get("history"), where), _events(value.get("events"), where))


def _refuse_unknown(value: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    if not value.keys() <= set(known):
        name = next(name for name in value if name not in known)
        raise NotAnswered(400, f"{where}{name} is no member of a request; there are {', '.join(known)}")


def _history(value: Any, where: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise NotAnswered(400, f"{where}history must be a list of item ids, oldest first")
    return tuple(value)


def _events(value: Any, where: str) -> tuple[tuple[str, float], ...]:
    if not isinstance(value or [], list):
        raise NotAnswered(400, f"{where}events must be a list of objects with itemId and timestamp")
    return tuple(_event(each, f"{where}events[{at}]") for at, each in enumerate(value or []))


def _event(value: Any, where: str) -> tuple[str, float]:
    item, seconds = (value.get("itemId"), value.get("timestamp")) if isinstance(value, dict) else (None, None)
    number = type(seconds) is int or (type(seconds) is float and math.isfinite(seconds))
    if not isinstance(item, str) or not number:
        raise NotAnswered(400, f'{where} must be an object such as {{"itemId": "i1", "timestamp": 1700000000}}')
    return item, seconds
