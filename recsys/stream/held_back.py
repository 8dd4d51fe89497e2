"""The events held back from training, by how a running shop gets them: click by click, as a file, or not at all."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from recsys.columns import ITEM_ID, TIMESTAMP, USER_ID
from recsys.errors import DataError


class Parts(NamedTuple):
    """Held-back events, each in one part: interactions with the columns they came with.

    streamed: replayed by notebook 04, with their `step`. export: the older half of the others, which notebook 08 hands
    in for the next training. test: what no training ever sees, of users without streamed events. Asked with other
    `users`, `clicks` or `seed` than the events in this environment were streamed by, test holds users heard of.
    """

    streamed: pd.DataFrame
    export: pd.DataFrame
    test: pd.DataFrame


def divide(held_back: pd.DataFrame, users: int, clicks: int, seed: int) -> Parts:
    """The held-back events by how they come in; `users` and `clicks` are of the streamed ones, as for `choose`."""
    streamed = choose(held_back, users, clicks, seed)
    others = held_back.drop(streamed.index)
    newer = others[TIMESTAMP] > others[TIMESTAMP].median()
    not_streamed = ~others[USER_ID].isin(streamed[USER_ID])
    return Parts(streamed, others[~newer], others[newer & not_streamed])


def choose(held_back: pd.DataFrame, users: int, clicks: int, seed: int) -> pd.DataFrame:
    """The first `clicks` held-back events of up to `users` users that have so many, with their `step` from 0.

    At most half of those that have: the others are left to compare recommenders on. Raises DataError where nobody has
    so many.
    """
    ordered = held_back.sort_values(TIMESTAMP, kind="stable")
    step = ordered.groupby(USER_ID).cumcount()
    counts = ordered[USER_ID].value_counts()
    able = np.sort(counts.index[counts >= clicks].to_numpy(dtype=str))
    if not len(able):
        raise DataError(f"no user has {clicks} held-back events: lower stream.replay_events, or raise data.test_share")
    chosen = np.random.default_rng(seed).permutation(able)[: min(users, -(-len(able) // 2))]
    return ordered.assign(step=step)[ordered[USER_ID].isin(chosen) & (step < clicks)]


def known_to_training(clicks: pd.DataFrame, interactions: pd.DataFrame) -> pd.DataFrame:
    """The clicks of users and on items that training knows: a click on an item younger than the model changes nothing.

    Raises DataError where there is none.
    """
    known = clicks[clicks[USER_ID].isin(interactions[USER_ID]) & clicks[ITEM_ID].isin(interactions[ITEM_ID])]
    if known.empty:
        raise DataError("every held-back click is of a new user or on a new item: raise stream.replay_users")
    return known
