"""Exploration: which items are eligible, which places they take, and what an explorationWeight of 0 promises."""

import time
from collections.abc import Callable

import personalize_shop as shops
import pytest
from personalize_shop import Client

DAY = 86_400
NEW = ["new-1", "new-2", "new-3"]
Ask = Callable[..., list[str]]


@pytest.fixture(scope="module")
def shop(client: Client) -> shops.Shop:
    """A shop in which three items have just been added, about which nothing else is known."""
    shop = shops.stocked_shop(client)
    shops.put_items(shop, {item: {"creationTimestamp": int(time.time())} for item in NEW})
    return shop


@pytest.fixture(scope="module")
def campaigns(shop: shops.Shop) -> dict[str, str]:
    """Campaigns by how they explore."""
    version = shops.trained_version(shop, "aws-user-personalization")
    configs = {
        "never": {"explorationWeight": "0"},
        "always": {"explorationWeight": "1"},
        "further": {"explorationWeight": "1", "explorationItemAgeCutOff": "60"},
    }
    made = {
        name: shops.deploy(shop, version, campaignConfig={"itemExplorationConfig": config})
        for name, config in configs.items()
    }
    made["default"] = shops.deploy(shop, version)
    made["version 2"] = shops.deploy(shop, shops.trained_version(shop, "aws-user-personalization-v2"))
    return made


@pytest.fixture(scope="module")
def ask(shop: shops.Shop, campaigns: dict[str, str]) -> Ask:
    """The items that a campaign recommends to a user."""
    return lambda name, **more: shops.recommended(shop, campaigns[name], userId="u1", **more)


def test_weight_0_gives_equal_answers_to_equal_requests(ask: Ask) -> None:
    answers = [ask("never") for _ in range(5)]
    assert all(answer == answers[0] for answer in answers)
    assert not set(answers[0]) & set(NEW)


def test_weight_1_gives_every_place_to_eligible_items_while_there_are_any(ask: Ask) -> None:
    answer = ask("always")
    assert set(answer[:3]) == set(NEW)
    assert answer[3:] == ask("never")[:22]


def test_the_default_explores_some_places_of_some_answers(ask: Ask) -> None:
    explored = [len(set(ask("default")) & set(NEW)) for _ in range(20)]
    assert sum(explored) > 0
    assert len({tuple(ask("default")) for _ in range(20)}) > 1


def test_items_older_than_the_cut_off_are_not_explored(shop: shops.Shop, ask: Ask) -> None:
    shops.put_events(shop, "anyone", [{"itemId": "i1", "eventType": "view"}])
    shops.put_items(shop, {"old": {"creationTimestamp": int(time.time()) - 40 * DAY}})
    assert "old" not in ask("always")
    assert "old" in ask("further")


def test_an_item_without_a_creation_time_is_as_old_as_its_first_interaction(shop: shops.Shop, ask: Ask) -> None:
    shops.put_items(shop, {"undated": {}})
    assert "undated" in ask("always")
    shops.put_events(shop, "reader", [{"itemId": "undated", "eventType": "view", "sentAt": time.time() - 100 * DAY}])
    shops.put_events(shop, "reader", [{"itemId": "i1", "eventType": "view"}])
    assert "undated" not in ask("always")


def test_events_before_an_item_was_put_count(shop: shops.Shop, ask: Ask) -> None:
    """Five make it known too well for version 2 to explore it."""
    shops.put_events(shop, "early", [{"itemId": "foretold", "eventType": "view"}] * 5)
    ask("version 2")
    shops.put_items(shop, {"foretold": {"creationTimestamp": int(time.time())}})
    assert not any("foretold" in ask("version 2") for _ in range(20))


def test_what_was_shown_often_is_explored_less(shop: shops.Shop, ask: Ask) -> None:
    shown = {"itemId": "i1", "eventType": "view", "impression": ["new-1", "new-2"]}
    for _ in range(30):
        shops.put_events(shop, "scroller", [shown] * 10)
    leaders = [ask("always")[0] for _ in range(40)]
    assert leaders.count("new-3") > leaders.count("new-1") + leaders.count("new-2")


