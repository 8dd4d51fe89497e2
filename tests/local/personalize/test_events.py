"""PutEvents, PutItems, PutUsers: what is acknowledged counts in the very next answer."""

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import personalize_shop as shops
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from personalize_shop import Client, refused

from recsys.local.personalize.events.live import Live
from recsys.local.personalize.events.log import EventLog
from recsys.local.personalize.events.reading import owned

V2 = "aws-user-personalization-v2"


@pytest.fixture
def events(client: Client) -> Any:
    return client("personalize-events")


@pytest.fixture
def recommend(client: Client, campaigns: dict[str, str]) -> Any:
    """The ids recommended to a user."""

    def ask(user: str, count: int = 60, **more: Any) -> list[str]:
        answer = client("personalize-runtime").get_recommendations(
            campaignArn=campaigns[V2], userId=user, numResults=count, **more
        )
        return [entry["itemId"] for entry in answer["itemList"]]

    return ask


def click(item: str, **more: Any) -> dict[str, Any]:
    return {"eventType": "view", "sentAt": time.time(), "itemId": item, **more}


def test_an_event_changes_the_next_answer(events: Any, recommend: Any, tracker: str) -> None:
    before = recommend("u10")
    events.put_events(trackingId=tracker, userId="u10", sessionId="s10", eventList=[click("i40")])
    after = recommend("u10")
    assert before != after
    assert after.index("i41") < 3
    assert recommend("u11") == recommend("u11")


def test_a_new_user_is_personal_after_one_event(events: Any, recommend: Any, tracker: str) -> None:
    popular = recommend("new-user")
    events.put_events(trackingId=tracker, userId="new-user", sessionId="s-new", eventList=[click("i20")])
    assert recommend("new-user") != popular
    assert "i21" in recommend("new-user")[:3]


def test_a_session_is_a_user_until_one_joins_it(events: Any, recommend: Any, tracker: str) -> None:
    popular = recommend("visitor")
    events.put_events(trackingId=tracker, sessionId="anonymous", eventList=[click("i33")])
    assert "i34" in recommend("anonymous")[:3]
    assert recommend("visitor") == popular
    joining = {"eventType": "login", "sentAt": time.time()}
    events.put_events(trackingId=tracker, userId="visitor", sessionId="anonymous", eventList=[joining])
    assert "i34" in recommend("visitor")[:3]
    assert recommend("anonymous") == popular


def test_events_count_in_the_order_they_were_sent_not_received(events: Any, recommend: Any, tracker: str) -> None:
    now = time.time()
    for user, order in (("forth", (1, 2)), ("back", (2, 1))):
        for place in order:
            event = {"eventType": "view", "itemId": f"i{place * 10}", "sentAt": now + place}
            events.put_events(trackingId=tracker, userId=user, sessionId=user, eventList=[event])
    assert recommend("forth") == recommend("back")


def test_an_event_id_counts_once(events: Any, recommend: Any, tracker: str) -> None:
    for user, repeats in (("once", 1), ("thrice", 3)):
        for _ in range(repeats):
            event = click("i12", eventId=f"{user}-1", sentAt=1_750_000_000)
            events.put_events(trackingId=tracker, userId=user, sessionId=user, eventList=[event])
    assert recommend("once") == recommend("thrice")


