"""Which program an image is: the embedded SageMaker runs no containers, only the project's own entry points.

An image is known by the last part of its repository's name, whatever account and tag it is asked for under.
"""

import re
from collections.abc import Sequence

from recsys.local.sagemaker.errors import unsupported

IMAGE = re.compile(r"^(?:[^/]+/)*(?P<name>[^/:@]+)(?:[:@].*)?$")
OURS = "recsys"
CONTAINER = "recsys.sagemaker.container"
ENTRIES = ("train", "serve", "prepare")


def check(image: str | None) -> None:
    """Raises ValidationException for an image that is not the project's."""
    found = IMAGE.match(image or "")
    if found is None or found["name"] != OURS:
        raise unsupported(
            f"run the image {image}. It runs without Docker, and only knows the project's own image, a repository "
            f"called {OURS} (recsys/sagemaker/container)"
        )


def module(entry: str) -> str:
    """The module of an entry point."""
    return f"{CONTAINER}.{entry}"


def command(image: str | None, entrypoint: Sequence[str], arguments: Sequence[str]) -> tuple[str, list[str]]:
    """The module and the arguments of a container's command line: an entry point by its name, or as python -m has it.

    Raises ValidationException for anything else.
    """
    check(image)
    line = [*entrypoint, *arguments]
    name = line[0].rpartition("/")[2] if line else ""
    if re.fullmatch(r"python[\d.]*", name) and len(line) > 2 and line[1] == "-m":
        name, line = line[2].removeprefix(f"{CONTAINER}."), line[2:]
    if name not in ENTRIES:
        raise unsupported(f"run {line}. The entry points of the image are {', '.join(ENTRIES)}")
    return module(name), line[1:]
