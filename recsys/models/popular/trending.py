"""aws-trending-now: the items whose interactions rise fastest."""

import math
from collections.abc import Sequence
from typing import Self

import numpy as np

from recsys.errors import ModelError
from recsys.models.base import Model
from recsys.models.sequences import Interactions, Sequences, sequences_of
from recsys.models.storage import Stored
from recsys.models.topk import top

BEFORE = 4  # intervals that the newest one is compared with: one alone is as noisy as the newest
SMOOTHING = 10.0  # interactions added to both sides: a rise from 0 to 2 is less than one from 50 to 200
CERTAIN = 2.0  # standard errors that a rise has to exceed: what rose by chance falls in the next interval
TIE = 1e-4  # rates closer than this are ties
LEADING = 25  # items that AWS's accuracy compares with
HALF_LIVES = (math.inf, 256.0, 64.0, 16.0, 4.0)  # intervals after which an event counts half for an item's popularity
WORTH_FORGETTING = 1.05
REPLAYED = 32  # newest intervals on which the half-life is chosen


class Trending(Model):
    """Score = how much an item's interactions rise in the newest interval, the same for every history.

        rate = log((newest + 10) / (before + 10)), before = mean of the n intervals before the newest one, up to four
        score = rate - 2 sqrt(1 / (newest + 10) + 1 / (n (before + 10))), what is left beyond chance

    The root is the standard error of the rate where events come independently (Poisson). An item that does not rise
    scores 0; ties, and so all items where nothing rises, are ordered by popularity, in which an event counts the less
    the older it is: by the half-life with which the newest intervals would have been foreseen best. AWS compares
    intervals ("the greatest rate of increase") and does not say with how many, nor how it tells a trend from chance;
    where two intervals are empty it recommends popular items, and so does this.
    """

    @classmethod
    def fit(cls, interactions: Interactions, interval_seconds: int = 7200) -> Self:
        """Keep the events of the newest intervals; AWS's trend_discovery_frequency defaults to two hours.

        Raises ModelError for an interval that is not above 0.
        """
        if not interval_seconds > 0:
            raise ModelError(f"nothing can rise within {interval_seconds} seconds: give an interval above 0")
        seqs = sequences_of(interactions)
        newest, oldest = (int(seqs.times.max()), int(seqs.times.min())) if seqs.n_events else (0, 0)
        recent = seqs.times > newest - (1 + BEFORE) * interval_seconds
        order = np.flatnonzero(recent)[np.argsort(seqs.times[recent], kind="stable")]
        half_life, events = lasting_popularity(seqs, interval_seconds)
        settings = {"interval_seconds": interval_seconds, "newest": newest, "oldest": oldest}
        settings["half_life"] = half_life if math.isfinite(half_life) else None
        return cls._of(seqs.item_ids, settings, seqs.codes[order], seqs.times[order], events)

    @classmethod
    def _of(
        cls, item_ids: np.ndarray, settings: dict, codes: np.ndarray, times: np.ndarray, events: np.ndarray
    ) -> Self:
        model = cls(item_ids, settings)
        model.codes, model.times, model.events = codes, times, events
        model._trained = model.trend(settings["newest"])
        return model

    def trend(
        self, now: float, codes: Sequence[int] | np.ndarray = (), times: Sequence[float] | np.ndarray = ()
    ) -> np.ndarray:
        """Scores (n_items,) float32 as of `now` (epoch seconds), with the events since training: `codes` at `times`.

        now: the newest interaction anywhere. An event after it is not counted. Codes from n_items on stand for items
        newer than the model; the answer then is as long as the largest needs.
        """
        codes = np.r_[self.codes, np.asarray(codes, np.int64)]
        times = np.r_[self.times, np.asarray(times, np.float64)]
        n = max(len(self.item_ids), int(codes.max(initial=-1)) + 1)
        interval = self.settings["interval_seconds"]
        newest, before, known = interval_counts(codes, times, n, now, interval, since=self.settings["oldest"])
        newest, before = newest + SMOOTHING, before + SMOOTHING
        rate = np.log(newest / before) - CERTAIN * np.sqrt(1 / newest + 1 / (known * before))
        popular = np.bincount(codes[len(self.codes) :], minlength=n) + np.pad(self.events, (0, n - len(self.events)))
        return (np.maximum(rate, 0) + TIE * popular / max(1, popular.max(initial=0))).astype(np.float32)

    def _score_batch(self, histories: list[np.ndarray]) -> np.ndarray:
        return np.tile(self._trained, (len(histories), 1))

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"codes": self.codes, "times": self.times, "events": self.events}

    @classmethod
    def _restore(cls, stored: Stored) -> Self:
        arrays = stored.arrays
        return cls._of(stored.item_ids, stored.meta["settings"], arrays["codes"], arrays["times"], arrays["events"])


