"""aws-next-best-action: which action a user will take."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from scipy import sparse

from recsys.columns import ACTION_ID, USER_ID
from recsys.errors import ModelError
from recsys.models.actions.log import HISTORY, ActionLog, are_taken, counts_by_action, history_features
from recsys.models.actions.logistic import Logistic, fit_logistic, log_loss, sigmoid
from recsys.models.actions.user_state import DAY, UserState
from recsys.models.base import Trained
from recsys.models.content.items import ItemContent
from recsys.models.content.metadata import TEXT, Metadata
from recsys.models.content.tables import ids_of, kinds_of
from recsys.models.sequences import Interactions, id_text, sequences_of
from recsys.models.storage import Stored, as_bytes, from_bytes

if TYPE_CHECKING:
    import pandas as pd  # slow to import, and whoever only serves never needs it

ENOUGH = 50  # events taken, and as many not taken or viewed, before an action has a score: AWS's rule
WITHIN = 42 * DAY  # counted back from the newest action interaction: AWS's six weeks
SHORTEST, LONGEST = 7, 28  # days of AWS's action_optimization_period
PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0)
PENALTY = 10.0  # where too few users took part to choose one
FEWEST = 20  # users held out for the choice


class Own(NamedTuple):
    """What one user did with actions, in any order: ids, epoch seconds and event types."""

    actions: Sequence[str] = ()
    times: Sequence[float] = ()
    types: Sequence[str] = ()


class Browsed(NamedTuple):
    """What one user did with items, in any order: ids and epoch seconds."""

    items: Sequence[str] = ()
    times: Sequence[float] = ()


NOTHING_DONE, NOTHING_BROWSED = Own(), Browsed()


class Weights(NamedTuple):
    """base: (n_actions,), table: (n_actions, state), history: (HISTORY,), share: () of all events, those taken,
    values: (n_actions,) what an action is worth, scored: (n_actions,) bool, whether it has a score.
    """

    base: np.ndarray
    table: np.ndarray
    history: np.ndarray
    share: np.ndarray
    values: np.ndarray
    scored: np.ndarray


class NextBestAction(Trained):
    """P(the user takes the action within the optimization period), by a ridge-damped logistic regression.

        log-odds = base[action] + table[action] . state of the user + history . what the user did with actions before

    base holds the action and its metadata, table what each action owes to the user's metadata, activity and taste.

    >>> import pandas as pd
    >>> actions = pd.DataFrame({"ACTION_ID": ["subscribe", "share"]})
    >>> did = [(f"u{at % 60}", "share" if at % 2 else "subscribe", 1_700_000_000 + 60 * at) for at in range(480)]
    >>> log = pd.DataFrame(did, columns=["USER_ID", "ACTION_ID", "TIMESTAMP"])
    >>> log["EVENT_TYPE"] = ["Taken" if at % 12 < 6 else "Viewed" for at in range(480)]
    >>> model = NextBestAction.fit(actions, log)
    >>> own = Own(["share"] * 3, [1_700_000_000, 1_700_000_060, 1_700_000_120], ["Taken"] * 3)
    >>> scores = model.scores(own=own)
    >>> model.decode(model.rank(scores))
    [['share', 'subscribe']]
    """

    @classmethod
    def fit(
        cls,
        actions: "ItemContent | pd.DataFrame",
        interactions: "pd.DataFrame",
        users: "ItemContent | pd.DataFrame | None" = None,
        items: Interactions | None = None,
        action_optimization_period_days: int = 14,
        values: Sequence[float | None] | None = None,
        seed: int = 0,
        threads: int = 1,
    ) -> Self:
        """Learn from `interactions`: USER_ID, ACTION_ID, TIMESTAMP (epoch seconds) and EVENT_TYPE, one of Taken, Not
        Taken and Viewed. Without any, every score is 0.

        actions, users: tables with ACTION_ID or USER_ID and metadata, of which text is not used, or ItemContents of
        those ids. items: the users' item interactions. values: (n_actions,), AWS's VALUE. The penalty is chosen on a
        tenth of the users. Raises ModelError for tables that cannot be used, for interactions of which none is with one
        of the actions, and for a period outside 7 to 28 days.
        """
        actions, users = _described(actions, ACTION_ID), None if users is None else _described(users, USER_ID)
        days = action_optimization_period_days
        if not SHORTEST <= days <= LONGEST:
            raise ModelError(f"an action optimization period of {days} days; choose {SHORTEST} to {LONGEST}")
        log = ActionLog.from_interactions(interactions, actions.item_ids)
        if len(interactions) and not len(log.actions):
            raise ModelError(
                f"none of {len(interactions)} interactions is with one of the {len(actions.item_ids)} actions: "
                f"{interactions[ACTION_ID].iloc[0]!r} is not among {', '.join(actions.item_ids[:3])}, ...; "
                "are these the ids of the same actions?"
            )
        items = None if items is None else sequences_of(items)
        state = UserState.fit(users, items, days, threads)
        worth = np.nan_to_num(np.array(values if values is not None else [0] * len(actions.item_ids), np.float64))
        scored = enough_events(log, len(actions.item_ids))
        if not scored.any():
            return cls._of(actions.item_ids, {}, [], state, _no_weights(state.width, worth))
        weights, penalty, trials = _learned(actions, log, state.at_events(log, users, items), days, seed, threads)
        settings = {"penalty": penalty, "action_optimization_period": days}
        return cls._of(actions.item_ids, settings, trials, state, weights._replace(values=worth, scored=scored))

    @classmethod
    def _of(cls, action_ids: np.ndarray, settings: dict, trials: list, state: UserState, weights: Weights) -> Self:
        model = cls(action_ids, settings, trials)
        model.state, model.weights = state, weights
        return model

    def scores(
        self,
        user: Mapping[str, Any] | None = None,
        own: Own = NOTHING_DONE,
        browsed: Browsed = NOTHING_BROWSED,
        now: float | None = None,
    ) -> np.ndarray:
        """(n_actions,) float32 in [0, 1] for one user; 0 for an action with too few events to have a score.

        user: metadata by column. now: epoch seconds; None is the user's newest event. Ids that were unknown in training
        are left out.
        """
        now = now if now is not None else max([*own.times, *browsed.times], default=0)
        return self.scores_at(self.state.now(user or {}, browsed.items, browsed.times, now), self._counts(own))

    def scores_at(self, known: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """(n_actions,) scores from the user's state (width,) and (n_actions, 4) counts as those of ActionLog."""
        done = history_features(counts, float(self.weights.share))
        logits = self.weights.base + self.weights.table @ known + done @ self.weights.history
        return np.where(self.weights.scored, sigmoid(logits), 0).astype(np.float32)

    def rank(self, scores: np.ndarray) -> np.ndarray:
        """(n_actions,) action codes, best first; of equal scores the greater value first, as AWS has it."""
        return np.lexsort((np.arange(len(scores)), -self.weights.values, -np.asarray(scores)))

    def _counts(self, own: Own) -> np.ndarray:
        """(n_actions, 4): the user's events, those taken, and the same with each action only."""
        codes, taken = self.encode(own.actions), are_taken(own.types)
        known = [id_text(action) in self._code_of for action in own.actions]
        return counts_by_action(codes, taken[known], len(self.item_ids))

    def _arrays(self) -> dict[str, np.ndarray]:
        state = {
            "metadata": as_bytes(self.state.metadata.as_dict()),
            "columns": self.state.columns,
            "items": as_bytes(list(self.state.item_ids)),
            "tastes": self.state.tastes,
            "days": np.array(self.state.days),
        }
        return state | self.weights._asdict()

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        arrays = {name: np.asarray(array) for name, array in stored.arrays.items()}
        item_ids = np.array(from_bytes(arrays["items"]), dtype=object)
        metadata = Metadata.from_dict(from_bytes(arrays["metadata"]))
        state = UserState(metadata, arrays["columns"], item_ids, arrays["tastes"], int(arrays["days"]))
        weights = Weights(*(arrays[name] for name in Weights._fields))
        return cls._of(stored.item_ids, stored.meta["settings"], stored.meta["trials"], state, weights)


