"""Options that several commands have."""

from typing import Annotated

import typer

from recsys.errors import RecsysError

ParamsFile = Annotated[str, typer.Option("--params", help="Params file; it holds differences from params/base.yaml.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="One parameter, as section.name=value; may be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MaxUsd = Annotated[
    float | None, typer.Option(min=0, help="Refuse what is estimated to cost more USD in its first 24 hours.")
]
Given = Annotated[list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Template parameters.")]
STATE = ".recsys"


def assigned(texts: list[str] | None, expected: str, option: str = "") -> dict[str, str]:
    """`NAME=VALUE` texts as a dictionary. Raises RecsysError for another, naming the option and what is expected."""
    for text in texts or []:
        if "=" not in text:
            raise RecsysError(f"{option}{text}: expected {expected}")
    return dict(text.split("=", 1) for text in texts or [])


def mapped(texts: list[str] | None) -> dict[str, list[str]]:
    """What --map names, ours -> theirs, of each as many as were given. Raises RecsysError for another text."""
    names: dict[str, list[str]] = {}
    for text in texts or []:
        for ours, theirs in assigned([text], "OURS=YOURS, such as USER_ID=customer", "--map ").items():
            names.setdefault(ours, []).append(theirs)
    return names
