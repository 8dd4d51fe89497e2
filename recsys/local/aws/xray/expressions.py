"""X-Ray's filter expressions, those of the simple kind: comparisons of a trace or of one of its services.

    annotation.source = "popular" AND responsetime > 0.5
    service("recommendation-api-dev") { fault } OR http.status >= 500
    !ok AND http.url CONTAINS "/rankings"

What AWS knows beside them (edge, group, id, rootcause, user, instance and JSON paths) is refused.
Source: "Use filter expressions", developer guide.
"""

import operator
import re
from collections.abc import Callable
from typing import Any

TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?)"""
    r"""|(?P<word>[A-Za-z_][\w.]*)|(?P<sign>!=|<=|>=|[()\[\]{}!=<>]))"""
)
COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
SOUGHT: dict[str, Callable[[str, str], bool]] = {
    "CONTAINS": lambda value, part: part in value,
    "BEGINSWITH": str.startswith,
    "ENDSWITH": str.endswith,
}
FLAGS = ("ok", "error", "throttle", "fault", "partial")
NUMBERS = ("responsetime", "duration", "http.status")
TEXTS = ("http.url", "http.method", "http.useragent", "http.clientip")

View = dict[str, Any]  # keywords' values; "annotations": key -> values; "services": views of the parts, with "name"
Test = Callable[[View], bool]


class BadExpression(ValueError):
    """The expression cannot be understood, or asks for what is not known here; the message says where."""


def parse(text: str) -> Test:
    """What tells of a view whether the expression holds. Raises BadExpression."""
    reader = _Reader(text)
    test = reader.either()
    if reader.tokens:
        raise BadExpression(f"{reader.tokens[0]} was not expected")
    return test


class _Reader:
    """Reads the tokens from the left; OR binds least, then AND, then !."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        place, text = 0, text.rstrip()
        while place < len(text):
            found = TOKEN.match(text, place)
            if not found:
                raise BadExpression(f"{text[place : place + 20]} is no part of an expression")
            self.tokens.append(found[0].strip())
            place = found.end()

    def either(self) -> Test:
        tests = [self.both()]
        while self._next_is("OR"):
            tests.append(self.both())
        return lambda view: any(test(view) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self._next_is("AND"):
            tests.append(self.one())
        return lambda view: all(test(view) for test in tests)

    def one(self) -> Test:
        if self._next_is("!"):
            test = self.one()
            return lambda view: not test(view)
        if self._next_is("("):
            test = self.either()
            self._expect(")")
            return test
        word = self._take()
        if word.lower() == "service":
            return self._service()
        if word.lower().startswith("annotation"):
            return self._annotation(word)
        return self._keyword(word.lower())

    def _service(self) -> Test:
        """service(name), and what holds of one of that name."""
        self._expect("(")
        name = None if self.tokens[:1] == [")"] else _value(self._take())
        self._expect(")")
        inner: Test = lambda view: True  # noqa: E731
        if self._next_is("{"):
            inner = self.either()
            self._expect("}")
        return lambda view: any(
            inner(service) for service in view.get("services", ()) if name in (None, service["name"])
        )

    def _annotation(self, word: str) -> Test:
        key = word.partition(".")[2]
        if not key:
            self._expect("[")
            key = self._take().strip("\"'")
            self._expect("]")
        compare = self._comparison()
        return lambda view: any(compare(value) for value in view["annotations"].get(key, ()))

    def _keyword(self, word: str) -> Test:
        if word in FLAGS:
            if self.tokens[:1] and self.tokens[0] in ("=", "!="):
                compare = self._comparison()
                return lambda view: compare(bool(view.get(word)))
            return lambda view: bool(view.get(word))
        if word not in (*NUMBERS, *TEXTS):
            raise BadExpression(f"{word} is not known here; there are {', '.join((*FLAGS, *NUMBERS, *TEXTS))}")
        compare = self._comparison()
        return lambda view: view.get(word) is not None and compare(view[word])

    def _comparison(self) -> Callable[[Any], bool]:
        sign = self._take()
        wanted = _value(self._take())
        if sign.upper() in SOUGHT:
            sought = SOUGHT[sign.upper()]
            return lambda value: sought(str(value), str(wanted))
        if sign not in COMPARED:
            raise BadExpression(f"{sign} compares nothing")
        compared = COMPARED[sign]
        return lambda value: isinstance(value, str) == isinstance(wanted, str) and compared(value, wanted)

    def _take(self) -> str:
        if not self.tokens:
            raise BadExpression("it ends too early")
        return self.tokens.pop(0)

    def _next_is(self, word: str) -> bool:
        if self.tokens and self.tokens[0].upper() == word:
            self.tokens.pop(0)
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._next_is(sign):
            raise BadExpression(f"{sign} was expected before {' '.join(self.tokens[:3]) or 'its end'}")


def _value(token: str) -> str | float | bool:
    if token[0] in "\"'":
        return re.sub(r"\\(.)", r"\1", token[1:-1])
    if token.lower() in ("true", "false"):
        return token.lower() == "true"
    try:
        return float(token)
    except ValueError:
        raise BadExpression(f"{token} is no value: a text stands in quotes") from None
