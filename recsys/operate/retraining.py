"""A retraining now, by the state machine the schedule starts too (recsys/infra/retraining.yaml)."""

import json
from typing import Any

from recsys import aws
from recsys.errors import AwsError

ENDED_BADLY = ("FAILED", "TIMED_OUT", "ABORTED")


def retrain(suffix: str, **wait: Any) -> dict[str, Any]:
    """Begin a retraining of the environment and follow it to its end; returns what it told the topic.

    That is `outcome`, live or refused, its `reason`, both versions and their metric. Where this process is cut off the
    retraining goes on by itself. `wait` is for aws.wait: timeout in seconds, report. Raises AwsError where none is
    deployed, Refused with the reason where it failed, TimedOut.
    """
    states = aws.client("stepfunctions")
    execution = aws.call(states.start_execution, stateMachineArn=_machine(suffix))["executionArn"]
    ended = aws.wait("retraining", lambda: _described(execution), until="SUCCEEDED", **wait)
    return json.loads(ended["output"])


def _machine(suffix: str) -> str:
    name = f"recsys-retraining-{suffix}"
    machines = aws.pages("stepfunctions", "list_state_machines", "stateMachines")
    found = next((each["stateMachineArn"] for each in machines if each["name"] == name), None)
    if found is None:
        raise AwsError(f'there is no {name}: recsys deploy RetrainingSchedule="cron(0 4 ? * SUN *)" brings it')
    return found


def _described(execution: str) -> dict[str, Any]:
    """The execution, as `aws.wait` reads it."""
    found = aws.call(aws.client("stepfunctions").describe_execution, executionArn=execution)
    if found["status"] in ENDED_BADLY:
        return {"status": "FAILED", "failureReason": found.get("cause") or found["status"]}
    return found
