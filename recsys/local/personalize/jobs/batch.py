"""In the worker: a batch inference job. Every line is asked of a campaign of its own, in the words of the runtime.

So a line gets what GetRecommendations or GetPersonalizedRanking would answer at the moment the job began, from the same
code. [AWS leaves out the last 15 minutes and bulk data newer than the training; nothing is left out here. The guide
says that answers of user-personalization-v2 have reasons, and prints some that have none, as here.]
"""

from typing import Any

from threadpoolctl import threadpool_limits

from recsys.local.personalize.filters import check_filter
from recsys.local.personalize.jobs.lines import Line, answer_lines, filter_values, text_list, texts
from recsys.local.personalize.jobs.offline import read_deployment, read_fields
from recsys.local.personalize.jobs.roles import assume_role
from recsys.local.personalize.jobs.s3 import JobFailed
from recsys.local.personalize.jobs.themes import Themes
from recsys.local.personalize.recipes import RANKING, RELATED
from recsys.local.personalize.serving import runtime

MOST_THEMES = 100
DIGITS = 7  # of a score, as AWS prints them


def infer(spec: dict[str, Any]) -> dict[str, Any]:
    """Answer every line of the input (control/kinds/batches.py has the spec). Returns `{}` or `{"failureReason"}`."""
    try:
        spec = assume_role(spec)
        with threadpool_limits(1, user_api="blas"):  # a line's products are too small for a second thread
            answer_lines(spec, Inference(spec).answer, most=MOST_THEMES if spec["themes"] else None)
    except JobFailed as error:
        return {"failureReason": str(error)}
    return {}


class Inference:
    """A deployment that lives as long as its job."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._deployment = read_deployment(spec)
        self._count, self._chosen = spec["numResults"], None
        if spec["filter"]:
            self._chosen = check_filter(spec["filter"], read_fields(spec))
        self._themes = Themes(self._deployment.group.items, spec["itemName"]) if spec["themes"] else None

    def answer(self, line: Line) -> Line:
        """The output of one line. Raises LineError, InvalidInputException."""
        if self._deployment.recipe.type == RANKING:
            return self._ranked(line)
        related = self._deployment.recipe.type == RELATED
        name = "itemId" if related else "userId"
        (asked,) = texts(line, name)
        request = {name: asked, "numResults": self._count, "filterValues": filter_values(line)}
        entries = runtime.get_recommendations(self._deployment, request, self._chosen)["itemList"]
        items = [entry["itemId"] for entry in entries]
        if self._themes:
            return self._themes.about(asked, items)
        return _output(items, entries)

    def _ranked(self, line: Line) -> Line:
        user, _ = texts({**line, "itemList": ""} if "itemList" in line else line, "userId", "itemList")
        request = {"userId": user, "inputList": text_list(line, "itemList"), "filterValues": filter_values(line)}
        answer = runtime.get_personalized_ranking(self._deployment, request, self._chosen)
        entries = answer["personalizedRanking"][: self._count]
        return _output([entry["itemId"] for entry in entries], entries)


def _output(items: list[str], entries: list[dict[str, Any]]) -> Line:
    """Items with their scores where the recipe gives any; null for one that has none."""
    if not any("score" in entry for entry in entries):
        return {"recommendedItems": items}
    scores = [round(entry["score"], DIGITS) if "score" in entry else None for entry in entries]
    return {"recommendedItems": items, "scores": scores}
