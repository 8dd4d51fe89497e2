"""Which log lines a filter pattern means, as CloudWatch Logs has it: upper and lower case differ.

MiniStack tells no case apart, cuts a quoted phrase at its spaces, takes `?` for a wildcard and a pattern of JSON fields
for one that every line meets, reads the pattern of a subscription or a live tail in yet another way, and refuses none.
Patterns of fields between spaces, `[ip, ..., bytes]`, are not read here: they are refused.
"""

import functools
import re
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import cloudwatch_logs

from recsys.local.aws.cloudwatch import json_patterns
from recsys.local.aws.cloudwatch.json_patterns import InvalidPattern

TERM = re.compile(r'(?<!\S)([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')
ASKED_BY = ("_filter_log_events", "_put_metric_filter", "_put_subscription_filter", "_start_live_tail")
MEMBERS = ("filterPattern", "logEventFilterPattern")  # of a request


def install() -> None:
    """Read every pattern here, and refuse those that CloudWatch Logs refuses."""
    cloudwatch_logs._compile_filter_pattern = compiled
    cloudwatch_logs._subscription_pattern_matches = lambda pattern, line: compiled(pattern)(line or "")
    for name in ASKED_BY:
        setattr(cloudwatch_logs, name, _refusing(getattr(cloudwatch_logs, name)))


@functools.lru_cache  # a subscription asks anew for each line
def compiled(pattern: str | None) -> Callable[[str], bool]:
    """Whether a line is one that the pattern means. Raises InvalidPattern."""
    asked = (pattern or "").strip()
    if asked.startswith("["):
        raise InvalidPattern("Invalid filter pattern: the embedded AWS reads no space-delimited ones")
    if asked.startswith("{"):
        return json_patterns.compiled(asked)
    if len(asked) > 1 and asked[0] == asked[-1] == "%":
        expression = json_patterns.regex(asked[1:-1])
        return lambda line: expression.search(line) is not None
    return lambda line: matches(asked, line)


def matches(pattern: str, line: str) -> bool:
    """Whether a line has every term of a pattern and none after `-`; of terms after `?` alone, one is enough.

    >>> [matches("?ERROR ?WARNING", line) for line in ('{"level":"WARNING"}', "An error occurred")]
    [True, False]
    >>> [matches('"not found" -debug', line) for line in ("item not found", "not here, but found", "not found, debug")]
    [True, False, False]
    """
    terms = [(sign, re.sub(r"\\(.)", r"\1", quoted) or plain) for sign, quoted, plain in TERM.findall(pattern)]
    found = [(sign, term in line) for sign, term in terms]
    wanted = [there for sign, there in found if not sign]
    either = [there for sign, there in found if sign == "?"] if not wanted else []  # beside others they count nothing
    return all(wanted) and (any(either) or not either) and not any(there for sign, there in found if sign == "-")


def _refusing(answer: Callable[..., Any]) -> Callable[..., Any]:
    """MiniStack's takes every pattern; here one that cannot be read gets CloudWatch Logs' error."""

    def answered(data: dict[str, Any], *more: Any, **options: Any) -> Any:
        try:
            for member in MEMBERS:
                compiled(data.get(member))
        except InvalidPattern as refusal:
            return error_response_json("InvalidParameterException", str(refusal), 400)
        return answer(data, *more, **options)

    return answered
