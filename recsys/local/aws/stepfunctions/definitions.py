"""State machines that Step Functions refuses and MiniStack takes: their executions would fail, or end halfway.

What is looked at is the way from state to state, and names that are taken; what a state does is seen when it does it.
Sources: Amazon States Language, "Transitions"; the developer guide's "Passing data between states with variables", of
scopes. [Its words for what it refuses of names are not known: these are ours.]
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from ministack.services import stepfunctions

LAST = ("Choice", "Fail", "Succeed")  # types that have neither Next nor End
KINDS = (*LAST, "Map", "Parallel", "Pass", "Task", "Wait")

Machine = dict[str, Any]


def install() -> None:
    """Look where MiniStack looks at the expressions in a definition."""
    stepfunctions._validate_definition_jsonata = _also(stepfunctions._validate_definition_jsonata)


def _also(check: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    """MiniStack's looks at expressions only; here at the way from state to state first."""
    return lambda definition: fault(definition or "") or check(definition)


def fault(definition: str) -> str | None:
    """What is wrong with a definition, in the manner of Step Functions; None if nothing is.

    >>> fault('{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}')
    "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing target: B at /States/A/Next'"
    """
    try:
        found = next(_every(json.loads(definition)), None)
    except ValueError as error:
        found = f"INVALID_JSON_DESCRIPTION: {error}"
    except (AttributeError, TypeError):
        found = "SCHEMA_VALIDATION_FAILED: not an object with StartAt and States, or a state that is no object"
    return found and f"Invalid State Machine Definition: '{found}'"


def _every(machine: Machine) -> Iterator[str]:
    yield from _faults(machine, "")
    yield from _taken(machine, "", frozenset())
    named = Counter(name for states in _scopes(machine) for name in states)
    for name, count in named.items():
        if count > 1:
            yield f"DUPLICATE_STATE_NAME: {count} states are called {name}"


def _scopes(machine: Machine) -> Iterator[dict[str, Machine]]:
    """The states of a machine, and those of each Map and each branch in it."""
    yield machine["States"]
    for state in machine["States"].values():
        for inner in _inside(state):
            yield from _scopes(inner)


def _taken(machine: Machine, at: str, around: frozenset[str]) -> Iterator[str]:
    """Variables assigned in a Map or a branch under the name of one that is assigned around it."""
    own = {name for state in machine["States"].values() for name in _assigned(state)}
    for name in sorted(own & around):
        yield f"SCHEMA_VALIDATION_FAILED: variable {name} is assigned around this, too, at {at}"
    for name, state in machine["States"].items():
        for inner in _inside(state):
            yield from _taken(inner, f"{at}/States/{name}", around | own)


def _assigned(state: Machine) -> Iterator[str]:
    for each in (state, *state.get("Choices", ()), *state.get("Catch", ())):
        yield from (name.removesuffix(".$") for name in each.get("Assign", {}))


def _inside(state: Machine) -> Iterator[Machine]:
    """The machines in a Map or a Parallel."""
    return filter(None, (state.get("Iterator"), state.get("ItemProcessor"), *state.get("Branches", ())))


def _faults(machine: Machine, at: str) -> Iterator[str]:
    states = machine.get("States") or {}
    for place, target in [(f"{at}/StartAt", machine.get("StartAt")), *_transitions(states, at)]:
        if target not in states:
            yield f"MISSING_TRANSITION_TARGET: Missing target: {target} at {place}"
    for name, state in states.items():
        place, kind = f"{at}/States/{name}", state.get("Type")
        if kind not in KINDS:
            yield f"SCHEMA_VALIDATION_FAILED: {kind} is no type of a state at {place}/Type"
        if kind not in LAST and ("Next" in state) == bool(state.get("End")):
            yield f"SCHEMA_VALIDATION_FAILED: exactly one of Next and End is needed at {place}"
        for inner in _inside(state):
            yield from _faults(inner, place)


def _transitions(states: dict[str, Machine], at: str) -> Iterator[tuple[str, str]]:
    for name, state in states.items():
        for field in {"Next", "Default"} & state.keys():
            yield f"{at}/States/{name}/{field}", state[field]
        for field in ("Choices", "Catch"):
            for number, way in enumerate(state.get(field, ())):
                yield f"{at}/States/{name}/{field}[{number}]/Next", way.get("Next")
