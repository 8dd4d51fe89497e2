"""Step Functions beyond what MiniStack does: the history tells of the states in a Map and a Parallel too."""

import json

from waiting import eventually

ROLE = "arn:aws:iam::000000000000:role/test"
INNER = {"Inner": {"Type": "Pass", "Assign": {"doubled": "{% 2 * $states.input %}"}, "Next": "Last"}}
INNER |= {"Last": {"Type": "Pass", "Output": "{% $doubled + $outer %}", "End": True}}


def run(client, definition):
    """Its output and its history."""
    states = client("stepfunctions")
    machine = states.create_state_machine(name="told", roleArn=ROLE, definition=json.dumps(definition))
    execution = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    ended = eventually(
        lambda: found if (found := states.describe_execution(executionArn=execution))["status"] != "RUNNING" else None
    )
    events = states.get_execution_history(executionArn=execution, maxResults=1000)["events"]
    states.delete_state_machine(stateMachineArn=machine["stateMachineArn"])
    assert ended["status"] == "SUCCEEDED", ended
    return json.loads(ended["output"]), events


def entered(events):
    """The states it entered: their type and name."""
    details = "stateEnteredEventDetails"
    return [(each["type"], each[details]["name"]) for each in events if details in each]


def test_each_iteration_of_a_map_has_variables_of_its_own_and_is_told_of(client):
    each = {"Type": "Map", "Items": [1, 2, 3], "ItemProcessor": {"StartAt": "Inner", "States": INNER}, "End": True}
    begin = {"Type": "Pass", "Assign": {"outer": 10}, "Next": "Each"}
    output, events = run(
        client, {"QueryLanguage": "JSONata", "StartAt": "Begin", "States": {"Begin": begin, "Each": each}}
    )
    assert output == [12, 14, 16]
    assert entered(events)[:2] == [("PassStateEntered", "Begin"), ("MapStateEntered", "Each")]
    assert sorted(entered(events)[2:]) == 3 * [("PassStateEntered", "Inner")] + 3 * [("PassStateEntered", "Last")]


def test_each_branch_of_a_parallel_is_told_of(client):
    branches = [{"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}} for name in ("One", "Two")]
    both = {"Type": "Parallel", "Branches": branches, "End": True}
    output, events = run(client, {"StartAt": "Both", "States": {"Both": both}})
    assert output == [{}, {}]
    assert sorted(entered(events)) == [
        ("ParallelStateEntered", "Both"),
        ("PassStateEntered", "One"),
        ("PassStateEntered", "Two"),
    ]


def test_a_state_in_a_map_is_told_with_what_goes_in_and_what_comes_out(client):
    states = {"Inner": {"Type": "Pass", "Result": "changed", "Next": "Done"}, "Done": {"Type": "Succeed"}}
    each = {"Type": "Map", "ItemsPath": "$", "ItemProcessor": {"StartAt": "Inner", "States": states}, "End": True}
    begin = {"Type": "Pass", "Result": ["given"], "Next": "Each"}
    output, events = run(client, {"StartAt": "Begin", "States": {"Begin": begin, "Each": each}})
    assert output == ["changed"]
    details = [each.get("stateEnteredEventDetails") or each.get("stateExitedEventDetails") for each in events]
    inside = [each for each in details if each and each["name"] in states]
    assert inside == [
        {"name": "Inner", "input": '"given"'},
        {"name": "Inner", "output": '"changed"'},
        {"name": "Done", "input": '"changed"'},
        {"name": "Done", "output": '"changed"'},
    ]
