"""One engine per kind of model: how it scores a whole catalogue for a request.

An engine is made for one deployment and answers `scores(asked)`: (n,) float32, one per item of its catalogue, -inf for
an item without a score.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from recsys.local.personalize.schemas import plain
from recsys.local.personalize.selection import Selection, learned
from recsys.local.personalize.serving.catalogue import Catalogue
from recsys.local.personalize.serving.context import context_columns, user_columns
from recsys.local.personalize.serving.group import Group
from recsys.local.personalize.serving.histories import Histories

LONGEST = 7200  # seconds after which trends are looked at again, however long the discovery interval


@dataclass(frozen=True)
class Asked:
    """Who asks, about which item, in which context."""

    user: str | None = None
    item: str | None = None
    context: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Parts:
    """What an engine is made of.

    returning: of the same items, for users who have not been seen for a while; None where the model is for them too.
    popularity: (known,) float32 users of each of the model's items, what answers where the model cannot. selection: the
    interactions that the solution learns from. training: a trainingDataConfig. influence: a campaign's
    rankingInfluence. day: real seconds of a day of scheduled work.
    """

    model: Any
    returning: Any
    popularity: np.ndarray
    group: Group
    catalogue: Catalogue
    histories: Histories
    selection: Selection
    training: Mapping[str, Any] = field(default_factory=dict)
    influence: Mapping[str, float] = field(default_factory=dict)
    day: float = 86400.0


class Engine(Protocol):
    """What scores the items of a catalogue."""

    grows: bool  # new items can have a score

    def __init__(self, parts: Parts) -> None: ...

    def scores(self, asked: Asked) -> np.ndarray: ...


class NextItems:
    """What comes next after the user's history; for a user without one, what is popular among users alike.

    Whoever is not in the middle of a visit is told by the model for those who come back.
    """

    grows = True

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._temperature = np.float32(parts.model.temperature)
        group, histories = parts.group, parts.histories
        about = (group.interactions, histories.kept, histories.codes, parts.catalogue.known)
        fields = group.fields.get("Interactions", {})
        self._contexts = context_columns(*about, learned(fields, parts.training, "INTERACTIONS"))
        self._users = user_columns(*about, group.users, learned(group.users.fields, parts.training, "USERS"))

    def scores(self, asked: Asked) -> np.ndarray:
        from recsys.models.cold.lifts import summed  # slow to import: loaded with the model

        history = self._parts.histories.of(asked.user or "")
        scores, logarithmic = self._scores(history, asked.user or "")
        known = {plain(name): value for name, value in (asked.context or {}).items()}
        lifts = [column.log_lift(known[name]) for name, column in self._contexts.items() if name in known]
        if len(history) == 0 and asked.user in self._parts.group.users.row:
            users = self._parts.group.users
            lifts += [column.log_lift(users.value(asked.user, name)) for name, column in self._users.items()]
        lift = summed(lifts)
        if lift is not None:
            scores = scores + self._temperature * lift
        return self._parts.catalogue.extend(scores, history, float(self._temperature), logarithmic)

    def _scores(self, history: np.ndarray, user: str) -> tuple[np.ndarray, bool]:
        """(known,) float32, all at the temperature of the model for visits, and whether they are logarithms."""
        from recsys.models.next_item.returning import VISIT_SECONDS  # slow to import: loaded with the model

        model, returning = self._parts.model, self._parts.returning
        ended = self._parts.histories.last_seen(user) + VISIT_SECONDS
        if returning is None or len(history) == 0 or time.time() < ended:
            return model.scores(history), model.logarithmic
        scores = returning.scores(history) * np.float32(model.temperature / returning.temperature)
        return scores, returning.logarithmic


class Similar:
    """Items like the one that is asked about, never that one; what is popular for one that the model does not know."""

    grows = False

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def scores(self, asked: Asked) -> np.ndarray:
        code = self._parts.catalogue.code_of.get(asked.item or "")
        if code is None:
            return self._parts.popularity
        scores = self._parts.model.scores([code])
        scores[code] = -np.inf
        return scores


class Semantic:
    """Items whose texts mean alike, under the campaign's rankingInfluence; new ones come with a training."""

    grows = False

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        weights = parts.influence
        self._influence = {name.lower(): float(weights.get(name, 0.0)) for name in ("FRESHNESS", "POPULARITY")}

    def scores(self, asked: Asked) -> np.ndarray:
        model = self._parts.model
        code = self._parts.catalogue.code_of.get(asked.item or "")
        if code is None:
            return self._parts.popularity
        scores = np.array(model.influenced(model.scores([code]), **self._influence))
        scores[code] = -np.inf
        return scores


class Popular:
    """The same for everybody."""

    grows = False

    def __init__(self, parts: Parts) -> None:
        self._scores = parts.model.scores(np.empty(0, np.int32))

    def scores(self, asked: Asked) -> np.ndarray:
        return self._scores


class Trend:
    """What rises fastest, worked out anew with what came since training: once per discovery interval, as on AWS, and
    every two hours where that is longer. In between events change nothing.
    """

    grows = True

    def __init__(self, parts: Parts) -> None:
        self._parts, self._due = parts, -np.inf
        self._interval = min(parts.model.settings["interval_seconds"], LONGEST) * parts.day / 86400

    def scores(self, asked: Asked) -> np.ndarray:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self._interval
            self._scores = self._trend()
        missing = len(self._parts.catalogue) - len(self._scores)
        return np.pad(self._scores, (0, missing), constant_values=-np.inf) if missing else self._scores

    def _trend(self) -> np.ndarray:
        trained, group = self._parts.model.settings["newest"], self._parts.group
        code_of, chosen = self._parts.catalogue.code_of, self._parts.selection.one
        put = [
            (code_of[item], sent)
            for sent, item, kind, value in group.live.journal
            if sent > trained and item in code_of and chosen(kind, value)
        ]
        codes, times = self._parts.histories.since(trained)
        codes, times = np.r_[codes, [code for code, _ in put]], np.r_[times, [sent for _, sent in put]]
        return self._parts.model.trend(max(trained, group.latest), codes, times)[: len(self._parts.catalogue)]


ENGINES: dict[str, type[Engine]] = {
    "next": NextItems,
    "similar": Similar,
    "semantic": Semantic,
    "popularity": Popular,
    "trending": Trend,
}
