"""GetRecommendations, GetPersonalizedRanking and GetActionRecommendations: from a request to a deployment and back.

Nothing here reads a disk or changes a thread: an answer is numpy over arrays that are there. Context that the schema
does not know is taken and has no effect, as programs send it.

[AWS does not say, and it is decided here: a promotion needs a filter and a percentage, of which the whole number of
places is taken, at least one; a filter that belongs to another dataset group than the campaign is refused.]
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recsys.local.personalize.errors import invalid
from recsys.local.personalize.filters import Clause
from recsys.local.personalize.recipes import ACTIONS, RANKING, SEGMENTS
from recsys.local.personalize.serving.actions import ActionDeployment
from recsys.local.personalize.serving.deployment import Deployment
from recsys.local.personalize.serving.engines import Asked
from recsys.local.personalize.serving.ranking import rank
from recsys.local.personalize.serving.recommend import Promotion, recommend
from recsys.local.personalize.serving.sources import new_id

Params = dict[str, Any]
Filter = tuple[Clause, ...]

DEFAULT_ACTIONS, MOST_ACTIONS = 5, 100
DEFAULT_RESULTS, MOST_RESULTS, MOST_WITH_METADATA, MOST_COLUMNS = 25, 500, 50, 10
OTHER_OPERATION = {
    RANKING: "GetPersonalizedRanking",
    ACTIONS: "GetActionRecommendations",
    SEGMENTS: "CreateBatchSegmentJob",
}


def get_recommendations(
    deployment: Deployment, params: Params, chosen: Filter | None = None, promoting: Filter | None = None
) -> Params:
    """The answer to GetRecommendations. chosen, promoting: the filter of the request, of its promotion.

    Raises InvalidInputException.
    """
    _check_who(deployment, params)
    columns = _metadata_columns(deployment, params)
    count = params.get("numResults", DEFAULT_RESULTS)
    _check_count("numResults", count, bool(columns))
    deployment.refresh()
    asked = Asked(params.get("userId"), params.get("itemId"), params.get("context"))
    promotion = _promotion(deployment, params, promoting, count)
    entries = recommend(deployment, asked, count, _mask(deployment, chosen, params, asked), promotion)
    _add_metadata(deployment, entries, columns)
    return {"itemList": entries, "recommendationId": new_id(params)}


def get_personalized_ranking(deployment: Deployment, params: Params, chosen: Filter | None = None) -> Params:
    """The answer to GetPersonalizedRanking. Raises InvalidInputException."""
    if deployment.recipe.type != RANKING:
        raise invalid(f"A campaign of recipe {deployment.recipe.name} does not rank: use {_operation(deployment)}")
    columns = _metadata_columns(deployment, params)
    items = params["inputList"]
    if not items:
        raise invalid("inputList must not be empty")
    _check_count("inputList", len(items), bool(columns))
    deployment.refresh()
    asked = Asked(params["userId"], context=params.get("context"))
    mask = _mask(deployment, chosen, params, asked)
    if chosen:
        mask = np.append(mask, deployment.admits_unknown(chosen, params.get("filterValues", {}), asked.user))
    entries = rank(deployment, asked, items, mask)
    _add_metadata(deployment, entries, columns)
    return {"personalizedRanking": entries, "recommendationId": new_id(params)}


def get_action_recommendations(deployment: ActionDeployment, params: Params, chosen: Filter | None = None) -> Params:
    """The answer to GetActionRecommendations. Raises InvalidInputException."""
    if deployment.recipe.type != ACTIONS:
        name = deployment.recipe.name
        raise invalid(f"A campaign of recipe {name} does not recommend actions: use {_operation(deployment)}")
    count = params.get("numResults", DEFAULT_ACTIONS)
    if count > MOST_ACTIONS:
        raise invalid(f"numResults must be at most {MOST_ACTIONS}, not {count}")
    if "userId" not in params:
        raise invalid(f"userId is required for campaigns of recipe {deployment.recipe.name}")
    deployment.refresh()
    user = params["userId"]
    mask = deployment.mask(chosen, params.get("filterValues", {}), user) if chosen else None
    return {"actionList": deployment.recommend(user, count, mask), "recommendationId": new_id(params)}


def _operation(deployment: Deployment | ActionDeployment) -> str:
    return OTHER_OPERATION.get(deployment.recipe.type, "GetRecommendations")


def _mask(deployment: Deployment, chosen: Filter | None, params: Params, asked: Asked) -> np.ndarray | None:
    if chosen is None:
        return None
    return deployment.mask(chosen, params.get("filterValues", {}), asked.user, asked.item)


def _promotion(deployment: Deployment, params: Params, chosen: Filter | None, count: int) -> Promotion | None:
    for promotion in params.get("promotions", ()):  # one at most
        if chosen is None or "percentPromotedItems" not in promotion:
            raise invalid("A promotion needs a filterArn and percentPromotedItems")
        values, percent = promotion.get("filterValues", {}), promotion["percentPromotedItems"]
        mask = deployment.mask(chosen, values, params.get("userId"), params.get("itemId"))
        return Promotion(mask, max(1, count * percent // 100), promotion.get("name"))
    return None


def _check_who(deployment: Deployment, params: Params) -> None:
    if deployment.recipe.type in OTHER_OPERATION:
        name = deployment.recipe.name
        raise invalid(f"A campaign of recipe {name} does not answer GetRecommendations: use {_operation(deployment)}")
    for member in deployment.recipe.needs:
        if member not in params:
            raise invalid(f"{member} is required for campaigns of recipe {deployment.recipe.name}")


def _check_count(name: str, count: int, metadata: bool) -> None:
    most = MOST_WITH_METADATA if metadata else MOST_RESULTS
    if count > most:
        raise invalid(f"{name} must be at most {most}{' with metadata' if metadata else ''}, not {count}")


def _metadata_columns(deployment: Deployment, params: Params) -> Sequence[str]:
    asked = params.get("metadataColumns")
    if not asked:
        return ()
    if not deployment.config.metadata:
        raise invalid("It does not return metadata: set enableMetadataWithRecommendations in its configuration")
    if set(asked) != {"ITEMS"}:
        raise invalid(f"metadataColumns takes ITEMS only, not {', '.join(asked)}")
    columns = asked["ITEMS"]
    if len(columns) > MOST_COLUMNS:
        raise invalid(f"metadataColumns can name {MOST_COLUMNS} columns at most, not {len(columns)}")
    known = {name.lower() for name in deployment.group.items.fields}
    unknown = [name for name in columns if name.lower() not in known]
    if unknown:
        raise invalid(f"The Items dataset has no column {', '.join(unknown)}")
    return columns


def _add_metadata(deployment: Deployment, entries: list[Params], columns: Sequence[str]) -> None:
    if columns:
        for entry in entries:
            entry["metadata"] = deployment.group.items.metadata(entry["itemId"], columns)