def test_an_event_that_names_its_recommendation_tells_what_was_shown(
    shop: shops.Shop, campaigns: dict[str, str], ask: Ask
) -> None:
    runtime = shop.client("personalize-runtime")
    answer = runtime.get_recommendations(campaignArn=campaigns["always"], userId="u1", numResults=25)
    shops.put_items(shop, {"late": {"creationTimestamp": int(time.time())}})
    click = {"itemId": "i1", "eventType": "view", "recommendationId": answer["recommendationId"]}
    for _ in range(30):
        shops.put_events(shop, "clicker", [click] * 10)
    leaders = [ask("always")[0] for _ in range(40)]
    assert leaders.count("late") > 20


@pytest.fixture(scope="module")
def impressed(client: Client) -> shops.Shop:
    """A shop whose imported interactions say that two of the three new items were shown."""
    shop = shops.open_shop(client)
    fields = [{"name": "EVENT_TYPE", "type": "string"}, {"name": "IMPRESSION", "type": ["null", "string"]}]
    shops.add_dataset(shop, "Interactions", shops.schema("Interactions", *fields))
    shops.add_dataset(shop, "Items", shops.ITEMS)
    table = shops.interactions().assign(IMPRESSION="new-1|new-2")
    table.loc[::2, "IMPRESSION"] = None
    shops.import_csv(shop, "Interactions", shops.put_csv(shop, "clicks.csv", table))
    shops.put_items(shop, {item: {"creationTimestamp": int(time.time())} for item in NEW})
    return shop


@pytest.fixture(scope="module")
def leaders(impressed: shops.Shop) -> Callable[[], list[str]]:
    """The first items of 240 answers of a campaign there that always explores: of forty a new one has three or none."""
    always = {"campaignConfig": {"itemExplorationConfig": {"explorationWeight": "1"}}}
    campaign = shops.deploy(impressed, shops.trained_version(impressed, "aws-user-personalization"), **always)
    return lambda: [shops.recommended(impressed, campaign, userId="u1")[0] for _ in range(240)]


def test_impressions_that_were_imported_count_as_shown(leaders: Callable[[], list[str]]) -> None:
    found = leaders()
    assert found.count("new-3") > found.count("new-1") + found.count("new-2")


def test_what_a_ranking_showed_counts_as_shown(impressed: shops.Shop, leaders: Callable[[], list[str]]) -> None:
    ranking = shops.deploy(impressed, shops.trained_version(impressed, "aws-personalized-ranking"))
    answer = impressed.client("personalize-runtime").get_personalized_ranking(
        campaignArn=ranking, userId="u1", inputList=["i1", "new-3"]
    )
    click = {"itemId": "i1", "eventType": "view", "recommendationId": answer["recommendationId"]}
    for _ in range(30):
        shops.put_events(impressed, "searcher", [click] * 10)
    shops.put_items(impressed, {"latest": {"creationTimestamp": int(time.time())}})
    found = leaders()
    assert found.count("latest") > 2 * found.count("new-3")


def test_a_filter_holds_for_explored_items_too(shop: shops.Shop, ask: Ask) -> None:
    cheap = shops.add_filter(shop, "INCLUDE ItemID WHERE Items.PRICE < 15")
    assert set(ask("always", filterArn=cheap)) == {f"i{number}" for number in range(10) if number != 5}


def test_version_2_explores_every_tenth_place_and_says_so(shop: shops.Shop, campaigns: dict[str, str]) -> None:
    runtime = shop.client("personalize-runtime")
    answer = runtime.get_recommendations(campaignArn=campaigns["version 2"], userId="u1", numResults=25)["itemList"]
    explored = [place for place, entry in enumerate(answer, 1) if entry.get("reason") == ["Exploration"]]
    assert explored == [10, 20]
    assert not any(answer[place - 1]["itemId"].startswith("i") for place in explored)


def test_version_2_leaves_a_short_list_alone(ask: Ask) -> None:
    answers = [ask("version 2", numResults=9) for _ in range(5)]
    assert all(answer == answers[0] for answer in answers)
