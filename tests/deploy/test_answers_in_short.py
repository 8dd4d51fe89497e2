"""Answers of the API in a line, and how their question is narrowed."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from recsys import deploy


def test_an_answer_says_who_gave_it_and_what_comes_first() -> None:
    answer = {"source": "campaign", "recommendations": [{"title": "Tea, green"}, {"title": "Cup"}]}
    assert deploy.in_short(answer) == "by the campaign, first: Tea, green"
    assert deploy.in_short({**answer, "recommendations": []}) == "by the campaign, first: nothing"


def test_a_refusal_says_why_and_an_event_has_its_id() -> None:
    assert deploy.in_short({"error": {"code": "NotFound", "message": "no such route"}}) == "no such route"
    assert deploy.in_short({"eventId": "e1", "userId": "u"}) == "event e1"


@pytest.mark.parametrize(
    ("category", "price", "narrowed"),
    [
        ("Tea|Green", 4.0, {"category": "Tea", "maxPrice": 4.0}),
        ("unknown", 4.0, {"maxPrice": 4.0}),
        (None, 4.0, {"maxPrice": 4.0}),
        ("Tea", np.nan, {"category": "Tea"}),
        ("unknown", np.nan, {}),
    ],
)
def test_an_answer_is_narrowed_by_what_is_told_of_its_items(
    category: str | None, price: float, narrowed: dict[str, Any]
) -> None:
    answer = {"recommendations": [{"itemId": "i", "category": category}]}
    assert deploy.narrowing(answer, pd.DataFrame({"PRICE": [price]})) == narrowed
