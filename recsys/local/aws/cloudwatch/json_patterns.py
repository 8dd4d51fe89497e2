"""Filter patterns of JSON fields, as CloudWatch Logs has them: `{ $.level = "ERROR" && $.latency >= 500 }`.

    pattern:    { either }              either:  both || both ...        both:  single && single ...
    single:     ( either )              or  selector NOT EXISTS          or  selector IS NULL, IS TRUE, IS FALSE
                or  selector operator value
    selector:   $.name  $.a-list[0].name  $.a-list[*]  $.*  $.['a.name']
    operator:   =  !=, and  <  <=  >  >=  before a number
    value:      "text with * for anything"  word*  400  1e-3  %regular expression%

A line that is no JSON object is never found, and a field that is not there, an object, a list, true, false or null
neither equals a value nor differs from it. (That it does not differ where it is missing is inferred.)
Source: "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail" of the
CloudWatch Logs user guide.
"""

import json
import operator
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

SELECTOR = r"\$(?:\.?\[(?:\d+|\*|'[^']+'|\"[^\"]+\")\]|\.(?:[\w-]+|\*))+"
TOKEN = re.compile(
    rf'\s*(?:(?P<selector>{SELECTOR})|(?P<sign>&&|\|\||[()]|[<>!]=|[=<>])|"(?P<quoted>(?:[^"\\]|\\.)*)"'
    r"|%(?P<regex>[^%]*)%|(?P<word>[^\s()&|\"%=!<>{}$]+))"
)
PART = re.compile(r"\[(?P<index>\d+)\]|(?P<any>\.\*|\[\*\])|\[['\"](?P<quoted>.+?)['\"]\]|\.(?P<name>[\w-]+)")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
REGEX = re.compile(r"[A-Za-z0-9:_#=@/;,\-^$?\[\]{}|\\*+. ]+")  # what may stand in a regular expression
ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
CONSTANTS = {"NULL": None, "TRUE": True, "FALSE": False}
MOST_WILDCARDS, MOST_REGEXES = 3, 2  # in one pattern

Test = Callable[[Any], bool]
Tokens = deque[tuple[str, str]]  # kind, text


class InvalidPattern(ValueError):
    """A pattern that CloudWatch Logs refuses; its text is the reason."""

    def __init__(self, reason: str = "Invalid filter pattern") -> None:
        super().__init__(reason)


def compiled(pattern: str) -> Callable[[str], bool]:
    """Whether a line is one that the pattern means. Raises InvalidPattern.

    >>> found = compiled("{ ($.level = ERR* || $.code >= 500) && $.user.name NOT EXISTS }")
    >>> [found(line) for line in ('{"level": "ERROR"}', '{"code": 499}', '{"code": 500, "user": {"name": null}}')]
    [True, False, False]
    """
    if not pattern.endswith("}"):
        raise InvalidPattern("If a filter pattern starts with '{' it must end with '}'")
    tokens = _tokens(pattern[1:-1])
    test = _either(tokens)
    if tokens:
        raise InvalidPattern
    return lambda line: isinstance(document := _document(line), dict) and test(document)


def fields(line: str, selector: str) -> Iterator[Any]:
    """The values in a line that a selector points to; none where the line is no JSON."""
    return _values(_document(line), _path(selector))


def regex(text: str) -> re.Pattern[str]:
    """The regular expression between two %. Raises InvalidPattern, as for one with parentheses."""
    try:
        if REGEX.fullmatch(text):
            return re.compile(text)
    except re.error:
        pass
    raise InvalidPattern


def _document(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _tokens(text: str) -> Tokens:
    tokens, place, text = Tokens(), 0, text.rstrip()
    while place < len(text):
        found = TOKEN.match(text, place)
        if found is None:
            raise InvalidPattern
        tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
        place = found.end()
    wildcards = [re.findall(r"\.\*|\[\*\]", part) for kind, part in tokens if kind == "selector"]
    if any(len(each) > 1 for each in wildcards) or sum(map(len, wildcards)) > MOST_WILDCARDS:
        raise InvalidPattern
    if [kind for kind, _ in tokens].count("regex") > MOST_REGEXES:
        raise InvalidPattern
    return tokens


def _take(tokens: Tokens, *expected: str) -> tuple[str, str]:
    """The next token, of one of these kinds."""
    if not tokens or tokens[0][0] not in expected:
        raise InvalidPattern
    return tokens.popleft()


def _follows(tokens: Tokens, sign: str) -> bool:
    """Whether the sign comes next, and is taken."""
    return bool(tokens) and tokens[0] == ("sign", sign) and bool(tokens.popleft())


def _either(tokens: Tokens) -> Test:
    tests = [_both(tokens)]
    while _follows(tokens, "||"):
        tests.append(_both(tokens))
    return lambda document: any(test(document) for test in tests)


def _both(tokens: Tokens) -> Test:
    tests = [_single(tokens)]
    while _follows(tokens, "&&"):
        tests.append(_single(tokens))
    return lambda document: all(test(document) for test in tests)


def _single(tokens: Tokens) -> Test:
    if _follows(tokens, "("):
        test = _either(tokens)
        if not _follows(tokens, ")"):
            raise InvalidPattern
        return test
    _, selector = _take(tokens, "selector")
    path = _path(selector)
    kind, said = _take(tokens, "sign", "word")
    if (kind, said) == ("word", "NOT") and _take(tokens, "word") == ("word", "EXISTS"):
        return lambda document: not list(_values(document, path))
    meets = _is(tokens) if (kind, said) == ("word", "IS") else _compares(said, tokens)
    return lambda document: any(meets(value) for value in _values(document, path))


def _is(tokens: Tokens) -> Test:
    _, name = _take(tokens, "word")
    if name not in CONSTANTS:
        raise InvalidPattern
    return lambda value: value is CONSTANTS[name]


def _compares(sign: str, tokens: Tokens) -> Test:
    kind, text = _take(tokens, "quoted", "regex", "word")
    number = float(text) if kind == "word" and NUMBER.fullmatch(text) else None
    if sign in ORDERS and number is not None:
        return lambda value: _is_number(value) and ORDERS[sign](value, number)
    if sign not in ("=", "!="):
        raise InvalidPattern
    wanted, equals = regex(text) if kind == "regex" else _with_wildcards(text), sign == "="

    def meets(value: Any) -> bool:
        if number is not None and _is_number(value):
            return (value == number) is equals
        if not isinstance(value, str) and not _is_number(value):
            return False
        said = value if isinstance(value, str) else json.dumps(value)
        found = wanted.search(said) if kind == "regex" else wanted.fullmatch(said)
        return (found is not None) is equals

    return meets


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _with_wildcards(text: str) -> re.Pattern[str]:
    parts = re.sub(r"\\(.)", r"\1", text).split("*")
    return re.compile(".*".join(map(re.escape, parts)), re.DOTALL)


def _path(selector: str) -> list[dict[str, str | None]]:
    return [found.groupdict() for found in PART.finditer(selector)]


def _values(value: Any, path: list[dict[str, str | None]]) -> Iterator[Any]:
    """What a selector points to: nothing, one value, or with a wildcard several."""
    if not path:
        yield value
        return
    part, rest = path[0], path[1:]
    if part["any"]:
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from _values(each, rest)
    elif part["index"]:
        if isinstance(value, list) and int(part["index"]) < len(value):
            yield from _values(value[int(part["index"])], rest)
    elif isinstance(value, dict) and (name := part["quoted"] or part["name"]) in value:
        yield from _values(value[name], rest)
