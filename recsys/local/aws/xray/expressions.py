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
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, v_args

GRAMMAR = r"""
?start: either
?either: both (OR both)+ -> either_of
       | both
?both: one (AND one)+ -> both_of
     | one
?one: "!" one -> unless
    | "(" either ")"
    | SERVICE "(" [TEXT] ")" ["{" either "}"] -> service
    | ANNOTATION ("." KEY | "[" (KEY | TEXT) "]") comparison -> annotation
    | FLAG [EQUALITY BOOLEAN] -> flag
    | FACT comparison -> fact
comparison: (COMPARED | EQUALITY | SOUGHT) (TEXT | NUMBER | BOOLEAN)
OR.2: /OR\b/i
AND.2: /AND\b/i
SERVICE.2: /service\b/i
ANNOTATION.2: /annotation\b/i
FLAG.2: /(ok|error|throttle|fault|partial)\b/i
FACT.2: /(responsetime|duration|http\.(status|url|method|useragent|clientip))\b/i
BOOLEAN.2: /(true|false)\b/i
SOUGHT.2: /(CONTAINS|BEGINSWITH|ENDSWITH)\b/i
EQUALITY: "=" | "!="
COMPARED: "<=" | ">=" | "<" | ">"
KEY: /\w+/
NUMBER: /-?\d+(\.\d+)?/
TEXT: /"(\\.|[^"\\])*"|'(\\.|[^'\\])*'/
%ignore /\s+/
"""
KNOWN = (
    "service, annotation, ok, error, throttle, fault, partial, responsetime, duration, http.status, http.url, "
    "http.method, http.useragent and http.clientip"
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

View = dict[str, Any]  # keywords' values; "annotations": key -> values; "services": views of the parts, with "name"
Test = Callable[[View], bool]
Compare = Callable[[Any], bool]


class BadExpression(ValueError):
    """The expression cannot be understood, or asks for what is not known here; the message says where."""


def parse(text: str) -> Test:
    """What tells of a view whether the expression holds. Raises BadExpression."""
    try:
        return _Tests().transform(_parser().parse(text))
    except UnexpectedInput as error:
        at_end = getattr(getattr(error, "token", None), "type", "") == "$END"
        where = (
            "it ends too early" if at_end else f"{text[error.pos_in_stream :][:20]} was not expected; known are {KNOWN}"
        )
        raise BadExpression(where) from None


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", maybe_placeholders=True)


@v_args(inline=True)
class _Tests(Transformer[Token, Test]):
    """A tree becomes a test of a view."""

    def TEXT(self, token: Token) -> str:
        return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)

    def NUMBER(self, token: Token) -> float:
        return float(token)

    def BOOLEAN(self, token: Token) -> bool:
        return token.lower() == "true"

    def either_of(self, *tests: Any) -> Test:
        return lambda view: any(test(view) for test in tests[::2])

    def both_of(self, *tests: Any) -> Test:
        return lambda view: all(test(view) for test in tests[::2])

    def unless(self, test: Test) -> Test:
        return lambda view: not test(view)

    def service(self, _: Token, name: str | None, inner: Test | None) -> Test:
        """Whether something holds of a service; without a name, of any."""
        return lambda view: any(
            (inner is None or inner(service)) and name in (None, service["name"])
            for service in view.get("services", ())
        )

    def annotation(self, _: Token, key: str, compare: Compare) -> Test:
        return lambda view: any(compare(value) for value in view["annotations"].get(key, ()))

    def flag(self, name: Token, sign: Token | None, wanted: bool | None) -> Test:
        compared = COMPARED[sign or "="]
        return lambda view: compared(bool(view.get(name.lower())), wanted is not False)

    def fact(self, name: Token, compare: Compare) -> Test:
        return lambda view: view.get(name.lower()) is not None and compare(view[name.lower()])

    def comparison(self, sign: Token, wanted: Any) -> Compare:
        if sign.type == "SOUGHT":
            return lambda value: SOUGHT[sign.upper()](str(value), str(wanted))
        return lambda value: isinstance(value, str) == isinstance(wanted, str) and COMPARED[sign](value, wanted)