def test_item_and_value_may_stand_in_the_properties_alone(events: Any, recommend: Any, tracker: str) -> None:
    event = {"eventType": "view", "sentAt": 1_750_000_000.5}
    inside = json.dumps({"itemId": "i50", "eventValue": "4.5", "unheardOf": [1, 2]})
    events.put_events(
        trackingId=tracker, userId="inner", sessionId="inner", eventList=[{**event, "properties": inside}]
    )
    assert "i51" in recommend("inner")[:3]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"trackingId": "no-such-tracker"}, "no event tracker"),
        ({"sessionId": None}, "'sessionId' failed to satisfy constraint: Member must not be null"),
        ({"eventList": []}, "length greater than or equal to 1"),
        ({"eventList": [{"eventType": "view", "sentAt": 1}] * 11}, "length less than or equal to 10"),
        ({"eventList": [{"sentAt": 1}]}, "'eventList.1.member.eventType'"),
        ({"eventList": [{"eventType": "view"}]}, "'eventList.1.member.sentAt'"),
        ({"eventList": [{"eventType": "view", "sentAt": 1, "properties": "{"}]}, "properties must be a JSON object"),
        ({"eventList": [{"eventType": "view", "sentAt": 1, "properties": "x" * 1025}]}, "less than or equal to 1024"),
        ({"userId": ""}, "length greater than or equal to 1"),
        ({"userId": "half \ud800 a pair"}, "'userId' failed to satisfy constraint"),
        (
            {"eventList": [{"eventType": "v", "sentAt": 1, "properties": '{"itemId": "\\ud800"}'}]},
            "must be a JSON object",
        ),
        ({"eventList": [{"eventType": "v", "sentAt": 1, "properties": '{"eventValue": 1e999}'}]}, "eventValue must be"),
        ({"eventList": [{"eventType": "v", "sentAt": 1, "properties": '{"USERID": 1}'}]}, "USERID cannot be a keyword"),
        ({"eventList": [{"eventType": "v", "sentAt": 1.2e11}]}, "must be of type Timestamp"),
    ],
)
def test_events_that_break_the_rules_are_refused(
    raw: Client, tracker: str, change: dict[str, Any], reason: str
) -> None:
    request = {"trackingId": tracker, "sessionId": "s", "eventList": [{"eventType": "view", "sentAt": 1}], **change}
    request = {name: value for name, value in request.items() if value is not None}
    code, message, status = refused(raw("personalize-events").put_events, **request)
    assert (code, status) == ("InvalidInputException", 400)
    assert reason in message


def test_a_batch_with_one_bad_event_counts_for_nothing(raw: Client, recommend: Any, tracker: str) -> None:
    before = recommend("careful")
    batch = [click("i1"), {"eventType": "view"}]
    refused(raw("personalize-events").put_events, trackingId=tracker, userId="careful", sessionId="c", eventList=batch)
    assert recommend("careful") == before


def test_a_put_item_is_seen_by_filters_and_metadata(
    events: Any, shop: shops.Shop, recommend: Any, client: Client, campaigns: dict[str, str]
) -> None:
    chosen = shops.add_filter(shop, 'INCLUDE ItemID WHERE Items.CATEGORY IN ("fresh")')
    assert recommend("u1", filterArn=chosen) == []
    properties = json.dumps({"category": "fresh", "price": 3, "creationTimestamp": 1_700_000_000, "title": "New"})
    events.put_items(datasetArn=shop.datasets["Items"], items=[{"itemId": "i9", "properties": properties}])
    assert recommend("u1", filterArn=chosen) == ["i9"]
    asked = {"campaignArn": campaigns[V2], "userId": "u1", "filterArn": chosen, "metadataColumns": {"ITEMS": ["TITLE"]}}
    (entry,) = client("personalize-runtime").get_recommendations(**asked)["itemList"]
    assert entry["metadata"] == {"title": "New"}
    old = {"price": 13.5, "creationTimestamp": 1_600_000_009, "title": "Item 9"}
    events.put_items(datasetArn=shop.datasets["Items"], items=[{"itemId": "i9", "properties": json.dumps(old)}])
    assert recommend("u1", filterArn=chosen) == []


def test_several_categories_may_come_as_a_list(events: Any, shop: shops.Shop, recommend: Any) -> None:
    chosen = shops.add_filter(shop, 'INCLUDE ItemID WHERE Items.CATEGORY IN ("listed")')
    old = {"category": ["c1", "d2"], "price": None, "creationTimestamp": 1_600_000_005, "title": "Item 5"}
    for properties, found in (({**old, "category": ["c1", "d2", "listed"]}, ["i5"]), (old, [])):
        item = {"itemId": "i5", "properties": json.dumps(properties)}
        events.put_items(datasetArn=shop.datasets["Items"], items=[item])
        assert recommend("u1", filterArn=chosen) == found


