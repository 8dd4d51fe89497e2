"""The state machine that retrains: nothing fails unheard, and its role allows what it does and no more."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ministack.services import stepfunctions

from recsys.deploy.parameters import EXPERIMENT_ROUTES
from recsys.deploy.template import PARTS, content
from recsys.operate import retraining

PART = content(PARTS["RetrainingKey"])
MACHINE = PART["Resources"]["Retraining"]["Properties"]["Definition"]
LOOK, RENEW = (MACHINE["States"][name]["ItemProcessor"]["States"] for name in ("LookAtEach", "RenewEach"))
NDCG = "normalized_discounted_cumulative_gain_at_10"
WEIGHTED = "normalized_discounted_cumulative_gain_with_event_weights_at_10"
State = dict[str, Any]
DAY, HISTORY = 86_400, 25_000  # seconds; events an execution may have
EVENTS = {"Task": 5, "Map": 4}  # entered, scheduled, started, succeeded, exited; entered, started, succeeded, exited
ERROR = "{% $states.errorOutput.Error & ': ' & $states.errorOutput.Cause %}"


def caught(where: str) -> list[State]:
    return [{"ErrorEquals": ["States.ALL"], "Next": where}]


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
            assert state["Catch"] == caught("Caught"), name
    assert MACHINE["States"]["Caught"]["Next"] == "Conclude"
    assert MACHINE["States"]["Conclude"]["Next"] == "Tell"
    endings = {name for name, state in MACHINE["States"].items() if state["Type"] in ("Fail", "Succeed")}
    assert endings == {"Failed", "Done"}
    assert [state["Next"] for state in MACHINE["States"]["HasFailed"]["Choices"]] == ["Failed"]


def test_a_model_that_fails_stops_no_other_and_says_why() -> None:
    for name, state in RENEW.items():
        assert state.get("Catch") == (caught("CaughtHere") if state["Type"] == "Task" else None), name
        assert state["Type"] != "Fail"
    assert RENEW["CaughtHere"]["Next"] == "Told"
    for name, state in LOOK.items():
        reasons = [each["Assign"]["why"] for each in state.get("Catch", ())]
        assert reasons == ([ERROR] if state["Type"] == "Task" else []), name
    assert [name for states in (LOOK, RENEW) for name, state in states.items() if state.get("End")] == [
        "MayTrain",
        "MayNotTrain",
        "Told",
    ]


@pytest.mark.parametrize(
    ("metrics", "metric"),
    [
        ({"coverage": 0.5, NDCG: 0.2}, NDCG),
        ({NDCG: 0.2, WEIGHTED: 0.3}, WEIGHTED),
        ({NDCG: 0.2, "trend_prediction_accuracy": 0.4}, "trend_prediction_accuracy"),
    ],
)
def test_versions_are_compared_by_the_metric_of_their_recipe(metrics: dict[str, float], metric: str) -> None:
    known = {"variables": {"metrics": MACHINE["States"]["Begin"]["Assign"]["metrics"]}}
    assigned = RENEW["MeasureServing"]["Assign"]
    result = {"Metrics": metrics}
    found = {name: stepfunctions._apply_jsonata_template(each, {}, known, result) for name, each in assigned.items()}
    assert found == {"metric": metric, "before": metrics[metric]}


def test_where_nothing_was_measured_nothing_goes_live() -> None:
    known = {"variables": {"metrics": MACHINE["States"]["Begin"]["Assign"]["metrics"]}}
    found = {
        name: stepfunctions._apply_jsonata_template(each, {}, known, {"Metrics": {"coverage": 0.5}})
        for name, each in RENEW["MeasureServing"]["Assign"].items()
    }
    assert found == {"metric": NDCG, "before": None}
    first = RENEW["IsBetter"]["Choices"][0]
    assert first["Assign"]["verdict"] == "refused"
    variables = {"variables": {**found, "after": 0.2}}
    assert stepfunctions._evaluate_jsonata_choice_rule(first, {}, variables)


def test_a_subject_keeps_within_what_sns_takes() -> None:
    (_, text), longest = MACHINE["States"]["Tell"]["Arguments"]["Subject"], "x" * 12
    models = [{"route": route, "outcome": "refused", "lower": "12.3 % lower"} for route in retraining.NAMED]
    known = {"QueryLanguage": "JSONata", "variables": {"models": models, "outcome": "refused"}}
    subject = stepfunctions._apply_jsonata_template(text.replace("${EnvironmentSuffix}", longest), {}, known)
    assert len(subject) < 100 and subject.startswith(f"Retraining of recsys-{longest}: recommendations refused (12.3 %")


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


@pytest.mark.parametrize("seconds", [-60, 60])
def test_whatever_is_waited_for_is_given_up_after_a_day(seconds: int) -> None:
    begun = int(1000 * (time.time() - DAY - seconds))
    going_on = {"Status": "IN_PROGRESS"}
    waited = {"waited": DAY + seconds, "paused": DAY + seconds, "importing": begun}
    known = {"variables": waited | dict.fromkeys(("export", "import", "version", "update"), going_on)}
    looks = [name for name, state in states() if state["Type"] == "Wait"]
    given_up = [
        [each for each in state["Choices"] if stepfunctions._evaluate_jsonata_choice_rule(each, {}, known)]
        for _, state in states()
        if state.get("Default") in looks
    ]
    assert len(given_up) == 4
    assert [len(each) for each in given_up] == 4 * [seconds > 0]


def longest_pause(wait: State) -> int:
    """Seconds between two looks at what takes long."""
    return int(re.search(r"\$min\(\[(\d+), 2 \* \$", wait["Assign"].get("wait", wait["Assign"].get("pause")))[1])


def looks(longest: int, jobs: int) -> int:
    """How often jobs that take a day together are looked at, one after the other: most often where all take equally."""
    left, pause, found = DAY, 1, jobs  # each has a last look
    while pause < longest:
        times = min(jobs, left // pause)
        left, pause, found = left - times * pause, 2 * pause, found + times
    return found + left // longest


def most_events(machine: dict[str, Any], items: dict[str, int], runs: int = 1) -> int:
    """The longest history of so many runs; where they have one day together by the clock, in a row, else a day each."""
    together, found = "$millis() - " in str(machine["States"].values()), 0
    entered = dict.fromkeys(machine["States"], runs)
    for name, state in machine["States"].items():
        if state["Type"] == "Wait":
            longest, look = longest_pause(state), state["Next"]
            polled = looks(longest, runs) if together else runs * looks(longest, 1)
            entered |= dict.fromkeys((name, look, machine["States"][look]["Next"]), polled)
    for name, state in machine["States"].items():
        found += entered[name] * EVENTS.get(state["Type"], 2)
        if state["Type"] == "Map":
            found += most_events(state["ItemProcessor"], items, items[name]) + 2 * items[name]  # started, succeeded
    return found


def test_its_history_holds_however_long_all_that_it_waits_for_takes() -> None:
    files = MACHINE["States"]["ListIncoming"]["Arguments"]["MaxKeys"]
    items = {"LookAtEach": len(retraining.NAMED), "ImportEach": files, "RenewEach": len(retraining.NAMED)}
    assert most_events(MACHINE, items) < 0.9 * HISTORY, "the rest is for what is asked again"


def test_as_many_imports_as_files_may_lie_there_have_a_day_where_each_takes_twelve_minutes() -> None:
    state, waited, pause = dict(states())["WaitForImport"], 0, 1
    while waited < 12 * 60:
        waited, pause = waited + pause, min(longest_pause(state), 2 * pause)
    assert MACHINE["States"]["ListIncoming"]["Arguments"]["MaxKeys"] * waited < DAY


def test_what_is_lower_by_less_than_the_subject_tells_is_not_called_lower() -> None:
    expression = RENEW["Update"]["Assign"]["lower"]
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
    order = [name for name, _ in states() if name in retraining.STEPS]
    assert order == list(retraining.STEPS)
    assert MACHINE["StartAt"] == order[0]


def test_the_routes_are_those_that_take_experiments_and_have_a_name_of_their_own_in_the_manifest() -> None:
    routes = re.findall("'route': '([a-z-]+)'", str(MACHINE["States"]["Begin"]["Assign"]["routes"]))
    assert tuple(routes) == EXPERIMENT_ROUTES == tuple(retraining.NAMED)


def test_without_a_schedule_nothing_is_trained() -> None:
    template = content()
    assert template["Parameters"]["RetrainingSchedule"]["Default"] == ""
    assert template["Resources"]["Retraining"]["Condition"] == "IsRetrained"
    assert ["Not", [["Equals", [["Ref", "RetrainingSchedule"], ""]]]] in template["Conditions"]["IsRetrained"][1]
