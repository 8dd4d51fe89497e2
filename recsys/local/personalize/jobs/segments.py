"""In the worker: a batch segment job. A line names an item or item attributes and gets the users who want such items.

The users and their histories are those of the training, as on AWS; without those deleted since. A line's itemAttributes
are conditions in the language of filters, `ITEMS.genres = "Comedy" AND ITEMS.year >= 1990`: texts take = only, and an
item must meet all. [AWS documents AND and =; for numbers every comparison is taken. The guide's examples print
`recommendedUsers`; programs that read real output find `usersList`, as here.]
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from recsys.local.personalize.filters import Candidates, Scene, allowed, by_type, check_filter
from recsys.local.personalize.jobs.lines import Line, LineError, answer_lines, filter_values, texts
from recsys.local.personalize.jobs.offline import read_events, read_fields, read_table
from recsys.local.personalize.jobs.roles import assume_role
from recsys.local.personalize.jobs.s3 import JobFailed
from recsys.local.personalize.recipes import by_arn
from recsys.local.personalize.serving.group import Interactions
from recsys.local.shared.errors import ServiceError
from recsys.models import load

MOST = {"aws-item-affinity": 500, "aws-item-attribute-affinity": 10}  # queries in a job
AT_ONCE = 100_000_000  # affinities held at once: 400 MB

Query = tuple[int, ...]


def segment(spec: dict[str, Any]) -> dict[str, Any]:
    """Answer every line of the input (control/kinds/batches.py has the spec). Returns `{}` or `{"failureReason"}`."""
    try:
        spec = assume_role(spec)
        segments = Segments(spec)
        answer_lines(spec, segments.answer, MOST[segments.recipe], segments.ahead)
    except JobFailed as error:
        return {"failureReason": str(error)}
    return {}


class Segments:
    """The users of a trained model, and what tells them apart."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.recipe = by_arn(spec["solution"]["recipeArn"]).name
        self._model = load(Path(spec["folder"]) / "model")
        self._count, self._fields, self._filter = spec["numResults"], read_fields(spec), None
        items = {str(item): code for code, item in enumerate(self._model.item_ids)}
        self._items = Candidates(read_table(spec, "ITEMS"), items)
        if spec["filter"]:
            self._filter = check_filter(spec["filter"], self._fields)
            users = {str(user): code for code, user in enumerate(self._model.user_ids)}
            self._users = Candidates(read_table(spec, "USERS"), users)
            self._scene = Scene(interacted=cache(lambda: _interacted(spec, users)))
        self._queries: list[Query] = []
        self._affinities: dict[Query, np.ndarray] = {}

    def ahead(self, lines: list[Line]) -> None:
        """Users are scored for many queries at a time: for one alone it takes nearly as long."""
        for line in lines:
            try:
                self._queries.append(self._query(line))
            except (LineError, ServiceError):
                continue

    def answer(self, line: Line) -> Line:
        """The users who want it most, best first. Raises LineError, InvalidInputException."""
        affinity = self._affinity(self._query(line))
        values = filter_values(line)
        among = np.arange(len(affinity))
        if self._filter:
            among = np.flatnonzero(allowed(self._filter, values, self._users, self._scene))
        best = among[np.argsort(-affinity[among], kind="stable")[: self._count]]
        return {"usersList": [str(user) for user in self._model.user_ids[best]]}

    def _affinity(self, query: Query) -> np.ndarray:
        """(n_users,) how much each user wants the items of a query."""
        if query not in self._affinities:
            many = max(1, AT_ONCE // max(1, len(self._model.user_ids)))
            place = self._queries.index(query)
            coming = list(dict.fromkeys(self._queries[place:]))[:many]
            self._affinities = dict(zip(coming, self._model.affinities(coming), strict=True))
        return self._affinities[query]

    def _query(self, line: Line) -> Query:
        """Codes of the items a line is about."""
        if self.recipe == "aws-item-affinity":
            (item,) = texts(line, "itemId")
            codes = self._model.encode([item])
            if len(codes) == 0:
                raise LineError(f"The item {item} is unknown: it has no interactions")
        else:
            (attributes,) = texts(line, "itemAttributes")
            codes = np.flatnonzero(self._with_attributes(attributes))
            if len(codes) == 0:
                raise LineError(f"No item with interactions has {attributes}")
        return tuple(codes.tolist())

    def _with_attributes(self, attributes: str) -> np.ndarray:
        """(n_items,) the items that meet all conditions. Raises LineError."""
        try:
            clauses = check_filter(f"INCLUDE ItemID WHERE {attributes}", self._fields)
        except ServiceError as error:
            why = re.search(r"Invalid Expression: (.*) at column", str(error))
            raise LineError(f"Invalid itemAttributes: {why[1] if why else error}: {attributes}") from error
        either = [group for clause in clauses for group in clause.any_of]
        odd = [each for each in either[0] if each.dataset != "Items" or each.op in ("IN", "NOT IN") or each.params]
        if len(either) > 1 or odd or clauses[0].when:
            raise LineError(f"itemAttributes takes comparisons of Items fields joined by AND, not {attributes}")
        return allowed(clauses, {}, self._items, Scene())


def _interacted(spec: dict[str, Any], place_of: dict[str, int]) -> dict[str, np.ndarray]:
    """Event type in lower case -> the places of the users with such interactions."""
    bulk, live = Interactions.read(spec["files"].get("INTERACTIONS")), read_events(spec)
    events = [(place_of.get(user, -1), kind) for user, each in live.histories.items() for _, _, kind, _ in each]
    in_bulk = np.array([place_of.get(user, -1) for user in bulk.users], np.int64)
    places = np.r_[np.repeat(in_bulk, np.diff(bulk.offsets)), np.array([place for place, _ in events], np.int64)]
    types = np.r_[bulk.types, len(bulk.type_names) + np.arange(len(events))].astype(np.int64)
    return by_type(places, types, [*bulk.type_names, *(kind for _, kind in events)])
