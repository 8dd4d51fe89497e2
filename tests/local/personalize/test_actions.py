"""GetActionRecommendations, PutActions and PutActionInteractions."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import personalize_shop as shops
import pytest
from personalize_shop import Client, refused

DAY = 86_400
ACTIONS = shops.schema(
    "Actions",
    {"name": "CHANNEL", "type": ["null", "string"], "categorical": True},
    {"name": "VALUE", "type": ["null", "long"]},
    {"name": "ACTION_EXPIRATION_TIMESTAMP", "type": ["null", "long"]},
    {"name": "REPEAT_FREQUENCY", "type": ["null", "long"]},
)
Ask = Callable[..., dict[str, float]]


def action_interactions() -> pd.DataFrame:
    """Everybody is shown four actions: most take `join`, some `rate`, few `call`; of `rare` too little is known."""
    rng = np.random.default_rng(4)
    rows = []
    for user in range(400):
        for action, likely in (("join", 0.8), ("rate", 0.5), ("call", 0.25)):
            kind = "Taken" if rng.random() < likely else "Not Taken"
            rows.append((f"u{user}", action, 1_700_000_000 + 600 * user, kind))
    rows += [("u1", "rare", 1_700_000_000, "Viewed")]
    return pd.DataFrame(rows, columns=["USER_ID", "ACTION_ID", "TIMESTAMP", "EVENT_TYPE"])


@pytest.fixture(scope="module")
def shop(client: Client) -> shops.Shop:
    actions = pd.DataFrame(
        {"ACTION_ID": ["join", "rate", "call", "rare"], "CHANNEL": ["app", "mail", "phone", "mail"], "VALUE": 5}
    )
    tables = {
        "Interactions": (shops.INTERACTIONS, shops.interactions()),
        "Actions": (ACTIONS, actions),
        "Action_Interactions": (shops.ACTED, action_interactions()),
    }
    return shops.stocked_shop(client, tables)


@pytest.fixture(scope="module")
def campaign(shop: shops.Shop) -> str:
    return shops.deploy(shop, shops.trained_version(shop, "aws-next-best-action"))


@pytest.fixture(scope="module")
def ask(shop: shops.Shop, campaign: str) -> Ask:
    """The actions recommended to a user, in their order, with their scores."""

    def of(user: str, **more: Any) -> dict[str, float]:
        request = {"campaignArn": campaign, "userId": user, "numResults": 100, **more}
        answer = shop.client("personalize-runtime").get_action_recommendations(**request)
        return {entry["actionId"]: entry["score"] for entry in answer["actionList"]}

    return of


@pytest.fixture(scope="module")
def tracking_id(shop: shops.Shop) -> str:
    """The id of the tracker that comes with the Action interactions dataset."""
    arn = shop.datasets["Action_Interactions"]
    return shop.client("personalize").describe_dataset(datasetArn=arn)["dataset"]["trackingId"]


@pytest.fixture(scope="module")
def act(shop: shops.Shop, tracking_id: str) -> Callable[..., None]:
    def put(user: str, action: str, kind: str, **more: Any) -> None:
        event = {"userId": user, "sessionId": user, "actionId": action, "eventType": kind, "timestamp": time.time()}
        shop.client("personalize-events").put_action_interactions(
            trackingId=tracking_id, actionInteractions=[event | more]
        )

    return put


def test_actions_come_by_how_likely_they_are_taken(ask: Ask) -> None:
    actions = ask("stranger")
    assert list(actions)[:4] == ["join", "rate", "call", "rare"]
    assert 1 > actions["join"] > actions["rate"] > actions["call"] > actions["rare"] == 0


def test_five_actions_are_the_default_and_100_the_most(shop: shops.Shop, campaign: str) -> None:
    shops.put_actions(shop, {f"more-{number}": {} for number in range(6)})
    runtime = shop.client("personalize-runtime")
    answer = runtime.get_action_recommendations(campaignArn=campaign, userId="u1")
    assert len(answer["actionList"]) == 5
    assert answer["recommendationId"].startswith("RID-")
    refusal = refused(runtime.get_action_recommendations, campaignArn=campaign, userId="u1", numResults=101)
    assert refusal == ("InvalidInputException", "numResults must be at most 100, not 101", 400)


def test_an_action_interaction_counts_in_the_next_answer(ask: Ask, act: Callable[..., None]) -> None:
    before = ask("fresh")
    act("fresh", "join", "Not Taken")
    assert ask("fresh")["join"] != before["join"]
    assert ask("somebody-else") == before


def test_a_session_takes_its_actions_to_the_user_who_joins_it(ask: Ask, act: Callable[..., None], client: Any) -> None:
    act("visit", "join", "Taken")
    known, unknown = ask("visit"), ask("joiner")
    assert known != unknown
    act("joiner", "rate", "Viewed", sessionId="visit", timestamp=1)
    assert ask("visit") == unknown
    assert ask("joiner") != unknown


def test_a_put_action_can_be_recommended_at_once_and_the_more_valuable_come_first(shop: shops.Shop, ask: Ask) -> None:
    shops.put_actions(shop, {"cheap": {"value": 1}, "dear": {"value": 10}})
    actions = ask("u1")
    assert actions["cheap"] == actions["dear"] == 0
    assert list(actions).index("dear") < list(actions).index("cheap")


def test_an_expired_action_is_left_out(shop: shops.Shop, ask: Ask) -> None:
    shops.put_actions(shop, {"sale": {"actionExpirationTimestamp": int(time.time()) + DAY}})
    assert "sale" in ask("u1")
    shops.put_actions(shop, {"sale": {"actionExpirationTimestamp": int(time.time()) - 1}})
    assert "sale" not in ask("u1")


def test_an_action_waits_for_its_repeat_frequency(shop: shops.Shop, ask: Ask, act: Callable[..., None]) -> None:
    shops.put_actions(shop, {"weekly": {"repeatFrequency": 7}})
    act("doer", "weekly", "Viewed", timestamp=time.time() - 8 * DAY)
    assert "weekly" in ask("doer")
    act("doer", "weekly", "Taken", timestamp=time.time() - 6 * DAY)
    assert "weekly" not in ask("doer")
    assert "weekly" in ask("idler")


def test_filters_take_actions_by_metadata_and_by_what_was_done(
    shop: shops.Shop, ask: Ask, act: Callable[..., None]
) -> None:
    mail = shops.add_filter(shop, 'INCLUDE ActionID WHERE Actions.CHANNEL IN ("mail")')
    assert list(ask("u1", filterArn=mail)) == ["rate", "rare"]
    refusing = shops.add_filter(shop, 'EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("Not Taken")')
    assert "call" in ask("decider", filterArn=refusing)
    act("decider", "call", "NOT_TAKEN")
    assert "call" not in ask("decider", filterArn=refusing)


def test_a_filter_looks_at_the_newest_300_action_interactions_of_a_type(
    shop: shops.Shop, ask: Ask, act: Callable[..., None], tracking_id: str
) -> None:
    refusing = shops.add_filter(shop, 'EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("Not Taken")')
    act("refuser", "call", "NOT_TAKEN", timestamp=1_750_000_000)
    event = {"userId": "refuser", "sessionId": "r", "actionId": "join", "eventType": "NOT_TAKEN"}
    put = shop.client("personalize-events").put_action_interactions
    left_out = []
    for number in range(30):
        put(trackingId=tracking_id, actionInteractions=[{**event, "timestamp": 1_750_000_001 + number}] * 10)
        left_out.append("call" not in ask("refuser", filterArn=refusing))
    assert left_out == [True] * 29 + [False]


def test_an_event_id_counts_once(ask: Ask, act: Callable[..., None]) -> None:
    for user, repeats in (("once", 1), ("thrice", 3)):
        for _ in range(repeats):
            act(user, "join", "Taken", eventId=f"{user}-1", timestamp=1_750_000_000)
    assert ask("once") == ask("thrice")


def test_the_groups_event_tracker_takes_action_interactions_too(shop: shops.Shop, ask: Ask) -> None:
    before = ask("tracked")
    shops.put_events(shop, "tracked", [{"eventType": "login"}])
    event = {"userId": "tracked", "sessionId": "t", "actionId": "join", "eventType": "taken", "timestamp": time.time()}
    shop.client("personalize-events").put_action_interactions(trackingId=shop.tracking_id, actionInteractions=[event])
    assert ask("tracked") != before


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ({"eventType": "clicked"}, "InvalidInputException", "must be Taken, Not Taken or Viewed, not clicked"),
        ({"properties": "[]"}, "InvalidInputException", "properties must be a JSON object"),
        ({"properties": '{"sessionId": "s"}'}, "InvalidInputException", "sessionId cannot be a keyword of properties"),
        ({"actionId": ""}, "InvalidInputException", "length greater than or equal to 1"),
    ],
)
def test_action_interactions_that_break_the_rules_are_refused(
    raw: Client, tracking_id: str, change: dict[str, Any], code: str, reason: str
) -> None:
    event = {"sessionId": "s", "actionId": "join", "eventType": "Taken", "timestamp": 1, **change}
    put = raw("personalize-events").put_action_interactions
    assert refused(put, trackingId=tracking_id, actionInteractions=[event])[0] == code
    assert reason in refused(put, trackingId=tracking_id, actionInteractions=[event])[1]


def test_an_unknown_action_tracker_is_not_found(client: Client) -> None:
    event = {"sessionId": "s", "actionId": "join", "eventType": "Taken", "timestamp": 1}
    put = client("personalize-events").put_action_interactions
    assert refused(put, trackingId="nowhere", actionInteractions=[event])[::2] == ("ResourceNotFoundException", 404)


def test_campaigns_of_actions_and_of_items_do_not_answer_for_each_other(shop: shops.Shop, campaign: str) -> None:
    runtime = shop.client("personalize-runtime")
    items = shops.deploy(shop, shops.trained_version(shop, "aws-popularity-count"))
    assert "use GetRecommendations" in refused(runtime.get_action_recommendations, campaignArn=items, userId="u1")[1]
    wrong = refused(runtime.get_recommendations, campaignArn=campaign, userId="u1")
    assert "use GetActionRecommendations" in wrong[1]
    assert "userId is required" in refused(runtime.get_action_recommendations, campaignArn=campaign)[1]
