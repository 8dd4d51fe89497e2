"""Asking a campaign."""

from typing import Any

import pandas as pd

from recsys import aws
from recsys.columns import CATEGORY, ITEM_ID, PRICE, TITLE


def for_user(
    campaign_arn: str, user_id: str, num_results: int, items: pd.DataFrame, filter_arn: str | None = None
) -> pd.DataFrame:
    """A user's recommendations, best first: columns rank, ITEM_ID, TITLE, CATEGORY, PRICE, score."""
    request: dict[str, Any] = {"campaignArn": campaign_arn, "userId": user_id, "numResults": num_results}
    if filter_arn:
        request["filterArn"] = filter_arn
    answer = aws.call(aws.client("personalize-runtime").get_recommendations, **request)
    return _titled(answer["itemList"], items)


def similar(campaign_arn: str, item_id: str, num_results: int, items: pd.DataFrame) -> pd.DataFrame:
    """The items most like one, best first: columns as `for_user`; Personalize gives no score here."""
    runtime = aws.client("personalize-runtime")
    answer = aws.call(runtime.get_recommendations, campaignArn=campaign_arn, itemId=item_id, numResults=num_results)
    return _titled(answer["itemList"], items)


def scored(campaign_arn: str, user_id: str, num_results: int) -> list[tuple[str, float]]:
    """A user's recommended item ids with their scores, best first: a score changes only if the user did something."""
    runtime = aws.client("personalize-runtime")
    answer = aws.call(runtime.get_recommendations, campaignArn=campaign_arn, userId=user_id, numResults=num_results)
    return [(entry["itemId"], entry.get("score", 0.0)) for entry in answer["itemList"]]


def best(campaign_arn: str, user_id: str, num_results: int = 10) -> list[str]:
    """A user's recommended item ids, best first."""
    return [item for item, _ in scored(campaign_arn, user_id, num_results)]


def history(interactions: pd.DataFrame, user_id: str, items: pd.DataFrame, last: int) -> pd.DataFrame:
    """What a user did last, newest first, with titles: columns when (UTC), EVENT_TYPE, ITEM_ID, TITLE, CATEGORY."""
    own = (
        interactions[interactions["USER_ID"] == user_id]
        .sort_values("TIMESTAMP", ascending=False, kind="stable")
        .head(last)
    )
    own = own.merge(items[[ITEM_ID, TITLE, CATEGORY]], on=ITEM_ID, how="left")
    own.insert(0, "when", pd.to_datetime(own["TIMESTAMP"], unit="s").dt.strftime("%Y-%m-%d %H:%M"))
    return own[["when", "EVENT_TYPE", ITEM_ID, TITLE, CATEGORY]]


def _titled(item_list: list[dict[str, Any]], items: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {"rank": rank, ITEM_ID: entry["itemId"], "score": entry.get("score")} for rank, entry in enumerate(item_list, 1)
    ]
    frame = pd.DataFrame(rows, columns=["rank", ITEM_ID, "score"])
    return frame.merge(items, on=ITEM_ID, how="left")[["rank", ITEM_ID, TITLE, CATEGORY, PRICE, "score"]]
