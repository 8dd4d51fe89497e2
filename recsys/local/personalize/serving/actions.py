"""Next best actions: a deployment of recipe aws-next-best-action, and what GetActionRecommendations answers from it.

Every action of the dataset can be recommended: one that training did not know, or knew too little of, has the score 0.0
and comes after the others, the greater VALUE first. An action interaction counts in the very next answer.

Left out are actions whose ACTION_EXPIRATION_TIMESTAMP has passed, and those the user has interacted with in the last
REPEAT_FREQUENCY days; both by the clock. What a user has been doing lately is counted back from the newest interaction.
"""

import time
from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np

from recsys.local.personalize.events.live import Event
from recsys.local.personalize.filters import Candidates, Clause, Scene, allowed, check_use
from recsys.local.personalize.recipes import Recipe
from recsys.local.personalize.selection import Selection
from recsys.local.personalize.serving.deployment import DAY, Artefacts, Config
from recsys.local.personalize.serving.group import Group, Interactions
from recsys.local.personalize.serving.histories import Histories

LATEST = 300  # action interactions a filter considers, per user and event type; AWS's quota
EVERYTHING = Selection.of(None, {})


class ActionDeployment:
    """What answers for one campaign of a PERSONALIZED_ACTIONS recipe; called on the thread that answers."""

    def __init__(self, artefacts: Artefacts, recipe: Recipe, group: Group, config: Config) -> None:
        self.artefacts, self.recipe, self.group, self.config = artefacts, recipe, group, config
        self.ids = list(map(str, artefacts.model.item_ids))
        self._code_of = {action: code for code, action in enumerate(self.ids)}
        self.refresh()
        self._candidates = Candidates(group.actions, self._code_of)
        acted = (group.acted, group.live.acted)
        self._histories = Histories(*acted, self._code_of, len(self.ids), EVERYTHING, latest=LATEST)

    def on(self, group: Group) -> "ActionDeployment":
        """The same over a group's data read anew."""
        return ActionDeployment(self.artefacts, self.recipe, group, self.config)

    def refresh(self) -> None:
        """Take in actions that came since the last answer."""
        for action in self.group.actions.ids[1:]:
            if action not in self._code_of:
                self._code_of[action] = len(self.ids)
                self.ids.append(action)

    def mask(self, clauses: tuple[Clause, ...], values: Mapping[str, str], user: str) -> np.ndarray:
        """(n,) what a filter lets through for this request. Raises InvalidInputException."""
        check_use(clauses, "ActionID")
        scene = Scene(self.group.users, user, None, lambda: self._interacted(user))
        return allowed(clauses, values, self._candidates, scene)

    def recommend(self, user: str, count: int, mask: np.ndarray | None) -> list[dict[str, Any]]:
        """The actionList of an answer. mask (n,): what the request's filter lets through, None for everything."""
        acted = _events(self.group.acted, self.group.live.acted, user)
        scores = self._scores(user, acted)
        values = [self.group.actions.value(action, "VALUE") or 0 for action in self.ids]
        order = np.lexsort((np.arange(len(scores)), np.negative(values), -scores))
        now = time.time()
        last = {action: at for at, action, *_ in acted}
        chosen = [
            code
            for code in order.tolist()
            if (mask is None or mask[code]) and self._offered(self.ids[code], last.get(self.ids[code]), now)
        ]
        return [{"actionId": self.ids[code], "score": float(scores[code])} for code in chosen[:count]]

    def _scores(self, user: str, acted: list[Event]) -> np.ndarray:
        """(n,) float32 in [0, 1]; 0 for actions without a score."""
        from recsys.models.actions.next_best import Browsed, Own  # slow to import: loaded with the model

        model, users = self.artefacts.model, self.group.users
        touched = _events(self.group.interactions, self.group.live.histories, user)
        own = Own([action for _, action, *_ in acted], [at for at, *_ in acted], [kind for _, _, kind, _ in acted])
        browsed = Browsed([item for _, item, *_ in touched], [at for at, *_ in touched])
        document = {name: users.value(user, name) for name in model.state.metadata.names}
        scores = model.scores(document, own, browsed, max([self.group.latest, *own.times]))
        return np.pad(scores, (0, len(self.ids) - len(scores)))

    def _offered(self, action: str, last: float | None, now: float) -> bool:
        """Whether an action is still valid, and due again for a user who interacted with it `last`."""
        ends = self.group.actions.value(action, "ACTION_EXPIRATION_TIMESTAMP")
        days = self.group.actions.value(action, "REPEAT_FREQUENCY")
        return (ends is None or now < ends) and (days is None or last is None or now >= last + days * DAY)

    def _interacted(self, user: str) -> Mapping[str, np.ndarray]:
        """As filters see it; they may spell NOT_TAKEN as the events service does: Not Taken."""
        found = self._histories.by_type(user)
        return found | {kind.replace("_", " "): codes for kind, codes in found.items()}


def _events(bulk: Interactions, put: Mapping[str, list[Event]], user: str) -> list[Event]:
    """A user's events, oldest first."""
    span = bulk.slice(user)
    columns = (bulk.times[span].tolist(), bulk.items[span].tolist(), bulk.types[span].tolist())
    before = ((at, bulk.item_ids[item], bulk.type_names[kind], None) for at, item, kind in zip(*columns, strict=True))
    return sorted(chain(before, put.get(user, ())), key=lambda event: event[0])
