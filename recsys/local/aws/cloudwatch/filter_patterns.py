"""Which log lines a filter pattern of terms means, as CloudWatch Logs has it: upper and lower case differ.

MiniStack tells no case apart, cuts a quoted phrase at its spaces, and takes `?` for a wildcard. Patterns of JSON fields
are left to it, which lets every line pass.
"""

import re
from collections.abc import Callable

from ministack.services import cloudwatch_logs

TERM = re.compile(r'(?<!\S)([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')
JSON = "{"


def install() -> None:
    """Read patterns of terms here."""
    cloudwatch_logs._compile_filter_pattern = _beside(cloudwatch_logs._compile_filter_pattern)


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


def _beside(compile_json: Callable[[str], Callable[[str], bool]]) -> Callable[[str], Callable[[str], bool]]:
    def compiled(pattern: str) -> Callable[[str], bool]:
        asked = (pattern or "").strip()
        return compile_json(asked) if asked.startswith(JSON) else lambda line: matches(asked, line)

    return compiled
