"""What may be asked of a training. SageMaker passes every value as a string."""

import difflib
import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from recsys.errors import ParamsError

MODELS = ("next-item", "popularity")
GOALS = ("next", "newest", "later")


def _cores() -> int:
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Hyperparameters:
    """model: what is trained. goal: what its settings are chosen for, see NextItem.fit; `newest` is what is tested.

    seed: of every draw. budget_seconds: of the search for settings, counted in work and not by the clock. threads: of
    the linear algebra, all cores without it. The same hyperparameters and data give the same model.
    """

    model: str = "next-item"
    goal: str = "newest"
    seed: int = 0
    budget_seconds: float = 40.0
    threads: int = field(default_factory=_cores)

    @classmethod
    def read(cls, path: Path) -> "Hyperparameters":
        """From hyperparameters.json; without the file, the defaults.

        Raises ParamsError that names each one that is unknown or out of range, its value and what is allowed.
        """
        try:
            given = json.loads(path.read_text("utf-8")) if path.exists() else {}
            given = {str(name): str(value).strip() for name, value in given.items()}
        except (ValueError, AttributeError):
            raise ParamsError(f"{path} is no JSON object of names and values") from None
        wrong = [_unknown(name) for name in given if name not in _READ]
        found: dict[str, Any] = {}
        for name, text in given.items():
            try:
                found |= {name: _READ[name](text)} if name in _READ else {}
            except ValueError as error:
                wrong.append(f'hyperparameter {name} is "{text}": it must be {error}')
        if wrong:
            raise ParamsError("; ".join(wrong))
        return cls(**found)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def as_text(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.as_dict().items())


def _one_of(*names: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in names:
            raise ValueError(f"one of {', '.join(names)}")
        return text

    return read


def _number(kind: type, low: int, high: int) -> Callable[[str], Any]:
    """A reader of numbers from `low` to `high`, both included."""

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise ValueError(f"a {'whole ' if kind is int else ''}number from {low} to {high}")
        return value

    return read


_READ: dict[str, Callable[[str], Any]] = {
    "model": _one_of(*MODELS),
    "goal": _one_of(*GOALS),
    "seed": _number(int, 0, 2**31 - 1),
    "budget_seconds": _number(float, 0, 86_400),
    "threads": _number(int, 1, 256),
}


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, _READ, n=1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return f'hyperparameter "{name}" is not known, there are {", ".join(_READ)}{hint}'
