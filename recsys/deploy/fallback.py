"""The list the API falls back on when the campaign cannot answer: the popular items, in S3."""

import json
from typing import Any

import pandas as pd

from recsys import aws
from recsys.columns import CATEGORY, ITEM_ID, PRICE, TITLE
from recsys.errors import DataError

KEY = "popular.json"
COUNT = 50  # the API's largest numResults


def publish_popular(bucket: str, interactions: pd.DataFrame, items: pd.DataFrame, solution_version_arn: str) -> int:
    """Put the most interacted-with items, with their titles, where the API reads them; returns how many.

    `interactions` has ITEM_ID, `items` ITEM_ID and what there is of TITLE, CATEGORY, PRICE. Raises DataError where no
    item of the interactions is among the items.
    """
    popular = popular_items(interactions, items)
    if not popular:
        raise DataError("no item of the interactions is in the items table: nothing is popular that could be named")
    body = json.dumps({"solutionVersionArn": solution_version_arn, "items": popular}, ensure_ascii=False)
    aws.call(aws.client("s3").put_object, Bucket=bucket, Key=KEY, Body=body.encode(), ContentType="application/json")
    return len(popular)


def popular_items(interactions: pd.DataFrame, items: pd.DataFrame) -> list[dict[str, Any]]:
    """The items with the most interactions, as the API answers them; of equals the smaller id first."""
    counts = interactions[ITEM_ID].value_counts().rename_axis(ITEM_ID).reset_index(name="events")
    known = items.drop_duplicates(ITEM_ID).reindex(columns=[ITEM_ID, TITLE, CATEGORY, PRICE])
    ranked = counts.merge(known, on=ITEM_ID).sort_values(["events", ITEM_ID], ascending=[False, True]).head(COUNT)
    names = {ITEM_ID: "itemId", TITLE: "title", CATEGORY: "category", PRICE: "price"}
    rows = ranked[list(names)].rename(columns=names).astype(object)
    return rows.where(rows.notna(), None).to_dict("records")
