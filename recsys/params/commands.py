"""Commands to be pasted: what makes them be about the environment in use."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsys.params.sections import Params

DEFAULT_FILE = "params/local.yaml"
WHERE = ("aws.region", "aws.endpoint", "aws.environment_suffix", "dataset.dataset_group")  # say what a command is about

_current: list[str] = []  # options that name the environment this process works on


def work_on(values: "Params") -> None:
    """From now on `command` is about this environment."""
    _current[:] = values._options


def command(words: str) -> str:
    """A command to be pasted about the environment this process works on, where no parameters are at hand."""
    return with_options(words, _current)


def with_options(words: str, options: list[str]) -> str:
    """The command with these options, quoted for a shell."""
    return shlex.join([*shlex.split(words), *options])


def options(file: str, values: Mapping[str, Mapping[str, Any]], origin: Mapping[str, str]) -> list[str]:
    """What makes a command be about the same environment, also where that is named by no params file."""
    named = [] if file == DEFAULT_FILE else ["--params", file]
    for name in WHERE:
        if origin.get(name, "").startswith(("--set", "environment ")):
            section, _, key = name.partition(".")
            value = values[section][key]
            named += ["--set", f"{name}={'null' if value is None else value}"]
    return named
