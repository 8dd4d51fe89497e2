"""Batch jobs read JSON lines and write JSON lines: a question a line, its answer or its error, in the same order.

The input is the object of that path, or else every object whose key begins like it; `<name>.out` lies below the output
path for each, and `_CHECK` when all are there. A line in error fails itself only. [The guide says prefix; that an
object of exactly that name is read alone keeps a job from reading its own `users.json.out`. AWS shows one sentence for
lines in error; those for lines that are no JSON objects are ours.]
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from recsys.local.personalize.jobs.s3 import JobFailed, Storage
from recsys.local.shared.errors import ServiceError

Line = dict[str, Any]
MOST_IN_LIST = 500


class LineError(Exception):
    """Why one line has no answer."""


def answer_lines(
    spec: dict[str, Any],
    answer: Callable[[Line], Line],
    most: int | None = None,
    ahead: Callable[[list[Line]], None] = lambda lines: None,
) -> None:
    """Answer every line of `spec`'s input; more than `most` lines are too many. Raises JobFailed.

    answer: the output of a line; raises LineError or ServiceError. ahead: is shown all lines before one is answered.
    """
    storage = Storage(spec)
    files = {name: _lines(path, storage.read(path)) for path, name in _inputs(storage, spec["input"], spec["output"])}
    lines = [line for each in files.values() for line in each]
    if most is not None and len(lines) > most:
        raise JobFailed(f"The input has {len(lines)} lines; the most for this job is {most}.")
    ahead([line for line in lines if isinstance(line, dict)])
    output = spec["output"].rstrip("/")
    for name, each in files.items():
        answered = "".join(_compact(_answered(line, answer)) + "\n" for line in each)
        storage.write(f"{output}/{name}.out", answered.encode())
    storage.write(f"{output}/_CHECK", b"")


def texts(line: Line, *names: str) -> list[str]:
    """The values of members that must be texts; numbers are taken as such. Raises LineError."""
    values = [line.get(name) for name in names]
    if any(value is None for value in values):
        raise LineError(f"Required fields for the provided recipe are {', '.join(names)}")
    return [_text(name, value) for name, value in zip(names, values, strict=True)]


def text_list(line: Line, name: str) -> list[str]:
    """A member that must be a list of texts. Raises LineError."""
    values = line[name]
    if not isinstance(values, list) or not 0 < len(values) <= MOST_IN_LIST:
        raise LineError(f"{name} must be a list of 1 to {MOST_IN_LIST} items")
    return [_text(name, value) for value in values]


def filter_values(line: Line) -> dict[str, str]:
    """The filterValues of a line, by placeholder. Raises LineError."""
    values = line.get("filterValues") or {}
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise LineError("filterValues must be an object of strings")
    return values


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise LineError(f"{name} must be a string, not {_compact(value)}")
    return str(value)


def _inputs(storage: Storage, path: str, output: str) -> Iterator[tuple[str, str]]:
    """Each file to read and the name of its answers, with its folders below the path. Raises JobFailed."""
    found = storage.below(path)
    if path in found and not path.endswith("/"):
        found = {path: found[path]}
    folder = path.rpartition("/")[0] + "/"
    inside = output.rstrip("/") + "/"
    own = inside if inside.startswith(path) else None  # answers of earlier jobs are no questions
    files = [file for file, size in found.items() if size and not (own and file.startswith(own))]
    if not files:
        raise JobFailed(f"Invalid S3 input path. There is no file at {path}.")
    return ((file, file.removeprefix(folder)) for file in files)


def _lines(path: str, data: bytes) -> list[Line | str]:
    """The JSON objects of a file, and as texts the lines that are none."""
    try:
        return [_parsed(line.strip()) for line in data.decode("utf-8-sig").split("\n") if line.strip()]
    except UnicodeDecodeError as error:
        raise JobFailed(f"The input {path} is not UTF-8 text: {error}") from error


def _parsed(line: str) -> Line | str:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return line
    return parsed if isinstance(parsed, dict) else line


def _answered(line: Line | str, answer: Callable[[Line], Line]) -> Line:
    try:
        if isinstance(line, str):
            raise LineError("The line is not a JSON object")
        return {"input": line, "output": answer(line), "error": None}
    except (LineError, ServiceError) as error:
        return {"input": line, "output": None, "error": f"User error: {error}"}


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
