"""A retraining now, by the state machine the schedule starts too (recsys/infra/retraining.yaml), and how it went."""

import json
import uuid
from collections.abc import Mapping
from itertools import pairwise
from statistics import NormalDist
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from recsys import aws, metrics
from recsys.errors import AwsError
from recsys.params import command

ENDED_BADLY = ("FAILED", "TIMED_OUT", "ABORTED")
# A step lasts from the last entry into its state to that into the next one's; of several side by side the last counts.
STEPS = {
    "Begin": "look",
    "Export": "export",
    "ListIncoming": "import",
    "Train": "train",
    "MeasureServing": "compare",
    "Update": "update",
    "Conclude": "tell",
}
TRAINED, AFTER_TRAINING = "IsTrained", ("MeasureServing", "Update")
# What the run's manifest calls the versions of the models that answer these routes.
NAMED = {"recommendations": "", "similar-items": "SimilarItems", "rankings": "Ranking"}


class Renewal(TypedDict):
    """What became of renewing the model behind a route of the API; None where it did not come to that."""

    route: str  # recommendations, similar-items or rankings
    outcome: str  # live, refused or failed
    reason: str
    campaignArn: str
    servingVersionArn: str | None  # before it
    newVersionArn: str | None
    metric: str | None  # by which the two are compared
    servingValue: float | None
    newValue: float | None
    lower: str  # by how much, where a lower value went live; else empty


class Outcome(TypedDict):
    """What a retraining tells the topic (recsys/infra/retraining.yaml)."""

    outcome: str  # of the model that fared worst: failed, refused or live
    reason: str
    models: list[Renewal]  # in the order of the routes; none where it ended before it came to them
    executionArn: str


def retrain(suffix: str, run: str = "", **wait: Any) -> Outcome:
    """Begin a retraining of the environment and follow it to its end; returns what it told the topic.

    Where this process is cut off the retraining goes on by itself. Training is billed: one under way is gone on
    with, and so is one that ended with versions that this `run` paid for, none failed, as long as the campaigns serve
    what it left there. `wait` is for aws.wait: timeout in seconds, report. Raises AwsError where none is deployed,
    Refused with the reason where no model came to a verdict, TimedOut.
    """
    machine = _machine(suffix)
    execution = _begun(machine, run) or _begin(machine, run)
    return _told(aws.wait("retraining", lambda: _described(execution), until="SUCCEEDED", **wait))


def false_refusal_rate(values: np.ndarray, tolerance: float) -> float:
    """The chance that a version just as good as the one that serves measures worse by more than `tolerance` per cent.

    values: (n_users,) of the metric. Each version is measured on as many users of its own, so that both figures are
    normal with the mean m and the standard error s of these:

        P(Y < (1 - t) X) = Phi(-t m / (s sqrt(1 + (1 - t)^2))),  t = tolerance / 100

    >>> values = np.tile([1.0, 0.0, 0.0], 40)
    >>> round(false_refusal_rate(values, 5), 2), round(false_refusal_rate(values, 20), 2)
    (0.39, 0.11)
    """
    mean, error, part = np.mean(values), np.std(values) / np.sqrt(len(values)), tolerance / 100
    return NormalDist().cdf(-part * mean / (error * np.sqrt(1 + (1 - part) ** 2))) if error else 0.0


def with_short_metric_names(outcome: Outcome) -> Outcome:
    """The same for people: each metric under the name that the field has for it.

    >>> told = {"reason": "rankings: precision_at_5 was 0.1", "models": [{"metric": "precision_at_5", "reason": ""}]}
    >>> with_short_metric_names(told)
    {'reason': 'rankings: precision@5 was 0.1', 'models': [{'metric': 'precision@5', 'reason': ''}]}
    """
    models = [{**each, **_shortly(each, "metric", "reason")} for each in outcome["models"]]
    return {**outcome, **_shortly(outcome, "reason"), "models": models}


def verdicts(outcome: Outcome) -> list[dict[str, str]]:
    """What became of each model, for people; of a retraining that ended before it came to them, why."""
    told = with_short_metric_names(outcome)
    return [{name: each[name] for name in ("route", "outcome", "reason")} for each in told["models"]] or [
        {"route": "all", "outcome": told["outcome"], "reason": told["reason"]}
    ]


def version_tags(outcome: Outcome) -> dict[str, str]:
    """The versions that serve after a retraining, and those that it trained, if it came to that: names to record.

    ServingVersionArn and RetrainedVersionArn of the recommendations, SimilarItemsServingVersionArn and so on of others.
    Raises AwsError where it did not even look at the campaigns, as another one was at work.
    """
    if not outcome["models"]:
        raise AwsError(f"the retraining was {outcome['outcome']}: {outcome['reason']}")
    found = {}
    for each in outcome["models"]:
        name = NAMED[each["route"]]
        found[f"{name}ServingVersionArn"] = serves(each)
        found[f"{name}RetrainedVersionArn"] = each["newVersionArn"]
    return {name: arn for name, arn in found.items() if arn}


def serves(renewal: Renewal) -> str | None:
    """The version that serves after a retraining; None where its campaign is gone."""
    return renewal["newVersionArn"] if renewal["outcome"] == "live" else renewal["servingVersionArn"]


