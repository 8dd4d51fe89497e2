"""The state machine that retrains: nothing fails unheard, and its role allows what it does and no more."""

from collections.abc import Iterator
from typing import Any

from ministack.services import stepfunctions

from recsys.deploy.template import PARTS, content
from recsys.operate import retraining

PART = content(PARTS["RetrainingKey"])
MACHINE = PART["Resources"]["Retraining"]["Properties"]["Definition"]
CAUGHT = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
State = dict[str, Any]


def states(machine: dict[str, Any] = MACHINE) -> Iterator[tuple[str, State]]:
    """Every state, those of a Map too."""
    for name, state in machine["States"].items():
        yield name, state
        yield from states(state["ItemProcessor"]) if "ItemProcessor" in state else ()


def tasks() -> dict[str, State]:
    return {name: state for name, state in states() if state["Type"] == "Task"}


def action(task: State) -> str:
    """`personalize:CreateSolutionVersion` of a task's resource."""
    service, operation = task["Resource"][1].split(":")[-2:]  # !Sub, for the partition
    names = {"listExecutions": "states:ListExecutions", "listObjectsV2": "s3:ListBucket"}
    return names.get(operation, f"{service}:{operation[0].upper()}{operation[1:]}")


def test_a_failing_step_comes_to_the_topic_whichever_it_is() -> None:
    for name, state in MACHINE["States"].items():
        if state["Type"] in ("Task", "Map") and name != "Tell":
            assert state["Catch"] == CAUGHT, name
    assert MACHINE["States"]["Caught"]["Next"] == "Conclude"
    assert MACHINE["States"]["Conclude"]["Next"] == "Tell"
    endings = {name for name, state in MACHINE["States"].items() if state["Type"] in ("Fail", "Succeed")}
    assert endings == {"Failed", "Done"}
    assert [state["Next"] for state in MACHINE["States"]["HasFailed"]["Choices"]] == ["Failed"]


def test_what_personalize_throttles_is_asked_again() -> None:
    for name, task in tasks().items():
        if ":personalize:" in task["Resource"][1]:
            assert task["Retry"][0]["ErrorEquals"] == ["Personalize.PersonalizeException"], name


def test_a_changed_file_is_a_new_one_however_its_content_s_tag_is_spelt() -> None:
    expression = MACHINE["States"]["ListIncoming"]["Assign"]["incoming"]
    jobs = set()
    for tag in ({}, {"ETag": "1"}, {"Etag": "1"}, {"Etag": "2"}):
        result = {"Contents": [{"Key": "tables/incoming/items/a.csv", **tag}], "IsTruncated": False}
        [listed] = stepfunctions._apply_jsonata_template(expression, {}, {"variables": {}}, result)
        jobs.add(listed["job"])
    assert len(jobs) == 3, "the same content gives the same job by either spelling, another content another"


def test_whatever_is_waited_for_is_given_up_after_a_day() -> None:
    waits = [name for name, state in states() if state["Type"] == "Wait"]
    limits = [str(state["Choices"]).count("> 86400") for _, state in states() if state["Type"] == "Choice"]
    assert sum(limits) == len(waits) == 4


def test_what_is_lower_by_less_than_the_subject_tells_is_not_called_lower() -> None:
    expression = MACHINE["States"]["Update"]["Assign"]["lower"]
    for after, said in ((0.5, ""), (0.6, ""), (0.49999, ""), (0.4, "20 % lower"), (0.4994, "0.1 % lower")):
        variables = {"before": 0.5, "after": after}
        assert stepfunctions._apply_jsonata_template(expression, {}, {"variables": variables}) == said


def test_its_role_allows_the_calls_it_makes_and_no_others() -> None:
    (policy,) = PART["Resources"]["RetrainingRole"]["Properties"]["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    allowed = {
        each
        for entry in statements
        for each in ([entry["Action"]] if isinstance(entry["Action"], str) else entry["Action"])
    }
    assert allowed == {action(task) for task in tasks().values()} | {"iam:PassRole"}
    assert not [entry for entry in statements if entry["Resource"] == "*"]


def test_the_steps_that_are_told_of_it_are_entered_by_states_it_has_and_in_their_order() -> None:
    order = [name for name in MACHINE["States"] if name in retraining.STEPS]
    assert order == list(retraining.STEPS)
    assert MACHINE["StartAt"] == order[0]


def test_without_a_schedule_nothing_is_trained() -> None:
    template = content()
    assert template["Parameters"]["RetrainingSchedule"]["Default"] == ""
    assert template["Resources"]["Retraining"]["Condition"] == "IsRetrained"
    assert ["Not", [["Equals", [["Ref", "RetrainingSchedule"], ""]]]] in template["Conditions"]["IsRetrained"][1]
