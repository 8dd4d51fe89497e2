"""A params file of one's own."""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from recsys.errors import ParamsError
from recsys.files import replace_text, root
from recsys.params.layers import load
from recsys.params.sections import LONGEST_SUFFIX


def suffix_of(text: str) -> str:
    """Text as the end of resource names: `Web Shop 2026` as `web-shop`; empty where no letter or digit is left."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return (
        words
        if len(words) <= LONGEST_SUFFIX
        else words[: LONGEST_SUFFIX + 1].rpartition("-")[0] or words[:LONGEST_SUFFIX]
    )


def require_free(name: str) -> None:
    """Raises ParamsError where params/NAME.yaml is there already, or another file's environment has the name."""
    path = _path(name)
    if path.exists():
        raise ParamsError(f"params/{path.name} is there already: give another --name, or remove it first")
    for other in path.parent.glob("*.yaml"):
        with suppress(ParamsError):  # of a file that nobody can use
            if load(other, environment={})[0].aws.environment_suffix == name:
                break
    else:
        return
    raise ParamsError(f'params/{other.name} has the environment "{name}" already: give another --name')


def create(name: str, endpoint: str | None, values: Mapping[str, Mapping[str, Any]], remark: str) -> Path:
    """Write params/NAME.yaml for an environment of that name, with a remark at its head; returns its path.

    Raises ParamsError for values that no parameters may have; nothing is written then.
    """
    path = _path(name)
    content = {"aws": {"endpoint": endpoint, "environment_suffix": name}, **values}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    replace_text(path, f"# {remark}\n{text}")
    try:
        load(path, environment={})
    except ParamsError:
        path.unlink()
        raise
    return path


def _path(name: str) -> Path:
    return root() / "params" / f"{name}.yaml"
