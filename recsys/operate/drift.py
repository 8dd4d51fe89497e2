"""Whether the events that come in are still like those the model learned from."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from recsys import metrics
from recsys.columns import CATEGORY, EVENT_TYPE, ITEM_ID, TIMESTAMP, USER_ID
from recsys.errors import DataError

DAY = 86_400  # seconds
WEEK = 7 * DAY
STEP = 1.25  # between the numbers of visits that a limit is sampled for


@dataclass(frozen=True)
class Drift:
    """What the newer weeks have that the older ones had not.

    table: a row per view (items, categories, event types) and week: view, week (its start, UTC), new (False for the
    last weeks the model learned from), events, index (population stability, against all it learned from) and limit
    (what 95 of 100 weeks of as many visitors, drawn from what it learned from, stay below). Events on items it never
    learned from are not in the view of items, which a few of them would rule.
    unseen: a row per new week: week, days (of it that have been, 7 but in the last), events, and the shares of them on
    items and by users it never learned from.
    """

    table: pd.DataFrame
    unseen: pd.DataFrame

    @property
    def beyond(self) -> dict[str, tuple[int, int]]:
        """By view: how many new weeks lie above their limit, and by a larger factor than any week shown that it learned
        from, of how many.

        A shop that always moves was moving while it was learned.
        """
        return {view: (int((new > max(1.0, old.max(initial=0.0))).sum()), len(new)) for view, new, old in self._weeks()}

    @property
    def drifted(self) -> list[str]:
        """Views in which most of the new weeks lie beyond: a lone one does by chance every twentieth time."""
        return [view for view, (beyond, weeks) in self.beyond.items() if beyond > weeks / 2]

    @property
    def advice(self) -> str:
        """One sentence: whether to retrain, and why."""
        told = ", ".join(f"{view} {beyond} of {weeks}" for view, (beyond, weeks) in self.beyond.items())
        verdict = "retrain" if self.drifted else "no retraining needed"
        return f"{verdict} (advised when most new weeks of a panel are beyond); beyond: {told}"

    def _weeks(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """By view: each new week's index over its limit, and those of the weeks it learned from."""
        for view, rows in self.table.assign(of=self.table["index"] / self.table["limit"]).groupby("view", sort=False):
            yield str(view), rows.loc[rows["new"], "of"].to_numpy(), rows.loc[~rows["new"], "of"].to_numpy()


def drift(learned: pd.DataFrame, newer: pd.DataFrame, items: pd.DataFrame, seed: int = 0, shown: int = 8) -> Drift:
    """The newer interactions, week by week from the first of them on, against those the model learned from.

    learned, newer: interactions, all of `newer` later than `learned`. items: ITEM_ID, CATEGORY. shown: how many of the
    last whole weeks of `learned` are told beside the new ones. A view in which all events are alike is left out. Raises
    DataError where one of the tables is empty, or they overlap in time.
    """
    if learned.empty or newer.empty or learned[TIMESTAMP].max() >= newer[TIMESTAMP].min():
        raise DataError("drift: both tables must have events, and every newer one be later than all it learned from")
    since = newer[TIMESTAMP].min()
    events = pd.concat([learned, newer], ignore_index=True)
    weeks = (events[TIMESTAMP] - since) // WEEK
    visits = events.groupby([USER_ID, weeks], sort=False).ngroup()
    visited = visits.groupby(weeks).nunique()
    wanted = [week for week in visited.index if week >= max(-shown, visited.index[0] + 1)]
    rows = []
    for view, levels in _views(events, items, weeks < 0):
        blocks = _counted(visits[weeks < 0], levels[weeks < 0], int(levels.max()) + 1)
        expected = blocks.sum(axis=0)
        for week, limit in zip(wanted, _limits(blocks, visited[wanted].to_numpy(), seed), strict=True):
            mine = weeks == week
            found = np.bincount(levels[mine & (levels >= 0)], minlength=len(expected))
            index = metrics.population_stability(expected - found if week < 0 else expected, found)
            rows.append((view, _moment(since, week), bool(week >= 0), int(mine.sum()), float(index), float(limit)))
    table = pd.DataFrame(rows, columns=["view", "week", "new", "events", "index", "limit"])
    return Drift(table, _unseen(learned, newer, since))


def _views(events: pd.DataFrame, items: pd.DataFrame, learned: pd.Series) -> Iterator[tuple[str, pd.Series]]:
    """What is counted: a name, and each event's code, below 0 where it does not count."""
    known = events.loc[learned, ITEM_ID].unique()
    categories = events[ITEM_ID].map(items.set_index(ITEM_ID)[CATEGORY]).fillna("")
    codes = {
        "items": pd.Index(known).get_indexer(events[ITEM_ID]),
        "categories": pd.factorize(categories)[0],
        "event types": pd.factorize(events[EVENT_TYPE])[0],
    }
    yield from ((view, pd.Series(levels)) for view, levels in codes.items() if levels.max() > 0)


def _counted(visits: pd.Series, levels: pd.Series, n_levels: int) -> sparse.csr_array:
    """(n_visits, n_levels): how often each visit has each level."""
    codes, names = pd.factorize(visits)
    cells = (np.ones(len(codes)), (codes, levels.to_numpy()))
    return sparse.csr_array(cells, shape=(len(names), n_levels))


def _limits(blocks: sparse.csr_array, drawn: np.ndarray, seed: int) -> np.ndarray:
    """The stability limit of each of these numbers of visits; as good as linear in 1/n between n and STEP * n."""
    least, most = drawn.min(), drawn.max()
    steps = 2 + int(np.log(most / least) / np.log(STEP))
    sizes = np.unique(np.geomspace(least, most, steps).round().astype(int))[::-1]
    limits = [metrics.stability_limit(blocks, int(size), seed) for size in sizes]
    return np.interp(1 / drawn, 1 / sizes, limits)


def _unseen(learned: pd.DataFrame, newer: pd.DataFrame, since: int) -> pd.DataFrame:
    new = pd.DataFrame(
        {
            "week": (newer[TIMESTAMP] - since) // WEEK,
            "events": 1,
            "items": ~newer[ITEM_ID].isin(learned[ITEM_ID].unique()),
            "users": ~newer[USER_ID].isin(learned[USER_ID].unique()),
        }
    )
    by_week = new.groupby("week").agg({"events": "sum", "items": "mean", "users": "mean"}).reset_index()
    until = (newer[TIMESTAMP].max() + 1 - since - by_week["week"] * WEEK) / DAY
    by_week.insert(1, "days", np.ceil(until).clip(upper=7).astype(int))
    return by_week.assign(week=[_moment(since, week) for week in by_week["week"]])


def _moment(since: int, week: int) -> pd.Timestamp:
    return pd.Timestamp(since + int(week) * WEEK, unit="s")