def enough_events(log: ActionLog, n_actions: int) -> np.ndarray:
    """(n_actions,) bool: 50 events taken and 50 not taken or viewed in the six weeks before the newest of the log.

    The rule holds for each action by itself ("an action will have a score after the action has the following").
    """
    recent = log.times >= log.times.max(initial=0) - WITHIN
    taken = np.bincount(log.actions[recent & log.taken], minlength=n_actions)
    others = np.bincount(log.actions[recent & ~log.taken], minlength=n_actions)
    return (taken >= ENOUGH) & (others >= ENOUGH)


def _described(table: "ItemContent | pd.DataFrame", key: str) -> ItemContent:
    """What is said of actions or users, as it is or learned from a table."""
    if isinstance(table, ItemContent):
        return table
    ids = ids_of(table, key)
    kinds = {name: kind for name, kind in kinds_of(table).items() if kind != TEXT}
    return ItemContent.fit(ids, {name: table[name].tolist() for name in kinds}, kinds)


def _learned(
    actions: ItemContent, log: ActionLog, known: sparse.csr_array, days: int, seed: int, threads: int
) -> tuple[Weights, float, list[dict[str, Any]]]:
    """Weights, the penalty they were damped with, and the penalties tried; known: (n_events, width) states of users."""
    moments, taken = log.exposures(days * DAY)
    share, width = float(log.taken.mean()), known.shape[1]
    done = history_features(log.counts_before()[moments], share)
    x = _design(actions, log.actions[moments], known[moments], done)
    penalty, trials = _choose_penalty(x, taken, log.users[moments], seed, threads)
    regression = fit_logistic(x, taken, penalty, threads=threads)
    return _split(regression, actions, width, share), penalty, trials


