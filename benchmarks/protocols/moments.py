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
    """Two tables for each length of interval of which there are enough."""
    return [table for name, interval in INTERVALS.items() for table in forecast(data, name, *interval)]


def forecast(data: Data, name: str, seconds: int, count: int) -> list[Table]:
    """The newest `count` intervals, each forecast from all that was before it."""
    seqs, oldest = data.seqs, int(data.seqs.times.min())
    found: dict[str, list[tuple[float, ...]]] = {}
    for end in seqs.times.max() - seconds * np.arange(count):
        start = int(end) - seconds
        now, before, _ = interval_counts(seqs.codes, seqs.times, seqs.n_items, end, seconds, oldest)
        if now.sum() and start - oldest > (1 + BEFORE) * seconds:
            for each, scores in forecasts(seqs.keep_events(seqs.times <= start), start, seconds).items():
                found.setdefault(each, []).append(judged(top(scores, LEADING), now, before))
    if not found:
        return []
    columns = {each: np.array(rows).T for each, rows in found.items()}
    about = (
        f"{len(found['trending'])} intervals of one {name}, the newest but for empty ones, each forecast "
        f"from all events before it: {LEADING} items. "
    )
    return [
        compared(
            f"Popular items, by {name}",
            f"{about}Events found: those of these items over those of the {LEADING} touched most.",
            {each: {"events found": rows[0]} for each, rows in columns.items()},
            "popularity",
            data.seed,
        ),
        compared(
            f"Trending items, by {name}",
            f"{about}Rise found: what they have more than in the mean of the {BEFORE} intervals before, over the same "
            f"of the {LEADING} that rose most (AWS's trend prediction accuracy). Doublings: log2 of all their events "
            "over that mean.",
            {each: {"rise found": rows[1], "doublings": rows[2]} for each, rows in columns.items()},
            "trending",
            data.seed,
        ),
    ]


def judged(codes: np.ndarray, now: np.ndarray, before: np.ndarray) -> tuple[float, ...]:
    """Events found, rise found and doublings, by events (n_items,) in the interval and in the mean before it."""
    growth = np.log2((now[codes].sum() + 1) / (before[codes].sum() + 1))
    return trend_accuracy(codes, now), trend_accuracy(codes, now - before), float(growth)


def forecasts(seqs: Sequences, now: int, seconds: int) -> dict[str, np.ndarray]:
    """Scores (n_items,) of each method, from events up to `now`."""
    ages = (now - seqs.times) / seconds
    return {
        "popularity": Popularity.fit(seqs).scores(()),
        "every event": np.bincount(seqs.codes, minlength=seqs.n_items) / 1.0,
        "the last interval": np.bincount(seqs.codes[ages < 1], minlength=seqs.n_items) / 1.0,
        **{
            f"half-life {intervals}": np.bincount(seqs.codes, 0.5 ** (ages / intervals), seqs.n_items)
            for intervals in HALF_LIVES
        },
        "trending": Trending.fit(seqs, seconds).trend(now),
    }
