"""What a retraining tells, read and shown."""

import json

from recsys import operate
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


def test_a_state_machine_that_is_not_updated_yet_told_of_the_recommendations_alone() -> None:
    earlier = {name: value for name, value in BETTER.items() if name not in ("route", "lower")}
    told = retraining._told({"output": json.dumps(earlier | {"executionArn": "e"})})
    assert (told["outcome"], told["executionArn"], len(told["models"])) == ("live", "e", 1)
    assert told["models"][0].items() >= BETTER.items()
    assert operate.version_tags(told) == {"ServingVersionArn": "two", "RetrainedVersionArn": "two"}