def _design(actions: ItemContent, codes: np.ndarray, known: sparse.csr_array, done: np.ndarray) -> sparse.csr_array:
    """(n, width) features: action, its metadata, the user's state, both together, and what the user did before."""
    n, n_actions, width = len(codes), len(actions.item_ids), known.shape[1]
    each = sparse.csr_array((np.ones(n), codes, np.arange(n + 1)), shape=(n, n_actions))
    block = np.repeat(codes, np.diff(known.indptr)) * width
    both = sparse.csr_array((known.data, known.indices + block, known.indptr), shape=(n, n_actions * width))
    return sparse.csr_array(sparse.hstack([each, actions.rows.sparse[codes], known, both, done], format="csr"))


def _split(regression: Logistic, actions: ItemContent, width: int, share: float) -> Weights:
    """The regression's weights, sorted by what they are added to."""
    n, described = len(actions.item_ids), actions.rows.sparse
    ends = np.cumsum([n, described.shape[1], width, n * width, HISTORY])
    each, metadata, state, both, history = np.split(regression.weights, ends[:-1])
    base = regression.bias + each + described @ metadata
    nothing = np.empty(0)
    return Weights(base, state + both.reshape(n, width), history, np.array(share), nothing, nothing)


def _no_weights(width: int, values: np.ndarray) -> Weights:
    n = len(values)
    return Weights(np.zeros(n), np.zeros((n, width)), np.zeros(HISTORY), np.array(0.5), values, np.zeros(n, bool))


def _choose_penalty(
    x: sparse.csr_array, taken: np.ndarray, users: np.ndarray, seed: int, threads: int
) -> tuple[float, list[dict[str, Any]]]:
    """The penalty with the least log loss on a tenth of the users, and every one tried."""
    everybody = np.unique(users)
    count = len(everybody) // 10
    if count < FEWEST:
        return PENALTY, []
    held = np.isin(users, np.random.default_rng(seed).choice(everybody, count, replace=False))
    trials, regression = [], None
    for penalty in reversed(PENALTIES):
        regression = fit_logistic(x[~held], taken[~held], penalty, regression, threads)
        loss = log_loss(regression.predict(x[held]), taken[held])
        trials.append({"settings": {"penalty": penalty}, "log_loss": loss})
    return min(trials, key=lambda trial: trial["log_loss"])["settings"]["penalty"], trials
