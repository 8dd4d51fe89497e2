"""GetRecommendations and GetPersonalizedRanking: from a request to a campaign in memory and back.

Nothing here reads a disk once a campaign and its filters are in memory, and no thread is changed: an answer is numpy
over arrays that are there.
"""

from typing import Any

import numpy as np

from recsys.local.personalize.errors import ServiceError, invalid
from recsys.local.personalize.events.log import Live
from recsys.local.personalize.filters import Clause
from recsys.local.personalize.recipes import RELATED
from recsys.local.personalize.serving.campaign import Campaign
from recsys.local.personalize.serving.sources import new_id

Params = dict[str, Any]
Filter = tuple[Clause, ...]

DEFAULT_RESULTS, MOST_RESULTS, MOST_WITH_METADATA, MOST_COLUMNS = 25, 500, 50, 10


def get_recommendations(
    campaign: Campaign, params: Params, live: Live, chosen: Filter | None, opted_in: bool
) -> Params:
    """The answer to GetRecommendations. `opted_in`: the campaign's enableMetadataWithRecommendations."""
    columns = _metadata_columns(campaign, params, opted_in)
    count = params.get("numResults", DEFAULT_RESULTS)
    _check_count("numResults", count, bool(columns))
    _check_who(campaign, params)
    user, item = params.get("userId"), params.get("itemId")
    mask = campaign.mask(chosen, params.get("filterValues", {}), user, item, live) if chosen else None
    codes, scores = campaign.recommend(user, item, live, count, mask)
    ids = campaign.model.item_ids
    entries = [{"itemId": str(ids[code])} for code in codes]
    if scores is not None:
        for entry, score in zip(entries, np.asarray(scores, np.float64).tolist(), strict=True):
            entry["score"] = score
    _add_metadata(campaign, entries, columns)
    return {"itemList": entries, "recommendationId": new_id(params)}


def get_personalized_ranking(
    campaign: Campaign, params: Params, live: Live, chosen: Filter | None, opted_in: bool
) -> Params:
    """The answer to GetPersonalizedRanking."""
    if not campaign.ranks:
        raise invalid(f"A campaign of recipe {campaign.recipe.name} does not rank: use GetRecommendations")
    columns = _metadata_columns(campaign, params, opted_in)
    items, user = params["inputList"], params["userId"]
    if not items:
        raise invalid("inputList must not be empty")
    _check_count("inputList", len(items), bool(columns))
    mask = campaign.mask(chosen, params.get("filterValues", {}), user, None, live) if chosen else None
    entries = []
    for item, score in campaign.rank(user, items, live, mask):
        entries.append({"itemId": item} if score is None else {"itemId": item, "score": score})
    _add_metadata(campaign, entries, columns)
    return {"personalizedRanking": entries, "recommendationId": new_id(params)}


def _check_who(campaign: Campaign, params: Params) -> None:
    if campaign.ranks:
        raise invalid(f"A campaign of recipe {campaign.recipe.name} only ranks: use GetPersonalizedRanking")
    needed = "itemId" if campaign.recipe.type == RELATED else "userId"
    if needed not in params:
        raise invalid(f"{needed} is required for campaigns of recipe {campaign.recipe.name}")
    if "promotions" in params:
        raise ServiceError("NotImplementedException", "promotions are not implemented here yet", 501)


def _check_count(name: str, count: int, metadata: bool) -> None:
    most = MOST_WITH_METADATA if metadata else MOST_RESULTS
    if count > most:
        raise invalid(f"{name} must be at most {most}{' with metadata' if metadata else ''}, not {count}")


def _metadata_columns(campaign: Campaign, params: Params, opted_in: bool) -> list[str]:
    asked = params.get("metadataColumns")
    if not asked:
        return []
    if not (opted_in or campaign.recipe.metadata):
        raise invalid(
            "The campaign does not return metadata: set enableMetadataWithRecommendations in its campaignConfig"
        )
    if set(asked) != {"ITEMS"}:
        raise invalid(f"metadataColumns takes ITEMS only, not {', '.join(asked)}")
    columns = asked["ITEMS"]
    if len(columns) > MOST_COLUMNS:
        raise invalid(f"metadataColumns can name {MOST_COLUMNS} columns at most, not {len(columns)}")
    known = {name.lower() for name in campaign.group.items.fields}
    unknown = [name for name in columns if name.lower() not in known]
    if unknown:
        raise invalid(f"The Items dataset has no column {', '.join(unknown)}")
    return columns


def _add_metadata(campaign: Campaign, entries: list[Params], columns: list[str]) -> None:
    if columns:
        for entry in entries:
            entry["metadata"] = campaign.group.items.metadata(entry["itemId"], columns)
