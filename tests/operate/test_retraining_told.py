"""What a retraining tells, read and shown."""

import json
from datetime import UTC, datetime

import pytest

from recsys import operate
from recsys.errors import AwsError
from recsys.operate import retraining

BETTER = {
    "route": "recommendations",
    "outcome": "live",
    "reason": "precision_at_5 was 0.1 and is 0.2",
    "campaignArn": "campaign",
    "servingVersionArn": "one",
    "newVersionArn": "two",
    "metric": "precision_at_5",
    "servingValue": 0.1,
    "newValue": 0.2,
    "lower": "",
}
GONE = dict.fromkeys(BETTER) | {"route": "rankings", "outcome": "failed", "reason": "no such campaign", "lower": ""}


def test_people_read_what_became_of_each_model() -> None:
    told = {"outcome": "failed", "reason": "", "models": [BETTER, GONE], "executionArn": "e"}
    assert operate.verdicts(told) == [
        {"route": "recommendations", "outcome": "live", "reason": "precision@5 was 0.1 and is 0.2"},
        {"route": "rankings", "outcome": "failed", "reason": "no such campaign"},
    ]


def test_or_why_it_did_not_come_to_them() -> None:
    told = {"outcome": "refused", "reason": "another retraining is at work", "models": [], "executionArn": "e"}
    assert operate.verdicts(told) == [{"route": "all", "outcome": "refused", "reason": "another retraining is at work"}]


def test_a_campaign_that_is_gone_has_no_version_to_record() -> None:
    told = {"outcome": "failed", "reason": "", "models": [BETTER, GONE], "executionArn": "e"}
    assert operate.version_tags(told) == {"ServingVersionArn": "two", "RetrainedVersionArn": "two"}


def test_an_earlier_state_machine_that_came_to_no_model_told_of_none() -> None:
    earlier = {name: None for name in BETTER if name not in ("route", "lower")} | {
        "outcome": "refused",
        "reason": "busy",
    }
    told = retraining._told({"output": json.dumps(earlier | {"executionArn": "e"})})
    with pytest.raises(AwsError, match="the retraining was refused: busy"):
        operate.version_tags(told)


def test_training_lasts_until_no_model_trains_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    entered = [("Begin", 0), ("Export", 10), ("ListIncoming", 20), ("Train", 30), ("Train", 31), ("IsTrained", 1900)]
    entered += [("MeasureServing", 1901), ("Update", 1905), ("IsTrained", 5500), ("Conclude", 5501)]
    events = [
        {"timestamp": datetime.fromtimestamp(at, UTC), "stateEnteredEventDetails": {"name": name}}
        for name, at in entered
    ]
    monkeypatch.setattr(retraining.aws, "pages", lambda *_, **__: iter(events))
    monkeypatch.setattr(retraining.aws, "client", lambda name: None)
    found = operate.steps("execution")
    assert found["step"].tolist() == ["look", "export", "import", "train", "tell"]
    assert found.set_index("step").loc["train", "seconds"] == pytest.approx(5501 - 31)


def test_a_state_machine_that_is_not_updated_yet_told_of_the_recommendations_alone() -> None:
    earlier = {name: value for name, value in BETTER.items() if name not in ("route", "lower")}
    told = retraining._told({"output": json.dumps(earlier | {"executionArn": "e"})})
    assert (told["outcome"], told["executionArn"], len(told["models"])) == ("live", "e", 1)
    assert told["models"][0].items() >= BETTER.items()
    assert operate.version_tags(told) == {"ServingVersionArn": "two", "RetrainedVersionArn": "two"}
