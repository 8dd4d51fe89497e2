"""Users whose newest events are held out, and how well any settings find them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

import numpy as np

from recsys import metrics
from recsys.errors import ModelError
from recsys.models.next_item.blend import Blend, recent_demand
from recsys.models.next_item.draft import most_frequent
from recsys.models.next_item.features import Weighted, decayed
from recsys.models.next_item.large import regression_of
from recsys.models.next_item.lazy import Lazy, Recent
from recsys.models.next_item.regression import DENSE_ITEMS, HELD_OUT_SCORES, HELD_OUT_USERS, Regression
from recsys.models.next_item.settings import LATER, LATER_CLIMBS, Climbs, Settings
from recsys.models.protocol import Split, cut_newest, leave_last_out, temporal_split
from recsys.models.sequences import Sequences, unique_users
from recsys.models.topk import top_k

# By goal: share of the users that are held out, and the most of them where the regression is exact: for another, more
# take hardly longer, and tell more.
HELD_OUT = {"next": (0.5, HELD_OUT_USERS), "newest": (0.2, 500), "later": (1.0, HELD_OUT_USERS)}
FEWEST_SCORED = 100  # held-out users whatever their scores take: with fewer, chance would choose
FEWEST = 10  # held-out users below which the defaults are safer than a choice
DRAFT_ITEMS, DRAFT_USERS = 1_500, 1_000  # of a draft of the search, made where there are more items
LATER_DRAFT_ITEMS = 2_000  # of what is done weeks later: fewer settle on other settings than all of them do
SECONDS_A_SCORE = 2e-8
REPEATED = 0.1  # share of repeats from which on people come back, whatever few held-out users say


class Scorer(Protocol):
    """What the scores of held-out users are made of; `climbs` are the settings that move it."""

    climbs: Climbs

    def weights(self, settings: Settings) -> np.ndarray:
        """(scales, length) float32: how it sees a history."""

    def predict(self, events: Weighted, settings: Settings) -> Lazy[np.ndarray]:
        """(n, n_items) float32 of n histories; what is kept for other settings is decided now."""

    def cost(self, n: int, settings: Settings) -> float:
        """Seconds that predicting n histories takes on two ordinary cores, by counted work and what is kept."""

    def touch(self, settings: Settings) -> None:
        """Keep what these settings need longer than what other settings need."""


class HeldOut:
    """Events set aside: a model of the others is shown the older events of some users and must find the newer ones.

    unseen: these users, where nothing of theirs is in the other events. regression: of the other events. beside: what
    other models say, as `Blend.add` takes it. later: whether they lie after all that is shown; `start` and `climbs` are
    where a search begins and what it moves.
    """

    def __init__(
        self, split: Split, unseen: Sequences | None, regression: Scorer, later: bool = False, threads: int = 1
    ) -> None:
        self._threads = threads
        self.train, self.unseen, self.regression = split.train, unseen, regression
        self._later = later
        self.start = LATER if later else Settings()
        climbs = (*LATER_CLIMBS, *regression.climbs, *LATER_CLIMBS) if later else regression.climbs
        self.climbs = tuple(climb for climb in climbs if climb[0] != "seen" or repeats(split.train) < REPEATED)
        self.n_items, self.histories = split.train.n_items, split.histories
        self.targets, self.weights = split.targets, split.weights
        self.beside: dict[str, np.ndarray] = {}
        self._blend = Blend(unique_users(split.train), recent_demand=recent_demand(split.train))
        self.log_share = self._blend.log_share
        self._predicted = Recent(3)

    @classmethod
    def of(
        cls,
        seqs: Sequences,
        seed: int,
        goal: str,
        threads: int = 2,
        regression: Callable[[Sequences, int], Scorer] = regression_of,
    ) -> "HeldOut | None":
        """Users drawn by `seed`; None where too few have two events for a choice to mean anything.

        goal: what must be found, the `next` event of known users, the `newest` tenth of unseen users or what known
        users did `later`, when the newest tenth of all events came. Raises ModelError for another one.
        """
        if goal not in HELD_OUT:
            raise ModelError(f"goal {goal!r}: choose one of {', '.join(HELD_OUT)}")
        able = np.flatnonzero(seqs.lengths >= 2)
        share, most = HELD_OUT[goal]
        most = most if seqs.n_items <= DENSE_ITEMS else HELD_OUT_USERS
        count = min(most, max(FEWEST_SCORED, HELD_OUT_SCORES // seqs.n_items), int(len(able) * share))
        if count < FEWEST:
            return None
        chosen = np.sort(np.random.default_rng(seed).choice(able, count, replace=False))
        if goal == "next":
            split, unseen = leave_last_out(seqs, chosen), None
        elif goal == "later":
            split, unseen = _later(seqs, count, seed), None
            if split is None:
                return None
        else:
            rest, unseen = seqs.select(np.setdiff1d(np.arange(seqs.n_users), chosen)), seqs.select(chosen)
            split = cut_newest(rest, unseen, share=0.1)
        return cls(split, unseen, regression(split.train, threads), goal == "later", threads)

    def draft(self) -> "HeldOut | None":
        """Fewer users and the items with most events only; None where that would save little."""
        items = LATER_DRAFT_ITEMS if self._later else DRAFT_ITEMS
        if self.n_items <= items or not isinstance(self.regression, Regression):
            return None
        whole = Split(self.train, self.histories, self.targets, self.weights)
        split = most_frequent(whole, items, DRAFT_USERS)
        return HeldOut(split, None, Regression(split.train), self._later, self._threads)

    def scores(self, settings: Settings) -> np.ndarray:
        """Final scores (n, n_items) of the held-out users; the regression's part of the last three is kept."""
        return self._scored(self._predict(settings)(), settings, slice(None))

    def touch(self, settings: Settings) -> None:
        """Keep what was computed for these settings longer than the rest: the next trials start from them."""
        self._predicted.touch(_regression_key(settings))
        self.regression.touch(settings)

    def skip(self, settings: Settings) -> None:
        """Keep, and no longer keep, what scoring these settings would, without its work: costs stay what they were."""
        self._predict(settings)

    def cost(self, settings: Settings) -> float:
        """Seconds that scoring these settings now takes on two ordinary cores, by counted work."""
        known = _regression_key(settings) in self._predicted
        regression = 0.0 if known else self.regression.cost(len(self.histories), settings)
        return regression + len(self.histories) * self.n_items * SECONDS_A_SCORE

    def ndcg(self, settings: Settings) -> float:
        """Mean NDCG@10 (the usual one) of the held-out users, with graded gains where events weigh differently."""
        predicted = self._predict(settings)()

        def best(part: slice) -> np.ndarray:
            return top_k(self._scored(predicted, settings, part), 10)[0]

        share = -(-len(self.histories) // self._threads)
        parts = [slice(at, at + share) for at in range(0, len(self.histories), share)]
        with ThreadPoolExecutor(self._threads) as pool:
            codes = np.concatenate([*pool.map(best, parts)])
        if self.weights is None:
            return float(metrics.ndcg_at(codes, self.targets, 10).mean())
        return float(metrics.weighted_ndcg_at(codes, self.targets, self.weights, 10).mean())

    def temperature(self, settings: Settings) -> float:
        """The temperature at which the softmax gives the held-out targets the highest likelihood."""
        from scipy.optimize import minimize_scalar  # slow to import, and whoever only serves never needs it

        scores = self.scores(settings.with_(seen=True))  # whoever repeats all the same is no measure of surprise
        scores -= scores.max(axis=1, keepdims=True)
        lengths = np.array([len(t) for t in self.targets])
        rows = np.repeat(np.arange(len(lengths)), lengths)
        found = (scores[rows, np.concatenate(self.targets)] / lengths[rows]).sum()

        def loss(log_temperature: float) -> float:
            t = np.exp(log_temperature)
            return float(np.log(np.exp(scores / np.float32(t)).sum(axis=1)).sum() - found / t)

        return float(np.exp(minimize_scalar(loss, bounds=(-9.0, 3.0), method="bounded", options={"xatol": 0.02}).x))

    def weighted(self, settings: Settings) -> Weighted:
        """The histories as the regression sees them."""
        return decayed(self.histories, self.regression.weights(settings), self.n_items)

    def _scored(self, predicted: np.ndarray, settings: Settings, part: slice) -> np.ndarray:
        """Final scores of some held-out users from the regression's of all."""
        beside = {name: others[part] for name, others in self.beside.items()}
        return self._blend.add(predicted[part].copy(), self.histories[part], settings, beside)

    def _predict(self, settings: Settings) -> Lazy[np.ndarray]:
        known = _regression_key(settings)
        return self._predicted.take(known, lambda: self.regression.predict(self.weighted(settings), settings))


def repeats(seqs: Sequences) -> float:
    """The share of the events that are of an item which the user had before."""
    return 1 - float(unique_users(replace(seqs, weights=None)).sum()) / seqs.n_events


def _later(seqs: Sequences, most: int, seed: int) -> Split | None:
    """A cut in time, `most` users tested; None where too few have events on both sides of it."""
    try:
        split = temporal_split(seqs)
    except ModelError:  # everything happened at once
        return None
    if len(split.targets) < FEWEST:
        return None
    chosen = np.sort(np.random.default_rng(seed).permutation(len(split.targets))[:most])
    lists = (split.histories, split.targets, split.weights)
    return Split(split.train, *(each and [each[at] for at in chosen] for each in lists))


def _regression_key(settings: Settings) -> Settings:
    """The part of the settings that the regression depends on."""
    return settings.with_(
        own_weight=0.0,
        own_decay=0.0,
        popularity_weight=0.0,
        twin_weight=0.0,
        neighbour_weight=0.0,
        transformer_weight=None,
        trend=0.0,
        seen=True,
    )