def test_a_put_user_is_seen_by_filters(events: Any, shop: shops.Shop, recommend: Any) -> None:
    chosen = shops.add_filter(shop, 'EXCLUDE ItemID WHERE Items.PRICE > 0 IF CurrentUser.COUNTRY = "CH"')
    assert len(recommend("u2", filterArn=chosen)) == 60
    user = {"userId": "u2", "properties": json.dumps({"COUNTRY": "CH", "AGE": 30})}
    events.put_users(datasetArn=shop.datasets["Users"], users=[user])
    assert set(recommend("u2", filterArn=chosen)) == {"i0", "i5"}


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ('{"price": "dear"}', "PRICE must be of type float"),
        ("[]", "must be a JSON object"),
        ('{"creationTimestamp": null}', "CREATION_TIMESTAMP must not be null"),
    ],
)
def test_an_item_that_does_not_fit_its_schema_is_refused(
    events: Any, shop: shops.Shop, properties: str, reason: str
) -> None:
    item = {"itemId": "x", "properties": properties}
    code, message, status = refused(events.put_items, datasetArn=shop.datasets["Items"], items=[item])
    assert (code, status) == ("InvalidInputException", 400)
    assert reason in message


def test_an_event_of_more_than_10_kilobytes_is_refused(events: Any, tracker: str) -> None:
    event = click("i1", impression=["ü" * 250] * 25)
    code, message, _ = refused(events.put_events, trackingId=tracker, sessionId="s", eventList=[event])
    assert code == "InvalidInputException"
    assert "10240 bytes at most" in message


def test_nothing_can_be_put_into_a_dataset_that_is_not_active_yet(client: Client, events: Any) -> None:
    dataset = shops.add_dataset(shops.open_shop(client), "Items", shops.ITEMS)
    code, message, status = refused(events.put_items, datasetArn=dataset, items=[{"itemId": "x"}])
    assert (code, status) == ("ResourceInUseException", 409)
    assert "it must be ACTIVE" in message


def test_who_deletes_the_dataset_of_a_trackers_events_deletes_the_events(client: Client) -> None:
    shop = shops.stocked_shop(client)
    campaign = shops.deploy(shop, shops.trained_version(shop, V2))
    before = shops.recommended(shop, campaign, userId="u1")
    shops.put_events(shop, "u1", [click("i40")])
    assert shops.recommended(shop, campaign, userId="u1") != before
    hidden = shop.group.replace(":dataset-group/", ":dataset/") + "/EVENT_INTERACTIONS"
    client("personalize").delete_dataset(datasetArn=hidden)
    shops.gone(client, client("personalize").describe_dataset, datasetArn=hidden)
    while shops.recommended(shop, campaign, userId="u1") != before:
        time.sleep(0.02)


def test_an_item_needs_an_items_dataset(events: Any, shop: shops.Shop) -> None:
    nowhere = shop.datasets["Items"].replace(shop.name, "nowhere")
    assert refused(events.put_items, datasetArn=nowhere, items=[{"itemId": "x"}])[::2] == (
        "ResourceNotFoundException",
        404,
    )
    code, message, _ = refused(events.put_items, datasetArn=shop.datasets["Users"], items=[{"itemId": "x"}])
    assert code == "InvalidInputException"
    assert "not ITEMS" in message


def test_a_put_that_was_given_up_does_not_stop_those_after_it(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.sqlite")
    try:
        event = {"eventType": "view", "itemId": "i1", "sentAt": 1.0}
        given_up = log.put_events("group", "s", "u", [event])
        given_up.cancel()
        log.put_events("group", "s", "u", [event]).result(timeout=10)
    finally:
        log.close()


def test_what_the_disk_refuses_counts_for_nothing_and_what_comes_after_it_is_taken(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.sqlite")
    disk = sqlite3.connect(tmp_path / "events.sqlite", isolation_level=None)
    try:
        disk.execute("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        with pytest.raises(sqlite3.Error, match="disk full"):
            log.put_events("group", "s", "u", [{"eventType": "view", "itemId": "i1", "sentAt": 1.0}]).result(10)
        disk.execute("DROP TRIGGER full")
        log.put_events("group", "s", "u", [{"eventType": "view", "itemId": "i2", "sentAt": 2.0}]).result(10)
        assert [item for _, item, *_ in log.live_of("group").histories["u"]] == ["i2"]
    finally:
        disk.close()
        log.close()


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("st"), st.sampled_from([None, "u", "v"])), max_size=12))
def test_training_and_answers_give_an_event_to_the_same_user(sent: list[tuple[str, str | None]]) -> None:
    live = Live()
    for at, (session, user) in enumerate(sent):
        live.apply(session, user, (float(at), f"i{at}", "view", None))
    answered = {(user, item) for user, events in live.histories.items() for _, item, *_ in events}
    assert set(owned([(session, user, f"i{at}") for at, (session, user) in enumerate(sent)])) == answered
