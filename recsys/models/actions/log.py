"""Action interactions: what users were shown, what they took, and what was known of them at each moment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recsys.columns import ACTION_ID, EVENT_TYPE, TIMESTAMP, USER_ID
from recsys.errors import ModelError
from recsys.models.actions.logistic import log_odds
from recsys.models.sequences import codes_of, id_text, id_texts, refuse_unusable, seconds_of

if TYPE_CHECKING:
    import pandas as pd  # slow to import, and whoever only serves never needs it

TAKEN, NOT_TAKEN, VIEWED = "taken", "not taken", "viewed"
PRIOR = 5.0  # events that a share is smoothed with
HISTORY = 5  # width of history_features


@dataclass(frozen=True)
class ActionLog:
    """Events of users with actions, each user's together and oldest first.

    user_ids: (n_users,) str; users, actions: (n,) codes; times: (n,) epoch seconds; taken: (n,) bool, the others were
    viewed or not taken.
    """

    user_ids: np.ndarray
    users: np.ndarray
    actions: np.ndarray
    times: np.ndarray
    taken: np.ndarray

    @classmethod
    def from_interactions(cls, interactions: "pd.DataFrame", action_ids: Sequence[str]) -> "ActionLog":
        """The log of a table with USER_ID, ACTION_ID, TIMESTAMP (epoch seconds or datetimes) and EVENT_TYPE.

        Events with an action that is not among `action_ids` are left out. Raises ModelError for a missing column or
        value, a timestamp that is not in seconds, and an event type that is none of Taken, Not Taken and Viewed.
        """
        refuse_unusable(interactions, (USER_ID, ACTION_ID, TIMESTAMP, EVENT_TYPE))
        code_of = {id_text(action): code for code, action in enumerate(action_ids)}
        actions = np.array([code_of.get(action, -1) for action in id_texts(interactions[ACTION_ID])], np.int64)
        known = actions >= 0
        taken = are_taken(interactions[EVENT_TYPE][known])
        users, user_ids = codes_of(interactions[USER_ID][known])
        times = seconds_of(interactions[TIMESTAMP])[known]
        order = np.lexsort((times, users))
        return cls(user_ids, users[order], actions[known][order], times[order], taken[order])

    def exposures(self, period: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions (m,) of the moments at which a user could take an action, and whether (m,) bool they then did.

        A view or a refusal is such a moment, and ends well if the user takes the action within `period` seconds. An
        action that was taken without either before it in that time is one by itself.
        """
        order = np.lexsort((np.arange(len(self.times)), self.actions, self.users))
        pair = self.users[order] * (self.actions.max(initial=0) + 1) + self.actions[order]
        times, taken, places = self.times[order], self.taken[order], np.arange(len(order))
        later = np.minimum.accumulate(np.where(taken, places, len(order))[::-1])[::-1]
        follows = np.minimum(later, len(order) - 1)
        well = (later < len(order)) & (pair[follows] == pair) & (times[follows] - times <= period)
        shown = np.maximum.accumulate(np.where(taken, -1, places))
        prompted = (shown >= 0) & (pair[shown] == pair) & (times - times[shown] <= period)
        moments = np.flatnonzero(~taken | ~prompted)
        moments = moments[np.argsort(order[moments])]
        return order[moments], well[moments]

    def counts_before(self) -> np.ndarray:
        """(n, 4): the user's events before each one, those taken, the same with this action only."""
        pair = self.users * (self.actions.max(initial=0) + 1) + self.actions
        return np.stack([*_before(self.users, self.taken), *_before(pair, self.taken)], axis=1)


def are_taken(types: Iterable[str]) -> np.ndarray:
    """(n,) bool: which event types say that the action was taken; in any case, with a space or an underscore.

    >>> are_taken(["TAKEN", "Not Taken", "not_taken", "Viewed"]).tolist()
    [True, False, False, False]
    """
    plain = [str(kind).lower().replace("_", " ") for kind in types]
    odd = sorted(set(plain) - {TAKEN, NOT_TAKEN, VIEWED})
    if odd:
        raise ModelError(f"{odd} are no types of action interactions; use Taken, Not Taken or Viewed")
    return np.array([kind == TAKEN for kind in plain], bool)


def counts_by_action(actions: np.ndarray, taken: np.ndarray, n_actions: int) -> np.ndarray:
    """(n_actions, 4): one user's events, those taken, and the same with each action only."""
    each, took = np.bincount(actions, minlength=n_actions), np.bincount(actions[taken], minlength=n_actions)
    return np.stack([np.full(n_actions, len(actions)), np.full(n_actions, taken.sum()), each, took], axis=1)


def history_features(counts: np.ndarray, share: float) -> np.ndarray:
    """(n, HISTORY) float32 from counts (n, 4) as `counts_before` gives them; `share`: of all events, those taken.

    How much more than others the user takes, of all actions and of this one, and how much is known.
    """
    events, taken, own_events, own_taken = counts.astype(np.float64).T
    usual = log_odds(share)
    willing = log_odds((taken + PRIOR * share) / (events + PRIOR)) - usual
    own = log_odds((own_taken + PRIOR * share) / (own_events + PRIOR)) - usual
    known = np.log1p(np.stack([events, own_taken, own_events - own_taken]))
    return np.stack([willing, own, *known], axis=1).astype(np.float32)


def _before(groups: np.ndarray, taken: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each event, the events of its group before it and those of them that were taken."""
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], groups[order])
    total = np.r_[0, np.cumsum(taken[order])]
    events, took = np.empty((2, len(groups)), np.int64)
    events[order] = np.arange(len(order)) - starts
    took[order] = total[:-1] - total[starts]
    return events, took
