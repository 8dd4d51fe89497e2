"""Visits to the sample shop: who comes when, and the walk through the catalogue that `shop` describes.

All users walk at once: step t draws the t-th click of everyone who has one, so the work is one pass over the clicks.
"""

import numpy as np
import pandas as pd
from scipy.special import ndtri

from recsys.columns import EVENT_TYPE, EVENT_VALUE, ITEM_ID, PURCHASE, TIMESTAMP, USER_ID, VIEW
from recsys.data.shop import FOLLOWER_WEIGHTS, RECENT, SHARES, URGES, Truth

DAY = 86_400
WEEKDAY = np.array([1.0, 0.95, 0.95, 1.0, 1.1, 1.35, 1.4])
HOUR = np.array([3, 2, 1, 1, 1, 2, 4, 7, 9, 10, 11, 13, 15, 13, 11, 11, 12, 14, 17, 22, 25, 23, 15, 7], dtype=float)
LAST, BEFORE, BY_CATEGORY, REVISIT = (URGES.index(name) for name in ("last", "before", "category", "revisit"))
CLICKS_PER_SESSION = 5.0
SESSION_PAUSE = 45 * 60


def simulate(
    truth: Truth, price: np.ndarray, days: int, clicks_per_user: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Interactions with user and item *codes*, in time order; purchases carry the item's price as EVENT_VALUE."""
    users, opens, times = _visits(truth, days, clicks_per_user, rng)
    items = _walk(truth, users, opens, truth.week(times), rng)
    bought = rng.random(len(users)) < truth.purchase_probabilities(users, items)
    views = pd.DataFrame({USER_ID: users, ITEM_ID: items, TIMESTAMP: times, EVENT_TYPE: VIEW, EVENT_VALUE: np.nan})
    purchases = views[bought].assign(**{EVENT_TYPE: PURCHASE, EVENT_VALUE: price[items[bought]]})
    purchases[TIMESTAMP] = _time_of_purchase(users, times)[bought]
    events = pd.concat([views, purchases], ignore_index=True)
    order = np.lexsort((events[EVENT_TYPE] == PURCHASE, events[USER_ID], events[TIMESTAMP]))
    return events.iloc[order].reset_index(drop=True)


def _visits(
    truth: Truth, days: int, clicks_per_user: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """User, whether it opens a session, and time of every click, by user and time; each (n_clicks,)."""
    n_users, spread = len(truth.buying), 0.85
    mean = np.exp(spread * _normal(rng, n_users) - spread**2 / 2) * clicks_per_user
    counts = np.clip(np.round(mean), 1, 20 * clicks_per_user).astype(np.int64)
    users = np.repeat(np.arange(n_users), counts)
    opens = rng.random(len(users)) < 1 / CLICKS_PER_SESSION
    opens[np.cumsum(counts) - counts] = True
    session = np.cumsum(opens) - 1
    gaps = np.where(opens, 0, np.clip(np.exp(3.9 + 0.9 * _normal(rng, len(users))), 6, 1_200)).astype(np.int64)
    elapsed = np.cumsum(gaps)
    elapsed -= elapsed[opens][session]
    lasts = np.append(np.flatnonzero(opens)[1:], len(users)) - 1
    starts = _session_starts(users[opens], elapsed[lasts] + SESSION_PAUSE, days, n_users, rng)
    times = int(truth.start) + starts[session] + elapsed
    inside = times < int(truth.start) + days * DAY
    return users[inside], opens[inside], times[inside]


def _session_starts(
    users: np.ndarray, lengths: np.ndarray, days: int, n_users: int, rng: np.random.Generator
) -> np.ndarray:
    """Start of each session in seconds; `users` is sorted. A session waits until the one before it is over."""
    traffic = np.cumsum(_traffic(days))
    joined = np.where(rng.random(n_users) < 0.6, 0.0, rng.random(n_users) * 0.9)[users]
    at = joined + (1 - joined) * rng.random(len(users))
    day = np.searchsorted(traffic, at * traffic[-1], side="right").clip(max=days - 1)
    hour = np.searchsorted(np.cumsum(HOUR), rng.random(len(users)) * HOUR.sum(), side="right").clip(max=23)
    start = day * DAY + hour * 3_600 + np.floor(rng.random(len(users)) * 3_600).astype(np.int64)
    start = start[np.lexsort((start, users))]
    waiting = np.cumsum(lengths) - lengths
    ready = pd.Series(start - waiting).groupby(users).cummax().to_numpy()
    return ready + waiting


def _traffic(days: int) -> np.ndarray:
    """(days,) visits relative to a plain day: weekends, a slow summer, a rush before the holidays."""
    day = np.arange(days)
    year = 1 + 0.12 * np.cos(2 * np.pi * day / 364) + 0.9 * np.exp(-(((day % 364) - 338) ** 2) / (2 * 11**2))
    return WEEKDAY[day % 7] * year


def _walk(
    truth: Truth, users: np.ndarray, opens: np.ndarray, weeks: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The item code of every click (n_clicks,), as `Shop.next_probabilities` states it."""
    shelves = Shelves(truth)
    first = np.flatnonzero(np.append(True, users[1:] != users[:-1]))
    counts = np.diff(np.append(first, len(users)))
    by_length = np.argsort(-counts, kind="stable")
    first, counts = first[by_length], counts[by_length]
    luck = rng.random((len(users), 4))
    items = np.full(len(users), -1, dtype=np.int64)
    for step in range(counts[0]):
        rows = first[: np.searchsorted(-counts, -step, side="left")] + step
        recent = items[rows[:, None] - np.arange(1, min(step, RECENT) + 1)]
        items[rows] = _next(truth, shelves, users[rows], weeks[rows], opens[rows], recent, luck[rows])
    return items


def _next(
    truth: Truth,
    shelves: "Shelves",
    users: np.ndarray,
    weeks: np.ndarray,
    opens: np.ndarray,
    recent: np.ndarray,
    luck: np.ndarray,
) -> np.ndarray:
    """Draw the next item (n,) of n users, given their latest clicks `recent` (n, <= 5), newest first; luck (n, 4)."""
    shares = np.cumsum([SHARES[False], SHARES[True]], axis=1)[opens.astype(int)]
    urge = (luck[:, :1] >= shares[:, :-1]).sum(axis=1)
    known = recent.shape[1]
    chances = truth.tastes(users, weeks)
    if known:
        by_category = urge == BY_CATEGORY
        chances[by_category] = truth.goes_with[truth.category[recent[by_category, 0]]]
    category = _pick(chances, luck[:, 1])
    items = shelves.draw(weeks, category, _pick(truth.bands[users], luck[:, 2]), luck[:, 3])
    slot = _pick(np.broadcast_to(FOLLOWER_WEIGHTS, (len(users), len(FOLLOWER_WEIGHTS))), luck[:, 1])
    for place, kind in enumerate((LAST, BEFORE)[:known]):
        follower = truth.followers[recent[:, place], slot]
        items = np.where((urge == kind) & (truth.born[follower] <= weeks), follower, items)
    if known:
        again = recent[np.arange(len(users)), (luck[:, 1] * known).astype(int)]
        items = np.where(urge == REVISIT, again, items)
    return items


class Shelves:
    """Draws an item of a category and price band among those on sale in a week, by its appeal in that week.

    `edges` joins the running totals of all weeks into one increasing array, so that one binary search serves any week.
    """

    def __init__(self, truth: Truth) -> None:
        group = truth.category.astype(np.int64) * truth.bands.shape[1] + truth.band
        self.order = np.argsort(group, kind="stable")
        self.starts = np.append(0, np.cumsum(np.bincount(group)))
        self.width, self.bands = len(group) + 1, truth.bands.shape[1]
        appeal = np.stack([truth.appeal(week)[self.order] for week in range(truth.weeks)])
        edges = np.zeros((truth.weeks, self.width))
        np.cumsum(appeal, axis=1, out=edges[:, 1:])
        self.edges = (edges / edges[:, -1:] + np.arange(truth.weeks)[:, None]).ravel()

    def draw(self, weeks: np.ndarray, category: np.ndarray, band: np.ndarray, luck: np.ndarray) -> np.ndarray:
        """Item codes (n,) for n draws; all arguments (n,), `luck` in [0, 1)."""
        group, row = category * self.bands + band, weeks * self.width
        first, end = self.starts[group], self.starts[group + 1]
        low, high = self.edges[row + first], self.edges[row + end]
        found = np.searchsorted(self.edges, low + luck * (high - low), side="right") - 1 - row
        return self.order[np.clip(found, first, end - 1)]


def _pick(weights: np.ndarray, luck: np.ndarray) -> np.ndarray:
    """A column (n,) drawn from each row of `weights` (n, m), which need not sum to 1."""
    running = np.cumsum(weights, axis=1)
    return (luck[:, None] * running[:, -1:] >= running[:, :-1]).sum(axis=1)


def _time_of_purchase(users: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Some 90 seconds after the click, but before the user's next one."""
    until_next = np.append(np.where(users[1:] == users[:-1], times[1:] - times[:-1], 2 * 90), 2 * 90)
    return times + np.clip(until_next // 2, 1, 90)


def _normal(rng: np.random.Generator, count: int) -> np.ndarray:
    return ndtri(np.maximum(rng.random(count), 1e-12))
