"""What the functions read of the shop, in S3: the popular items, and what an item is called and costs.

The API falls back on the popular items when the campaign cannot answer. The daily batch over an endpoint, which answers
ids and scores, finds the titles in the catalogue.
"""

import json
from typing import TYPE_CHECKING, Any

from recsys import aws
from recsys.columns import CATEGORY, ITEM_ID, PRICE, TITLE
from recsys.errors import DataError

if TYPE_CHECKING:
    import pandas as pd  # slow to import, which most commands need not wait for

KEY = "popular.json"
COUNT = 50  # the API's largest numResults
CATALOGUE_KEY = "catalogue.json"
CATALOGUE_COUNT = 50_000  # about 5 MB, which the batch reads whole; the items beyond have no titles there
NAMES = {ITEM_ID: "itemId", TITLE: "title", CATEGORY: "category", PRICE: "price"}


def publish_popular(
    bucket: str, interactions: "pd.DataFrame", items: "pd.DataFrame", solution_version_arn: str | None = None
) -> int:
    """Put the most interacted-with items, with their titles, where the API reads them; returns how many.

    Beside them goes the catalogue of the items, for the batch.

    `interactions` has ITEM_ID, `items` ITEM_ID and what there is of TITLE, CATEGORY, PRICE. Raises DataError where no
    item of the interactions is among the items.
    """
    popular = popular_items(interactions, items)
    if not popular:
        raise DataError("no item of the interactions is in the items table: nothing is popular that could be named")
    _put(bucket, KEY, {"solutionVersionArn": solution_version_arn, "items": popular})
    _put(bucket, CATALOGUE_KEY, catalogue(interactions, items))
    return len(popular)


def popular_items(interactions: "pd.DataFrame", items: "pd.DataFrame") -> list[dict[str, Any]]:
    """The items with the most interactions, as the API answers them; of equals the smaller id first."""
    return _ranked(interactions, items, "inner").head(COUNT).to_dict("records")


def catalogue(interactions: "pd.DataFrame", items: "pd.DataFrame") -> dict[str, dict[str, Any]]:
    """Title, category and price by item id, null where unknown; of too many items those with the most interactions."""
    rows = _ranked(interactions, items, "right").head(CATALOGUE_COUNT)
    return rows.set_index("itemId").to_dict("index")


def _ranked(interactions: "pd.DataFrame", items: "pd.DataFrame", how: str) -> "pd.DataFrame":
    """The items by their interactions, as the API answers them; `right` keeps those without any, at the end."""
    counts = interactions[ITEM_ID].value_counts().rename_axis(ITEM_ID).reset_index(name="events")
    known = items.drop_duplicates(ITEM_ID).reindex(columns=list(NAMES))
    ranked = counts.merge(known, on=ITEM_ID, how=how).sort_values(["events", ITEM_ID], ascending=[False, True])
    rows = ranked[list(NAMES)].rename(columns=NAMES).astype(object)
    return rows.where(rows.notna(), None)


def _put(bucket: str, key: str, content: dict[str, Any]) -> None:
    body = json.dumps(content, ensure_ascii=False).encode()
    aws.call(aws.client("s3").put_object, Bucket=bucket, Key=key, Body=body, ContentType="application/json")
