"""What live events are worth: real clicks, held back from training, sent in time order.

Before each click the campaign is asked what the user would want; a hit is that click's item among the first ten. One
answer was given before the first click and stays as it is (without events), the other is asked anew each time (with
events). Both are judged on the same clicks.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys import metrics
from recsys.aws import Report
from recsys.columns import EVENT_TYPE, ITEM_ID, USER_ID
from recsys.errors import TimedOut
from recsys.stream import events

TOP = 10
AGAIN = 6  # times an event is sent before it is given up
FIRST = 30  # the first click: Lambda may miss what comes in the minutes after its event source mapping was made

Answer = list[tuple[str, float]]
Recommend = Callable[[str], Answer]  # a user id to item ids with scores, best first


@dataclass(frozen=True)
class Replay:
    """The clicks replayed: columns step, USER_ID, ITEM_ID, hit_with, hit_without (True where it was a hit).

    heard: users of whom the stream had brought a click on one of these items before.
    """

    clicks: pd.DataFrame
    heard: int = 0

    @property
    def hit_rate(self) -> tuple[float, float]:
        """Hit rates with and without events."""
        return float(self.clicks["hit_with"].mean()), float(self.clicks["hit_without"].mean())

    def lift(self, seed: int, samples: int) -> metrics.Interval:
        """The difference of the hit rates, users resampled, so that a user's clicks stay together."""
        hits = self.clicks.groupby(USER_ID)[["hit_with", "hit_without"]].mean()
        return metrics.bootstrap((hits["hit_with"] - hits["hit_without"]).to_numpy(), seed, samples)

    def verdict(self, seed: int, samples: int) -> str:
        """Whether live events are shown to help, and by how much; or why that is not known."""
        if self.clicks.empty:
            return "nobody else has clicks to replay: what live events are worth is not known"
        if self.heard:
            return (
                f"{self.heard:,} of {self.clicks[USER_ID].nunique():,} users' clicks had come by the stream before: "
                "lists without events know them too, and what live events are worth is told by the first replay alone"
            )
        lift = self.lift(seed, samples)
        shown = "help" if lift.low > 0 else "harm" if lift.high < 0 else None
        said = f"live events {shown}" if shown else "live events are not shown to help"
        return f"{said}: hit rate {lift.signed()} with them, the users' mean"


def click_through(
    clicks: pd.DataFrame,
    recommend: Recommend,
    stream_name: str,
    patience: float = 10,
    report: Report | None = None,
) -> np.ndarray:
    """Send one user's clicks one by one; returns the milliseconds from each to the first answer that knows it.

    Where that takes more than `patience` seconds a click is sent again, and counts once by its id. Raises TimedOut when
    the answer is still the old one after the last time.
    """
    taken: list[float] = []
    for user, item, kind in _columns(clicks):
        click, before = events.event(user, item, kind), recommend(user)
        for attempt in range(AGAIN if taken else FIRST):
            if attempt and report:
                report(f"click {len(taken) + 1} changed nothing in {attempt * patience:.0f} s: sent again")
            if not taken or not attempt:  # what a mapping that is not ready yet misses is no lag; what comes late is
                sent = time.perf_counter()
            events.send(stream_name, [click])
            if _changed(user, before, recommend, patience):
                break
        else:
            raise TimedOut(f"{user}'s click on {item} changed nothing; see the stream processor's log")
        taken.append((time.perf_counter() - sent) * 1000)
    return np.array(taken)


def replay(
    clicks: pd.DataFrame, recommend: Recommend, stream_name: str, table_name: str, report: Report | None = None
) -> Replay:
    """Send the chosen clicks round by round through the stream, asking `recommend` before each.

    A round's events are awaited in the profiles, and then, for at most a second, in the answers: a click on an item
    younger than the model changes nothing.
    """
    first = {user: recommend(user) for user in clicks[USER_ID].unique()}
    profiles = {user: events.profile(table_name, user) for user in first}
    known = {user: int(profile.get("eventCount", 0)) for user, profile in profiles.items()}
    wanted = clicks.groupby(USER_ID)[ITEM_ID].agg(set)
    heard = sum(any(each["itemId"] in wanted[user] for each in profiles[user].get("lastItems", [])) for user in first)
    latest, rows = dict(first), []
    for step, group in clicks.groupby("step", sort=True):
        for user, item, _ in _columns(group):
            rows.append((step, user, item, item in _top(latest[user]), item in _top(first[user])))
        sent = [events.event(user, item, kind) for user, item, kind in _columns(group)]
        _deliver(stream_name, table_name, sent, {user: known[user] + int(step) + 1 for user in group[USER_ID]})
        for user in group[USER_ID]:
            _changed(user, latest[user], recommend, patience=1)
            latest[user] = recommend(user)
        if report:
            report(f"replay: round {int(step) + 1} of {clicks['step'].nunique()} arrived")
    return Replay(pd.DataFrame(rows, columns=["step", USER_ID, ITEM_ID, "hit_with", "hit_without"]), heard)


def _deliver(stream_name: str, table_name: str, sent: list[events.Event], expected: dict[str, int]) -> None:
    """Send events and wait for them in the profiles; again where a shard was not read yet: each counts once."""
    for left in reversed(range(AGAIN)):
        events.send(stream_name, sent)
        try:
            events.await_events(table_name, expected)
            return
        except TimedOut:
            if not left:
                raise


def _changed(user: str, before: Answer, recommend: Recommend, patience: float) -> bool:
    """Whether the answer becomes another; asked ever less often, as a campaign provides one request a second."""
    started = time.monotonic()
    while same_scores(recommend(user), before):
        waited = time.monotonic() - started
        if waited > patience:
            return False
        time.sleep(min(1.0, max(0.005, waited / 10)))
    return True


def same_scores(answer: Answer, before: Answer) -> bool:
    """Whether every item in both has the same score: explored items come and go though nothing happened."""
    known = dict(before)
    scores = [(score, known[item]) for item, score in answer if item in known]
    return bool(scores) and all(now == then for now, then in scores)


def _top(answer: Answer) -> set[str]:
    return {item for item, _ in answer[:TOP]}


def _columns(clicks: pd.DataFrame) -> list[tuple[str, str, str]]:
    return list(zip(clicks[USER_ID], clicks[ITEM_ID], clicks[EVENT_TYPE], strict=True))
