"""What live events are worth: real clicks, held back from training, sent in time order.

Before each click the campaign is asked what the user would want; a hit is that click's item among the first ten. One
answer was given before the first click and stays as it is (without events), the other is asked anew each time (with
events). Both are judged on the same clicks.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys.columns import EVENT_TYPE, ITEM_ID, TIMESTAMP, USER_ID
from recsys.stream import events

TOP = 10

Recommend = Callable[[str], list[str]]


@dataclass(frozen=True)
class Replay:
    """The clicks replayed: columns step, USER_ID, ITEM_ID, with_events, without_events (True where it was a hit)."""

    clicks: pd.DataFrame
    seconds_per_step: list[float]

    @property
    def hit_rate(self) -> tuple[float, float]:
        """Hit rates with and without events."""
        return float(self.clicks["with_events"].mean()), float(self.clicks["without_events"].mean())

    def lift(self, seed: int, samples: int) -> tuple[float, float, float]:
        """The difference of the hit rates, mean and 95 % interval, users resampled: a user's clicks stay together."""
        hits = self.clicks.groupby(USER_ID)[["with_events", "without_events"]].mean()
        difference = (hits["with_events"] - hits["without_events"]).to_numpy()
        rng = np.random.default_rng(seed)
        means = difference[rng.integers(0, len(difference), (samples, len(difference)))].mean(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
        return float(difference.mean()), float(low), float(high)


def choose(held_back: pd.DataFrame, users: int, clicks: int, seed: int) -> pd.DataFrame:
    """The first `clicks` held-back events of up to `users` users that have so many, with their `step` from 0."""
    ordered = held_back.sort_values(TIMESTAMP, kind="stable")
    step = ordered.groupby(USER_ID).cumcount()
    counts = ordered[USER_ID].value_counts()
    able = np.sort(counts.index[counts >= clicks].to_numpy(dtype=str))
    chosen = np.random.default_rng(seed).permutation(able)[:users]
    return ordered.assign(step=step)[ordered[USER_ID].isin(chosen) & (step < clicks)]


def replay(clicks: pd.DataFrame, recommend: Recommend, stream_name: str, table_name: str) -> Replay:
    """Send the chosen clicks round by round through the stream, asking `recommend` before each.

    `recommend` maps a user id to item ids, best first. A round's events are awaited in the profiles before the next.
    """
    before = {user: set(recommend(user)[:TOP]) for user in clicks[USER_ID].unique()}
    counts = {user: events.profile(table_name, user).get("eventCount", 0) for user in before}
    rows, seconds = [], []
    for step, group in clicks.groupby("step", sort=True):
        pairs = list(zip(group[USER_ID], group[ITEM_ID], group[EVENT_TYPE], strict=True))
        for user, item, _ in pairs:
            fresh = recommend(user)[:TOP] if step else before[user]
            rows.append((step, user, item, item in fresh, item in before[user]))
        events.send(stream_name, [events.event(user, item, kind) for user, item, kind in pairs])
        expected = {user: counts[user] + step + 1 for user, _, _ in pairs}
        seconds.append(events.await_events(table_name, expected))
    columns = ["step", USER_ID, ITEM_ID, "with_events", "without_events"]
    return Replay(pd.DataFrame(rows, columns=columns), seconds)
