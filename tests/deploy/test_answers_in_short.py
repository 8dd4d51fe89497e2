"""Answers of the API in a line."""

from recsys import deploy


def test_an_answer_says_who_gave_it_and_what_comes_first() -> None:
    answer = {"source": "campaign", "recommendations": [{"title": "Tea, green"}, {"title": "Cup"}]}
    assert deploy.in_short(answer) == "by the campaign, first: Tea, green"
    assert deploy.in_short({**answer, "recommendations": []}) == "by the campaign, first: nothing"


def test_a_refusal_says_why_and_an_event_has_its_id() -> None:
    assert deploy.in_short({"error": {"code": "NotFound", "message": "no such route"}}) == "no such route"
    assert deploy.in_short({"eventId": "e1", "userId": "u"}) == "event e1"
