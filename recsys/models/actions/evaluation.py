"""How well the next best action is foretold, by Amazon Personalize's metrics for actions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from recsys import metrics
from recsys.columns import USER_ID
from recsys.models.actions.log import ActionLog, counts_by_action
from recsys.models.actions.next_best import NextBestAction
from recsys.models.actions.user_state import DAY
from recsys.models.content.items import ItemContent
from recsys.models.sequences import Sequences

if TYPE_CHECKING:
    import pandas as pd  # slow to import, and whoever only serves never needs it

ANSWER = 5  # actions in an answer of GetActionRecommendations where the request does not say how many


class Asked(NamedTuple):
    """What one user was put to: events before `start` of the log are known, `taken` tells what came of each action."""

    user: int
    start: int
    taken: dict[int, bool]


def held_out_metrics(
    actions: ItemContent,
    interactions: "pd.DataFrame",
    users: ItemContent | None = None,
    items: Sequences | None = None,
    seed: int = 0,
    **options: Any,
) -> dict[str, float]:
    """AWS's metrics for actions: a tenth of the users is unseen in training, and their newest tenth is foretold.

    The tenth of a user's exposures (ActionLog.exposures) is rounded down but at least one. Arguments and options are
    those of NextBestAction.fit. Every metric is 0 where nobody can be tested.
    """
    ids = interactions[USER_ID].astype(str)
    everybody = np.unique(ids)
    tested = ids.isin(np.random.default_rng(seed).choice(everybody, round(len(everybody) * 0.1), replace=False))
    model = NextBestAction.fit(actions, interactions[~tested], users, items, seed=seed, **options)
    log = ActionLog.from_interactions(interactions[tested], actions.item_ids)
    asked = list(_asked(log, model.state.days * DAY))
    if asked:
        known = model.state.at_events(log, users, items)
    scores = np.zeros((len(asked), len(actions.item_ids)), np.float32)
    for row, (user, start, _) in enumerate(asked):
        before = slice(np.searchsorted(log.users, user), start)
        counts = counts_by_action(log.actions[before], log.taken[before], len(actions.item_ids))
        scores[row] = model.scores_at(known[[start]].toarray()[0], counts)
    ranked = np.array([model.rank(row) for row in scores], np.int64).reshape(scores.shape)
    return action_metrics(scores, ranked, [what.taken for what in asked], float(model.weights.share))


def action_metrics(
    scores: np.ndarray, ranked: np.ndarray, taken: list[dict[int, bool]], threshold: float
) -> dict[str, float]:
    """Metrics of scores and ranked action codes (n_users, n_actions), and of what came of the actions each user met.

    precision = users rightly told to take the action / users told so, recall = the same / users who took it, each
    averaged over the actions that have such users; a user is told so where the score reaches `threshold`. AWS does not
    say from where on an action counts as recommended: here it is the share of all training events that were taken.
    The area under the curve is that of all (user, action) pairs together. Only actions that a user met count.
    """
    rows = np.repeat(np.arange(len(taken)), [len(met) for met in taken])
    codes = np.array([code for met in taken for code in met], np.int64)
    took = np.array([well for met in taken for well in met.values()], bool)
    told = scores[rows, codes] >= threshold
    right, n = np.bincount(codes[told & took], minlength=scores.shape[1]), scores.shape[1]
    targets = [np.array([code for code, well in met.items() if well], np.int64) for met in taken]
    found = {"coverage": metrics.coverage(ranked[:, :ANSWER], n)}
    for k in (5, 10, 25):
        ndcg = metrics.own_hits_ndcg_at(ranked, targets, k)
        found[f"normalized_discounted_cumulative_gain_at_{k}"] = float(ndcg.mean()) if len(ndcg) else 0.0
    found["precision"] = _mean_ratio(right, np.bincount(codes[told], minlength=n))
    found["recall"] = _mean_ratio(right, np.bincount(codes[took], minlength=n))
    found["area_under_the_curve"] = area_under_the_curve(scores[rows, codes], took)
    return found


def area_under_the_curve(scores: np.ndarray, positive: np.ndarray) -> float:
    """P(a positive scores above a negative), ties counting half: the area under the ROC curve; 0 without both kinds.

    >>> area_under_the_curve(np.array([0.9, 0.4, 0.4, 0.1]), np.array([True, True, False, False]))
    0.875
    """
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return 0.0
    _, place, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[place]  # tied scores share their mean rank
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def _asked(log: ActionLog, period: int) -> Iterator[Asked]:
    """For each user, the newest tenth of the exposures, by action."""
    moments, well = log.exposures(period)
    owners = log.users[moments]
    for own in np.split(np.arange(len(moments)), np.flatnonzero(np.diff(owners)) + 1 if len(owners) else []):
        if not len(own):
            continue
        newest = own[-max(1, len(own) // 10) :]
        taken: dict[int, bool] = {}
        for place in newest:
            action = int(log.actions[moments[place]])
            taken[action] = taken.get(action, False) or bool(well[place])
        yield Asked(int(owners[own[0]]), int(moments[newest[0]]), taken)


def _mean_ratio(part: np.ndarray, whole: np.ndarray) -> float:
    some = whole > 0
    return float((part[some] / whole[some]).mean()) if some.any() else 0.0
