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
    not_streamed = ~others[USER_ID].isin(streamed[USER_ID].unique())
    return Parts(streamed, others[~newer], others[newer & not_streamed])


def choose(held_back: pd.DataFrame, users: int, clicks: int, seed: int) -> pd.DataFrame:
    """The first `clicks` held-back events of up to `users` users that have so many, with their `step` from 0.

    Where nobody has so many, up to so many of users that have two. At most half of those that have: the others are left
    to compare recommenders on. `shortage` says what became of fewer. Raises DataError where nobody has two.
    """
    ordered = held_back.sort_values(TIMESTAMP, kind="stable")
    step = ordered.groupby(USER_ID).cumcount()
    able = np.sort(_able(held_back, clicks).to_numpy(dtype=str))
    chosen = np.random.default_rng(seed).permutation(able)[: min(users, -(-len(able) // 2))]
    return ordered.assign(step=step)[ordered[USER_ID].isin(chosen) & (step < clicks)]


def shortage(held_back: pd.DataFrame, users: int, clicks: int) -> str:
    """What `choose` finds less of than it is asked for, in words; empty where nothing. Raises DataError as it does."""
    able, most = len(_able(held_back, clicks)), int(held_back[USER_ID].value_counts().max())
    told = []
    if most < clicks:
        told.append(f"no user has {clicks} held-back events (stream.replay_events): 2 to {most} of each are replayed")
    if (half := -(-able // 2)) < users:
        told.append(
            f"{able:,} users have {clicks if most >= clicks else 2} or more held-back events: half of them, {half:,}, "
            f"and not {users:,} (stream.replay_users), can be replayed, the others are left to compare recommenders on"
        )
        told += ["fewer stream.replay_events would find more users"] if most >= clicks > 1 else []
    return "; ".join(told)


def _able(held_back: pd.DataFrame, clicks: int) -> pd.Index:
    """The users with enough held-back events: `clicks`, or two where nobody has so many. Raises DataError."""
    counts = held_back[USER_ID].value_counts()
    least = clicks if (counts >= clicks).any() else 2
    if not (counts >= least).any():
        raise DataError(
            f"no user has {min(clicks, 2)} held-back events to replay: raise data.test_share, or add more data"
        )
    return counts.index[counts >= least]


def known_to_training(clicks: pd.DataFrame, interactions: pd.DataFrame) -> pd.DataFrame:
    """The clicks of users and on items that training knows: a click on an item younger than the model changes nothing.

    Raises DataError where there is none.
    """
    users, items = interactions[USER_ID].unique(), interactions[ITEM_ID].unique()
    known = clicks[clicks[USER_ID].isin(users) & clicks[ITEM_ID].isin(items)]
    if known.empty:
        raise DataError(
            "every held-back click is of a new user or on a new item: raise stream.replay_users, or lower "
            "stream.replay_events, which leaves more users to replay"
        )
    return known
