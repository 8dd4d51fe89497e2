"""Where values come from, one layer over the other.

`params/base.yaml` holds every parameter. Over it lie, in this order, the chosen file, the environment
(`RECSYS__SECTION__NAME`), `--set section.name=value`, and a notebook's parameters cell. No name stands in two
sections, so that a notebook can use it bare.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from recsys.errors import ParamsError
from recsys.files import resolve, root
from recsys.params.commands import DEFAULT_FILE, options
from recsys.params.sections import Params, fields_of, nearest, section_of

ENVIRONMENT_PREFIX = "RECSYS__"


class Layered:
    """The merged values, and for each dotted key the layer that set it last."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, Any]] = {}
        self.origin: dict[str, str] = {}

    def lay(self, values: Mapping[str, Any], origin: str) -> None:
        """Lay `{section: {name: value}}` over what is there."""
        for section, entries in ((str(section), entries) for section, entries in values.items()):
            if section not in Params.model_fields:
                raise ParamsError(f'{origin}: unknown section "{section}"{nearest(section, Params.model_fields)}')
            if not isinstance(entries, Mapping):
                raise ParamsError(f'{origin}: section "{section}" must hold name: value lines, not {entries!r}')
            for name, value in entries.items():
                self._set(section, str(name), value, origin)

    def _set(self, section: str, name: str, value: Any, origin: str) -> None:
        known = fields_of(section)
        if name not in known:
            raise ParamsError(f'{origin}: unknown parameter "{section}.{name}" (= {value!r}){_hint(section, name)}')
        self.values.setdefault(section, {})[name] = value
        self.origin[f"{section}.{name}"] = origin

    def params(self) -> Params:
        """The typed parameters. Raises ParamsError naming origin, key, value and what is allowed."""
        try:
            return Params.model_validate(self.values)
        except ValidationError as error:
            raise ParamsError("; ".join(self._readable(problem) for problem in error.errors())) from error

    def _readable(self, problem: Any) -> str:
        key = ".".join(str(part) for part in problem["loc"][:2])
        origin = self.origin.get(key, "params/base.yaml")
        if problem["type"] == "missing":
            return f"params/base.yaml: {key} is missing"
        said = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "string_pattern_mismatch" and (words := _described(*problem["loc"][:2])):
            said = f"must be {words}"
        if not key:  # of several together, which the message names
            return f"{', '.join(sorted({self.origin[name] for name in self.origin if name in said}))}: {said}"
        return f"{origin}: {key} = {problem['input']!r}: {said}{_closest_value(problem)}"


def load(
    file: str | Path = DEFAULT_FILE,
    *,
    settings: list[str] | None = None,
    cell: Mapping[str, Any] | None = None,
    cell_name: str = "the notebook's parameters cell",
    environment: Mapping[str, str] | None = None,
) -> tuple[Params, dict[str, str]]:
    """The parameters, and where each comes from: base.yaml, `file`, the environment, `settings` or a notebook's `cell`.

    `settings` are `section.name=value` texts; `cell` maps bare names to values. Raises ParamsError.
    """
    layers = Layered()
    base = root() / "params" / "base.yaml"
    layers.lay(_read(base), "params/base.yaml")
    if resolve(file) != base:
        layers.lay(_read(resolve(file)), _short(resolve(file)))
    for key, text in sorted((os.environ if environment is None else environment).items()):
        if key.startswith(ENVIRONMENT_PREFIX) or _is_misspelled(key):
            layers.lay(*_from_environment(key, text))
    for setting in settings or []:
        layers.lay(*_from_setting(setting))
    for name, value in (cell or {}).items():
        layers.lay({section_of(name): {name: value}}, cell_name)
    values = layers.params()
    values._options = options(str(file), layers.values, layers.origin)
    return values, layers.origin


def _described(section: str, name: str) -> str | None:
    return fields_of(section)[name].description


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        known = ", ".join(sorted(f"params/{file.name}" for file in (root() / "params").glob("*.yaml")))
        raise ParamsError(f"{path}: no such params file; there are {known}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{_short(path)}: not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values or {}, Mapping):
        raise ParamsError(f"{_short(path)}: must hold sections such as `training:`, not {values!r}")
    return values or {}


def _is_misspelled(key: str) -> bool:
    """Whether one underscore stands for two, as in RECSYS_TRAINING_SEED; what else begins so is somebody else's."""
    names = (f"RECSYS_{section}_{name}" for section in Params.model_fields for name in fields_of(section))
    return key in {name.upper() for name in names}


def _from_environment(key: str, text: str) -> tuple[dict[str, Any], str]:
    parts = key.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
    if len(parts) != 2 or not key.startswith(ENVIRONMENT_PREFIX):
        raise ParamsError(f"environment {key}: expected RECSYS__SECTION__NAME, such as RECSYS__TRAINING__SEED")
    return {parts[0]: {parts[1]: _value(text, f"environment {key}")}}, f"environment {key}"


def _from_setting(setting: str) -> tuple[dict[str, Any], str]:
    key, equals, text = setting.partition("=")
    section, dot, name = key.strip().partition(".")
    if not equals or not dot:
        raise ParamsError(f'--set {setting}: expected section.name=value, such as "training.seed=3"')
    return {section: {name: _value(text, f"--set {setting}")}}, "--set"


def _value(text: str, origin: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ParamsError(f"{origin}: {text!r} is not readable as a YAML value; quote it") from error


def _hint(section: str, name: str) -> str:
    for other in Params.model_fields:
        if name in fields_of(other):
            return f'; "{name}" belongs to section "{other}"'
    return nearest(name, fields_of(section))


def _closest_value(problem: Any) -> str:
    allowed = [
        part.strip("' ") for part in str(problem.get("ctx", {}).get("expected", "")).replace(" or ", ",").split(",")
    ]
    return nearest(str(problem["input"]), allowed) if problem["type"] == "literal_error" else ""


def _short(path: Path) -> str:
    return str(path.relative_to(root())) if path.is_relative_to(root()) else str(path)