def offline_metrics(renewal: Renewal) -> pd.DataFrame:
    """Personalize's offline metrics of the version that served and of the new one: columns metric, before, after.

    `after` is nan where nothing was trained.
    """
    ask = aws.client("personalize").get_solution_metrics
    arns = {"before": renewal["servingVersionArn"], "after": renewal["newVersionArn"]}
    found = {when: aws.call(ask, solutionVersionArn=arn)["metrics"] for when, arn in arns.items() if arn}
    table = pd.DataFrame(found, columns=list(arns), dtype=float).rename(index=metrics.short_names)
    return table.rename_axis("metric").reset_index()


def shown_items(table: pd.DataFrame, items: int) -> str:
    """What coverage, in the table of `offline_metrics`, means in items of a catalogue of so many."""
    before, after = (float(table.set_index("metric").loc["coverage", when]) for when in ("before", "after"))
    if np.isnan(after):
        return f"the version that served showed {before * items:,.0f} of {items:,} items; no other was measured"
    change = f" ({after / before - 1:+.1%})" if before else ""
    return f"items shown to the measured users: {before * items:,.0f} before, {after * items:,.0f} after{change}"


def steps(execution: str) -> pd.DataFrame:
    """Where the time of a retraining went, by its execution's ARN, a row per step in their order.

    Models are trained side by side, and what the last of them does counts: training lasts until none trains any more.
    Columns step, at (when it began, epoch seconds), start (that in seconds after the retraining's start), seconds, and
    states, how many of the machine's were entered meanwhile, which is what Step Functions bills.
    """
    request = {"executionArn": execution, "includeExecutionData": False, "maxResults": 1000}
    events = list(aws.pages("stepfunctions", "get_execution_history", "events", **request))
    entered = [
        (each["timestamp"].timestamp(), each["stateEnteredEventDetails"]["name"])
        for each in events
        if "stateEnteredEventDetails" in each
    ]
    trained = max((place for place, (_, name) in enumerate(entered) if name == TRAINED), default=0)
    last = {
        name: place
        for place, (_, name) in enumerate(entered)
        if name in STEPS and (place > trained or name not in AFTER_TRAINING)
    }
    places = sorted(last.values())
    frame = pd.DataFrame([(entered[place][0], STEPS[entered[place][1]]) for place in places], columns=["at", "step"])
    ends = [*frame["at"][1:], max(each["timestamp"].timestamp() for each in events)]
    frame["start"], frame["seconds"] = frame["at"] - frame["at"][0], ends - frame["at"]
    frame["states"] = [after - first for first, after in pairwise([*places, len(entered)])]
    return frame[["step", "at", "start", "seconds", "states"]]


def _machine(suffix: str) -> str:
    name = f"recsys-retraining-{suffix}"
    machines = aws.pages("stepfunctions", "list_state_machines", "stateMachines")
    found = next((each["stateMachineArn"] for each in machines if each["name"] == name), None)
    if found is None:
        brings_it = command("recsys deploy 'RetrainingSchedule=cron(0 4 ? * SUN *)'")
        raise AwsError(f"there is no {name}: {brings_it}")
    return found


def _begun(machine: str, run: str) -> str | None:
    """The retraining to go on with: the one under way, or the one in which this run trained."""
    listed = list(aws.pages("stepfunctions", "list_executions", "executions", stateMachineArn=machine))
    under_way = [each for each in listed if each["status"] == "RUNNING"]
    if under_way:
        return min(under_way, key=lambda each: each["startDate"])["executionArn"]  # it refuses those after it
    ended = [each for each in listed if run and each["name"].startswith(f"{run}-") and each["status"] == "SUCCEEDED"]
    return next((each["executionArn"] for each in ended if _holds(each["executionArn"])), None)


def _begin(machine: str, run: str) -> str:
    named = {"name": f"{run}-{uuid.uuid4().hex[:8]}"} if run else {}
    return aws.call(aws.client("stepfunctions").start_execution, stateMachineArn=machine, **named)["executionArn"]


def _holds(execution: str) -> bool:
    """Whether it trained without a failure, and the campaigns serve what it left there."""
    told = _told(_described(execution))
    if told["outcome"] == "failed" or not any(each["newVersionArn"] for each in told["models"]):
        return False
    ask = aws.client("personalize").describe_campaign
    campaigns = [aws.find(ask, campaignArn=each["campaignArn"]) for each in told["models"]]  # None for one that is gone
    return all(
        found and found["campaign"]["solutionVersionArn"] == serves(each)
        for found, each in zip(campaigns, told["models"], strict=True)
    )


def _told(execution: Mapping[str, Any]) -> Outcome:
    """What it told at its end. A state machine from before it had several models told of the recommendations alone."""
    told = json.loads(execution["output"])
    if "models" in told:
        return told
    came_to_it = told["servingVersionArn"] is not None
    return {**told, "models": [{"route": "recommendations", "lower": "", **told}] if came_to_it else []}


def _shortly(told: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: told[name] and metrics.short_names(told[name]) for name in names}


def _described(execution: str) -> dict[str, Any]:
    """The execution, as `aws.wait` reads it."""
    found = aws.call(aws.client("stepfunctions").describe_execution, executionArn=execution)
    if found["status"] in ENDED_BADLY:
        return {"status": "FAILED", "failureReason": found.get("cause") or found["status"]}
    return found
