"""Popular and trending: which items will be touched most, and which rise most, in an interval nobody has seen?"""

import numpy as np

from benchmarks.protocols.data import Data
from benchmarks.tables import Table, compared
from recsys.models import Popularity, Sequences, Trending
from recsys.models.popular.trending import BEFORE, LEADING, interval_counts, trend_accuracy
from recsys.models.topk import top

DAY = 86_400
INTERVALS = {"day": (DAY, 56), "week": (7 * DAY, 16)}  # seconds, and how many of the newest are forecast
HALF_LIVES = (1, 4, 16)  # intervals


def moments(data: Data) -> list[Table]:
    """One table for each length of interval; ours are `popularity` and `trending`, each for its own column."""
    return [forecast(data, name, *interval) for name, interval in INTERVALS.items()]


def forecast(data: Data, name: str, seconds: int, count: int) -> Table:
    """The newest `count` intervals, each forecast from all that was before it."""
    seqs, oldest = data.seqs, int(data.seqs.times.min())
    found: dict[str, list[tuple[float, ...]]] = {}
    for end in seqs.times.max() - seconds * np.arange(count):
        start = int(end) - seconds
        now, before = interval_counts(seqs.codes, seqs.times, seqs.n_items, end, seconds, oldest)
        if now.sum() and start - oldest > (1 + BEFORE) * seconds:
            for each, scores in forecasts(seqs.keep_events(seqs.times <= start), start, seconds).items():
                found.setdefault(each, []).append(judged(top(scores, LEADING), now, before))
    values = {each: dict(zip(COLUMNS, np.array(rows).T, strict=True)) for each, rows in found.items()}
    some = next(iter(found.values()), [])
    about = (
        f"{len(some)} intervals of one {name}, the newest but for empty ones, each forecast from all events before it: "
        f"{LEADING} items. Rise found: how much they have more than in the mean of the {BEFORE} intervals before, over "
        f"the same of the {LEADING} that rose most (AWS's trend prediction accuracy). Doublings: log2 of all their "
        f"events over that mean. Events found: theirs over those of the {LEADING} touched most."
    )
    return compared(f"Popular and trending, by {name}", about, values, "trending", data.seed)


COLUMNS = ("rise found", "doublings", "events found")


def judged(codes: np.ndarray, now: np.ndarray, before: np.ndarray) -> tuple[float, ...]:
    """The COLUMNS of the named items, by events of each item (n_items,) in the interval and in the mean before."""
    growth = np.log2((now[codes].sum() + 1) / (before[codes].sum() + 1))
    return trend_accuracy(codes, now - before), float(growth), trend_accuracy(codes, now)


def forecasts(seqs: Sequences, now: int, seconds: int) -> dict[str, np.ndarray]:
    """Scores (n_items,) of each method, from events up to `now`."""
    ages = (now - seqs.times) / seconds
    return {
        "popularity": Popularity.fit(seqs).scores(()),
        "every event": np.bincount(seqs.codes, minlength=seqs.n_items) / 1.0,
        "the last interval": np.bincount(seqs.codes[ages < 1], minlength=seqs.n_items) / 1.0,
        **{
            f"decayed, half-life {intervals}": np.bincount(seqs.codes, 0.5 ** (ages / intervals), seqs.n_items)
            for intervals in HALF_LIVES
        },
        "trending": Trending.fit(seqs, seconds).trend(now),
    }