def lasting_popularity(seqs: Sequences, interval: int) -> tuple[float, np.ndarray]:
    """The half-life (intervals) of HALF_LIVES that foresees rises best, and each item's events by it, (n_items,).

    Each is tried on the newest intervals, forecast from what was before them: its LEADING items by `trend_accuracy`, as
    the model itself is judged. The longest stands unless another finds WORTH_FORGETTING times as much.
    """
    n, newest = seqs.n_items, int(seqs.times.max(initial=0))
    ages = np.floor((newest - seqs.times) / interval)
    replayed = int(min(REPLAYED, ages.max(initial=0)))
    rows = [np.bincount(seqs.codes[ages == age], minlength=n) for age in range(replayed + BEFORE)]
    older = ages >= replayed
    found = []
    for half_life in HALF_LIVES:
        events = np.bincount(seqs.codes[older], 0.5 ** ((ages[older] - replayed) / half_life), minlength=n)
        accuracy = 0.0
        for age in reversed(range(replayed)):
            before = np.mean(rows[age + 1 : age + 1 + BEFORE], axis=0)
            accuracy += trend_accuracy(top(events, LEADING), rows[age] - before)
            events = events * 0.5 ** (1 / half_life) + rows[age]
        found.append((accuracy, half_life, events.astype(np.float32)))
    best = max(found, key=lambda each: each[0])
    _, half_life, events = best if best[0] > WORTH_FORGETTING * found[0][0] else found[0]
    return half_life, events


def interval_counts(
    codes: np.ndarray, times: np.ndarray, n_items: int, now: float, interval: int, since: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """Events of each item (n_items,) in (now - interval, now], their mean over the intervals before it, and how many.

    Those are up to BEFORE. since: the first event of the data; intervals before it do not count as empty.
    """
    ages = np.floor((now - times) / interval)
    newest = np.bincount(codes[ages == 0], minlength=n_items)
    before = np.bincount(codes[(ages >= 1) & (ages <= BEFORE)], minlength=n_items)
    known = int(np.clip(np.floor((now - since) / interval), 1, BEFORE))
    return newest, before / known, known


def trend_accuracy(recommended: np.ndarray, increase: np.ndarray) -> float:
    """AWS's trend prediction accuracy: the increase of the recommended items / that of the 25 that rose most.

    recommended: item codes, the first 25 of which count; increase: (n_items,), what is below 0 counts as 0. 0 where
    nothing rose.

    >>> trend_accuracy(np.array([2, 0]), np.array([3.0, -5.0, 1.0]))
    1.0
    """
    rises = np.maximum(increase, 0)
    best = float(np.sort(rises)[::-1][:LEADING].sum())
    return float(rises[np.asarray(recommended)[:LEADING]].sum()) / best if best > 0 else 0.0


def held_out_accuracy(seqs: Sequences, interval_seconds: int) -> float:
    """trend_accuracy of a model that has not seen the newest interval: what it would have recommended at its start.

    An item's increase is its events in that interval less the mean of up to four before. AWS does not say which part
    of the data it tests on. 0 where the data spans a single interval.
    """
    end = int(seqs.times.max(initial=0))
    start = end - interval_seconds
    earlier = seqs.times <= start
    if not earlier.any():
        return 0.0
    model = Trending.fit(seqs.keep_events(earlier), interval_seconds)
    codes = top(model.trend(start), LEADING)
    now, before, _ = interval_counts(
        seqs.codes, seqs.times, seqs.n_items, end, interval_seconds, since=int(seqs.times.min())
    )
    return trend_accuracy(codes, now - before)
