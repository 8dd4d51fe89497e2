"""The states inside a Map or a Parallel are told in the execution's history; MiniStack tells of those outside only."""

import copy
import json
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import stepfunctions

OF_EXECUTION = ("Map", "Parallel", "Task")  # types that leave events of their own


def install() -> None:
    """Tell of each state that an iteration or a branch enters and leaves."""
    stepfunctions._run_sub_machine = _told


def _told(states: dict[str, Any], start_at: str, given: Any, execution: dict, context: dict) -> Any:
    """MiniStack's does one state after the other in silence; here as it does those outside."""
    name, value = start_at, copy.deepcopy(given)
    while name:
        state = states[name]
        context["State"] = {"Name": name, "EnteredTime": now_iso(), "RetryCount": 0}
        _tell(execution, state, "Entered", {"name": name, "input": json.dumps(value)})
        value, following = _done(state, value, execution, context)
        _tell(execution, state, "Exited", {"name": name, "output": json.dumps(value)})
        name = following
    return value


def _tell(execution: dict, state: dict[str, Any], step: str, details: dict[str, str]) -> None:
    stepfunctions._add_event(execution, f"{state['Type']}State{step}", {f"state{step}EventDetails": details})


def _done(state: dict[str, Any], given: Any, execution: dict, context: dict) -> tuple[Any, str | None]:
    """A state's output, and the name of the next one."""
    kind = state["Type"]
    if kind == "Fail":
        raise stepfunctions._ExecutionError(*stepfunctions._fail_state_error(state, given, context))
    if kind == "Succeed":
        taken = stepfunctions._apply_input_path(state, given, context)
        return stepfunctions._apply_output_path(state, taken, context), None
    execute = getattr(stepfunctions, f"_execute_{kind.lower()}")
    return execute(state, given, execution, context) if kind in OF_EXECUTION else execute(state, given, context)
