"""Campaigns of aws-trending-now, which follow the stream, and of aws-semantic-similarity, which follow the text."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pandas as pd
import personalize_shop as shops
import pytest
from personalize_shop import Client
from waiting import eventually

TRENDING, SEMANTIC = "aws-trending-now", "aws-semantic-similarity"
NEWEST = 1_700_000_000
LATER = count(NEWEST + 600)
TITLES = {  # oldest first
    "assam": "Black tea from India, strong leaves for the morning",
    "sencha": "Green tea from Japan, fresh and grassy leaves",
    "hammer": "Steel hammer with a wooden handle for nails",
    "saw": "Hand saw with hardened steel teeth for timber",
    "pliers": "Steel pliers with insulated handles for wire",
    "oolong": "Half fermented tea leaves with a floral taste",
}


def interactions() -> pd.DataFrame:
    """A steady stream over ten hours, in which i5 has just begun to rise."""
    rows = [(f"u{n % 60}", f"i{n % 20}", NEWEST - 36_000 + 30 * n) for n in range(1200)]
    rows += [(f"u{n}", "i5", NEWEST - 100) for n in range(60)]
    return pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"]).assign(EVENT_TYPE="view", EVENT_VALUE=1.0)


@pytest.fixture(scope="module")
def trends(client: Client) -> shops.Shop:
    return shops.stocked_shop(client, {"Interactions": (shops.INTERACTIONS, interactions())})


@pytest.fixture(scope="module")
def texts(client: Client) -> shops.Shop:
    shop = shops.open_shop(client)
    items = pd.DataFrame({"ITEM_ID": TITLES.keys(), "TITLE": TITLES.values(), "CREATION_TIMESTAMP": range(1, 7)})
    schema = shops.schema(
        "Items",
        {"name": "TITLE", "type": "string", "textual": True},
        {"name": "CREATION_TIMESTAMP", "type": "long"},
    )
    shops.add_dataset(shop, "Interactions", shops.INTERACTIONS)
    return shops.stock(shop, {"Items": (schema, items)})


def burst(shop: shops.Shop, item: str, events: int, kind: str = "view") -> None:
    moment = next(LATER)
    for _ in range(events // 10):
        shops.put_events(shop, "crowd", [{"itemId": item, "eventType": kind, "sentAt": moment}] * 10)


def test_what_rises_fastest_comes_first_and_events_since_the_training_count(trends: shops.Shop) -> None:
    version = shops.trained_version(trends, TRENDING)
    assert shops.recommended(trends, shops.deploy(trends, version))[0] == "i5"
    burst(trends, "i9", 400)
    assert shops.recommended(trends, shops.deploy(trends, version), userId="u1")[0] == "i9"


def test_an_item_that_is_known_from_events_alone_rises_too(trends: shops.Shop) -> None:
    with shops.serving(trends, TRENDING) as recommend:
        burst(trends, "newcomer", 600)
        assert recommend()[0] == "newcomer"


def test_events_that_the_solution_does_not_learn_from_make_no_trend(trends: shops.Shop) -> None:
    with shops.serving(trends, TRENDING, eventType="view") as recommend:
        burst(trends, "i15", 2000, "share")
        assert recommend()[0] != "i15"


def test_trends_are_worked_out_once_an_interval(trends: shops.Shop) -> None:
    campaign = shops.deploy(trends, shops.trained_version(trends, TRENDING))
    before = shops.recommended(trends, campaign)
    burst(trends, "i12", 800)
    assert shops.recommended(trends, campaign) == before


def test_what_is_imported_after_the_training_makes_a_trend_too(trends: shops.Shop) -> None:
    rows = [(f"v{n}", "imported", NEWEST + 10_000, "view", 1.0) for n in range(1000)]
    location = shops.put_csv(trends, "later.csv", pd.DataFrame(rows, columns=interactions().columns))
    with shops.serving(trends, TRENDING) as recommend:
        assert "imported" not in recommend()
        shops.import_csv(trends, "Interactions", location, importMode="INCREMENTAL")
        assert eventually(lambda: recommend()[0] == "imported")


@pytest.fixture(scope="module")
def alike(texts: shops.Shop) -> Callable[..., list[str]]:
    """What means the same as an item, by a campaign with a rankingInfluence."""
    version = shops.trained_version(texts, SEMANTIC)
    made: dict[str, str] = {}

    def ask(item: str, **influence: float) -> list[str]:
        key = str(influence)
        if key not in made:
            config: dict[str, Any] = {"campaignConfig": {"rankingInfluence": influence}} if influence else {}
            made[key] = shops.deploy(texts, version, **config)
        return shops.recommended(texts, made[key], itemId=item)

    return ask


def test_items_of_the_same_meaning_come_first_and_never_the_item_itself(alike: Callable[..., list[str]]) -> None:
    assert set(alike("sencha")[:2]) == {"assam", "oolong"}
    assert set(alike("hammer")[:2]) == {"saw", "pliers"}
    assert len(alike("sencha")) == 5


def test_the_ranking_influence_puts_newer_items_first_among_those_alike(alike: Callable[..., list[str]]) -> None:
    assert alike("sencha", FRESHNESS=1.0)[0] == "oolong"


def test_an_item_without_a_meaning_gets_what_there_is(alike: Callable[..., list[str]]) -> None:
    assert len(alike("never-heard-of")) == 6
