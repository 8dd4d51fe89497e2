"""A Personalize campaign, as every function asks it."""

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = ("TITLE", "CATEGORY", "PRICE")
MAX_RESULTS = 50  # Personalize's limit where item metadata is asked for

Item = dict[str, Any]


class Campaign:
    """A Personalize campaign, asked for items with their titles."""

    def __init__(self, runtime: Any, arn: str) -> None:
        self.runtime, self.arn = runtime, arn

    def ask(self, count: int, **subject: Any) -> tuple[list[Item], str]:
        """Items and the recommendation id; `subject` is userId or itemId, and a filter's ARN and values.

        Raises ClientError or BotoCoreError where Personalize refuses or cannot be reached.
        """
        answer = self.runtime.get_recommendations(
            campaignArn=self.arn, numResults=count, metadataColumns={"ITEMS": list(COLUMNS)}, **subject
        )
        return [_item(entry) for entry in answer["itemList"]], answer["recommendationId"]

    def rank(self, user: str, items: Sequence[str]) -> tuple[list[Item], str]:
        """The items in the order of the user's interest, and the recommendation id. Raises as `ask`.

        Without titles: who lists the items knows them, and with them Personalize takes 50 items instead of 500.
        """
        answer = self.runtime.get_personalized_ranking(campaignArn=self.arn, userId=user, inputList=list(items))
        ranked = [
            {key: entry[key] for key in ("itemId", "score") if key in entry} for entry in answer["personalizedRanking"]
        ]
        return ranked, answer["recommendationId"]


def _item(entry: Mapping[str, Any]) -> Item:
    # Personalize spells a metadata key as the schema does or in camel case; only the letters count.
    metadata = {name.replace("_", "").lower(): value for name, value in entry.get("metadata", {}).items()}
    item = {
        "itemId": entry["itemId"],
        "title": metadata.get("title"),
        "category": metadata.get("category"),
        "price": _price(metadata.get("price")),
    }
    return {**item, "score": entry["score"]} if "score" in entry else item


def _price(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
