"""A state inside a Map or a Parallel is told in the execution's history; MiniStack tells of those outside only."""

from collections.abc import Callable
from typing import Any

from ministack.services import stepfunctions


def install() -> None:
    """Tell of each state that an iteration or a branch enters."""
    stepfunctions._run_sub_machine = _told(stepfunctions._run_sub_machine)


def _told(run: Callable[..., Any]) -> Callable[..., Any]:
    def ran(states: dict[str, Any], start_at: str, given: Any, execution: dict, context: dict) -> Any:
        return run(_Entered(states, execution), start_at, given, execution, context)

    return ran


class _Entered(dict):
    """States by name; MiniStack gets one where it enters it."""

    def __init__(self, states: dict[str, Any], execution: dict) -> None:
        super().__init__(states)
        self.execution = execution

    def get(self, name: str) -> Any:
        state = super().get(name)
        if state:
            entered = {"stateEnteredEventDetails": {"name": name}}
            stepfunctions._add_event(self.execution, f"{state['Type']}StateEntered", entered)
        return state
