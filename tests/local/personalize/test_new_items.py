"""Items that came after the training: recommended to users by what their metadata say, seconds after they were put."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import personalize_shop as shops
import pytest
from personalize_shop import Client

V1, V2, RANKING, SIMILAR = (
    "aws-user-personalization",
    "aws-user-personalization-v2",
    "aws-personalized-ranking",
    "aws-similar-items",
)
ITEMS = shops.schema(
    "Items",
    {"name": "KIND", "type": ["null", "string"], "categorical": True},
    {"name": "CREATION_TIMESTAMP", "type": ["null", "long"]},
)


def interactions() -> pd.DataFrame:
    """Half of the users touch the tea only, i0 to i19, the others the tools, i20 to i39."""
    rng = np.random.default_rng(5)
    rows = [
        (f"u{user}", f"i{20 * (user % 2) + rng.integers(20)}", 1_700_000_000 + 100 * step, "view", 1.0)
        for user in range(100)
        for step in range(15)
    ]
    return pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE"])


@pytest.fixture(scope="module")
def shop(client: Client) -> shops.Shop:
    """A shop for tea and tools; i40, a tea, is in the Items dataset and has no interactions."""
    kinds = ["tea"] * 20 + ["tool"] * 20 + ["tea"]
    items = pd.DataFrame({"ITEM_ID": [f"i{n}" for n in range(41)], "KIND": kinds, "CREATION_TIMESTAMP": 1_600_000_000})
    return shops.stocked_shop(client, {"Interactions": (shops.INTERACTIONS, interactions()), "Items": (ITEMS, items)})


@pytest.fixture(scope="module")
def campaigns(shop: shops.Shop) -> dict[str, str]:
    """A campaign per recipe that never explores."""
    versions = {recipe: shops.trained_version(shop, recipe) for recipe in (V1, V2, RANKING, SIMILAR)}
    return {recipe: shops.deploy(shop, version, **shops.STILL) for recipe, version in versions.items()}


@pytest.fixture(scope="module")
def ask(shop: shops.Shop, campaigns: dict[str, str]) -> Callable[..., list[str]]:
    """The items that the campaign of a recipe recommends."""
    return lambda recipe, **more: shops.recommended(shop, campaigns[recipe], numResults=100, **more)


def test_an_item_imported_without_interactions_is_recommended_to_who_likes_its_kind(ask: Any) -> None:
    assert ask(V1, userId="u0").index("i40") < 20
    assert ask(V1, userId="u1").index("i40") >= 20


def test_a_put_item_is_in_the_very_next_answer(shop: shops.Shop, ask: Any) -> None:
    before = ask(V1, userId="u1")
    shops.put_items(shop, {"hammer": {"kind": "tool"}})
    after = ask(V1, userId="u1")
    assert after.index("hammer") < 20
    assert [item for item in after if item != "hammer"] == before


def test_new_items_have_a_part_in_the_scores(shop: shops.Shop, campaigns: dict[str, str]) -> None:
    shops.put_items(shop, {"saw": {"kind": "tool"}})
    answer = shop.client("personalize-runtime").get_recommendations(
        campaignArn=campaigns[V1], userId="u1", numResults=500
    )
    scores = {entry["itemId"]: entry["score"] for entry in answer["itemList"]}
    assert scores["saw"] > 0
    assert sum(scores.values()) == pytest.approx(1.0)


def test_new_metadata_of_a_new_item_take_the_place_of_the_old(shop: shops.Shop, ask: Any) -> None:
    shops.put_items(shop, {"chameleon": {"kind": "tool"}})
    assert ask(V1, userId="u0").index("chameleon") >= 20
    shops.put_items(shop, {"chameleon": {"kind": "tea"}})
    assert ask(V1, userId="u0").index("chameleon") < 22


def test_a_filter_knows_a_new_item(shop: shops.Shop, ask: Any) -> None:
    spades = shops.add_filter(shop, 'INCLUDE ItemID WHERE Items.KIND = "spade"')
    assert ask(V1, userId="u0", filterArn=spades) == []
    shops.put_items(shop, {"spade": {"kind": "spade|tool"}})
    assert ask(V1, userId="u0", filterArn=spades) == ["spade"]


def test_similar_items_know_new_ones_from_the_next_training_on(shop: shops.Shop, ask: Any) -> None:
    shops.put_items(shop, {"kettle": {"kind": "tea"}})
    popular = ask(SIMILAR, itemId="kettle")
    assert popular == ask(SIMILAR, itemId="never-heard-of")
    assert "kettle" not in [*popular, *ask(SIMILAR, itemId="i3")]
    with shops.serving(shop, SIMILAR) as recommend:
        assert "kettle" in recommend(itemId="i3", numResults=30)


def test_a_ranking_puts_items_without_interactions_last_but_those_it_likes_first(
    shop: shops.Shop, campaigns: dict[str, str]
) -> None:
    shops.put_items(shop, {"axe": {"kind": "tool"}})
    asked = ["unheard-of", "i40", "axe", "i25", "i3"]
    ranked = shop.client("personalize-runtime").get_personalized_ranking(
        campaignArn=campaigns[RANKING], userId="u1", inputList=asked
    )["personalizedRanking"]
    assert [entry["itemId"] for entry in ranked] == ["i25", "i3", "axe", "i40", "unheard-of"]
    assert ["score" in entry for entry in ranked] == [True, True, False, False, False]


def test_version_2_fills_up_what_a_filter_leaves_with_matching_items_it_knows_nothing_of(
    shop: shops.Shop, campaigns: dict[str, str]
) -> None:
    shops.put_items(shop, {"dull": {}, "seen": {}})
    shops.put_events(shop, "passer-by", [{"itemId": "seen", "eventType": "view", "sentAt": 1_650_000_000}] * 6)
    undated = shops.add_filter(shop, "EXCLUDE ItemID WHERE Items.CREATION_TIMESTAMP > 0")
    answer = shop.client("personalize-runtime").get_recommendations(
        campaignArn=campaigns[V2], userId="u1", numResults=9, filterArn=undated
    )["itemList"]
    filler = [entry for entry in answer if entry.get("reason") == ["Popular item"]]
    assert [entry["itemId"] for entry in filler] == ["seen", "dull"]
    assert not any("score" in entry for entry in filler)


def test_an_event_with_an_unknown_item_changes_nothing(shop: shops.Shop, ask: Any) -> None:
    before = ask(V1, userId="u1")
    shops.put_events(shop, "u1", [{"itemId": "never-heard-of", "eventType": "view", "sentAt": time.time()}])
    assert ask(V1, userId="u1") == before
