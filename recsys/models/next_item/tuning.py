"""The model chooses its own settings on training users it has not been shown."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from recsys import metrics
from recsys.errors import ModelError
from recsys.models.next_item.blend import Blend
from recsys.models.next_item.features import Weighted, decayed
from recsys.models.next_item.large import LargeRegression, regression_of
from recsys.models.next_item.regression import Recent
from recsys.models.next_item.settings import (
    ALIKE,
    HABIT_CLIMBS,
    TRANSFORMER_WEIGHTS,
    TWIN_CLIMBS,
    Settings,
    neighbour,
)
from recsys.models.next_item.softmax import RATES, SoftmaxTwin
from recsys.models.protocol import Split, cut_newest, leave_last_out
from recsys.models.sequences import Sequences, unique_users
from recsys.models.topk import top_k

HELD_OUT = {"next": (0.5, 2500), "newest": (0.2, 500)}  # by goal: share of the users that are held out, and the most
HELD_OUT_SCORES = 30_000_000  # users times items: 120 MB
FEWEST_SCORED = 100  # held-out users whatever their scores take: with fewer, chance would choose
FEWEST = 10  # held-out users below which the defaults are safer than a choice
SECONDS_A_SCORE = 2e-8
TWIN_SHARE = 0.5  # of the budget, at most
TWIN_EPOCHS = 2.0
FEWEST_EPOCHS = 0.25  # a twin that saw less than this has nothing to say

Report = Callable[[dict[str, Any]], None]
Candidates = Sequence[Mapping[str, Any]]
Climbs = Sequence[tuple[str, tuple]]


class Sequential(Protocol):
    """A model beside the regression whose weights are learned step by step: a transformer."""

    def logits(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        """(n, n_items) float32 of what comes next."""


class Learner(Protocol):
    """What trains one."""

    def learn(self, seqs: Sequences, repeats: bool, start: Any = None) -> Sequential:
        """From scratch, or one pass from what was learned before. repeats: whether seen items are to be expected."""


@dataclass(frozen=True)
class Tuned:
    """What was chosen, every trial made, the softmax temperature of the held-out users' next items, what was trained.

    There is a twin where it has a weight, and a transformer where that has one.
    """

    settings: Settings
    trials: list[dict[str, Any]]
    temperature: float
    twin: SoftmaxTwin | None = None
    transformer: Sequential | None = None


def tune(
    seqs: Sequences,
    seed: int,
    report: Report,
    budget: float,
    settings: Settings | None = None,
    candidates: Candidates = ({},),
    goal: str = "next",
    threads: int = 2,
    learner: Learner | None = None,
) -> Tuned:
    """The settings with the best NDCG@10 on held-out users, or those given, their temperature and their twin.

    candidates: settings of which one holds; the search is free in the others. With too few users to choose on, it is
    the first candidate, the defaults beside it and a temperature of 1. learner: of a transformer, which is tried unless
    the whole history is to count alike.
    """
    held_out = HeldOut.of(seqs, seed, goal)
    if held_out is None:
        plain = (settings or Settings().with_(**candidates[0])).with_(twin_weight=0.0, transformer_weight=None)
        return Tuned(plain, [], 1.0)
    search = Search(held_out, report, budget)
    best = settings or search.among(candidates)
    twin = held_out.twin(best, seed, threads, TWIN_SHARE * budget) if settings is None or settings.twin_weight else None
    if twin and settings is None:
        best = search.climb(best, TWIN_CLIMBS)
    elif twin is None:
        best = best.with_(twin_weight=0.0)
    climbs = TWIN_CLIMBS if twin else HABIT_CLIMBS
    best = _beside_transformer(best, learner, search, climbs, given=settings is not None)
    temperature = held_out.temperature(best)
    if best.twin_weight:
        held_out.complete(twin)
    else:
        twin = None
    transformer = held_out.learned(learner, best.seen) if best.transformer_weight else None
    return Tuned(best, search.trials, temperature, twin, transformer)


def _beside_transformer(
    best: Settings, learner: Learner | None, search: "Search", climbs: Climbs, given: bool
) -> Settings:
    """The settings with the weight that a transformer earns beside them; it is trained where it may have one."""
    if learner is None or best.decays == ALIKE:
        return best.with_(transformer_weight=None)
    if given and not best.transformer_weight:
        return best
    search.held_out.learn(learner, best.seen)
    if given:
        return best
    best = search.best_of([best.with_(transformer_weight=weight) for weight in TRANSFORMER_WEIGHTS])
    return search.climb(best, climbs)


class HeldOut:
    """Events set aside: a model of the others is shown the older events of some users and must find the newer ones.

    unseen: these users, where nothing of theirs is in the other events.
    """

    def __init__(self, split: Split, unseen: Sequences | None, regression: Callable[[Sequences], Any]) -> None:
        self.train, self.unseen = split.train, unseen
        self.n_items, self.histories = split.train.n_items, split.histories
        self.targets, self.weights = split.targets, split.weights
        self.regression = regression(split.train)
        self.blend = Blend(unique_users(split.train))
        self._predicted = Recent(3)
        self._by_twin: np.ndarray | None = None
        self._by_transformer: np.ndarray | None = None
        self._transformer: Sequential | None = None

    @classmethod
    def of(
        cls, seqs: Sequences, seed: int, goal: str, regression: Callable[[Sequences], Any] = regression_of
    ) -> "HeldOut | None":
        """Users drawn by `seed`; None where too few have two events for a choice to mean anything.

        goal: what must be found, the `next` event of known users or the `newest` tenth of unseen users. Raises
        ModelError for another one.
        """
        if goal not in HELD_OUT:
            raise ModelError(f"goal {goal!r}: choose one of {', '.join(HELD_OUT)}")
        able = np.flatnonzero(seqs.lengths >= 2)
        share, most = HELD_OUT[goal]
        count = min(most, max(FEWEST_SCORED, HELD_OUT_SCORES // seqs.n_items), int(len(able) * share))
        if count < FEWEST:
            return None
        chosen = np.sort(np.random.default_rng(seed).choice(able, count, replace=False))
        if goal == "next":
            return cls(leave_last_out(seqs, chosen), None, regression)
        rest = np.setdiff1d(np.arange(seqs.n_users), chosen)
        unseen = seqs.select(chosen)
        return cls(cut_newest(seqs.select(rest), unseen, share=0.1), unseen, regression)

    def scores(self, settings: Settings) -> np.ndarray:
        """Final scores (n, n_items) of the held-out users; the regression's part of the last three is kept."""
        scores = self._predicted.take(_regressed(settings), lambda: self._predict(settings)).copy()
        if settings.twin_weight:
            scores += np.float32(settings.twin_weight) * self._by_twin
        if settings.transformer_weight:
            scores += np.float32(settings.transformer_weight) * self._by_transformer
        return self.blend.add(scores, self.histories, settings)

    def twin(self, settings: Settings, seed: int, threads: int, budget: float) -> SoftmaxTwin | None:
        """The twin of these settings, trained; None where it is no twin of the regression, or has no time to learn."""
        if settings.rank or isinstance(self.regression, LargeRegression):
            return None
        counts = np.bincount(self.train.codes, minlength=self.n_items) + 0.1
        twin = SoftmaxTwin(counts / counts.sum(), settings.decays, settings.seen, seed, threads)
        epochs = min(TWIN_EPOCHS, budget / twin.cost(self.train.n_events))
        if epochs < FEWEST_EPOCHS:
            return None
        twin.learn(self.train, epochs)
        table = twin.table()
        self._by_twin = self._weighted(settings).table(len(table)) @ table
        return twin

    def learn(self, learner: Learner, repeats: bool) -> None:
        """A transformer for the settings that have a weight for one."""
        self._transformer = learner.learn(self.train, repeats)
        self._by_transformer = self._transformer.logits(self.histories)

    def learned(self, learner: Learner, repeats: bool) -> Sequential:
        """The transformer that has been put to the test, once it has learned from the unseen users too."""
        return learner.learn(self.unseen, repeats, self._transformer) if self.unseen else self._transformer

    def touch(self, settings: Settings) -> None:
        """Keep what was computed for these settings longer than the rest: the next trials start from them."""
        self._predicted.touch(_regressed(settings))
        self.regression.touch(settings)

    def complete(self, twin: SoftmaxTwin) -> None:
        """Let a twin that has been put to the test learn from the unseen users too; single events are not worth it."""
        if self.unseen:
            twin.learn(self.unseen, 1.0, (RATES[1], RATES[1]))

    def cost(self, settings: Settings) -> float:
        """Seconds that scoring these settings now takes on two ordinary cores, by counted work."""
        known = _regressed(settings) in self._predicted
        regression = 0.0 if known else self.regression.cost(len(self.histories), settings)
        return regression + len(self.histories) * self.n_items * SECONDS_A_SCORE

    def ndcg(self, settings: Settings) -> float:
        """Mean NDCG@10 (the usual one) of the held-out users, with graded gains where events weigh differently."""
        codes, _ = top_k(self.scores(settings), 10)
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

    def _predict(self, settings: Settings) -> np.ndarray:
        return self.regression.predict(self._weighted(settings), settings)

    def _weighted(self, settings: Settings) -> Weighted:
        return decayed(self.histories, self.regression.weights(settings), self.n_items)


class Search:
    """A climb over the settings, one at a time, that counts its work against a budget."""

    def __init__(self, held_out: HeldOut, report: Report, budget: float) -> None:
        self.held_out, self.report, self.left = held_out, report, budget
        self.trials: list[dict[str, Any]] = []
        self._known: dict[Settings, float] = {}

    def among(self, candidates: Candidates) -> Settings:
        """A climb with the first candidate's settings held; then the best candidate beside what was found."""
        first = candidates[0]
        best = self.climb(Settings().with_(**first), self.held_out.regression.climbs, held=first)
        return self.best_of([best.with_(**candidate) for candidate in candidates])

    def best_of(self, rivals: Sequence[Settings]) -> Settings:
        """The best of them, each tried whatever the budget; of equal ones the first."""
        for rival in rivals:
            if rival not in self._known:
                self._known[rival] = self._tried(rival)
        return max(rivals, key=self.ndcg)

    def climb(self, start: Settings, climbs: Climbs, held: Collection[str] = ()) -> Settings:
        """From `start`, each setting that is not held is moved up or down its grid for as long as that helps."""
        best = start
        self.ndcg(start)  # first, so that a budget too small for a search still measures where it stands
        for name, grid in climbs:
            if name not in held:
                self.held_out.touch(best)
                best = self._along(name, grid, best)
        return best

    def _along(self, name: str, grid: tuple, best: Settings) -> Settings:
        start = best
        for step in (1, -1):
            while (further := neighbour(name, grid, best, step)) and self.ndcg(further) > self.ndcg(best):
                best = further
            if best != start:
                break
        return best

    def ndcg(self, settings: Settings) -> float:
        """NDCG@10 of these settings, tried once; below any other where the budget does not allow the trial."""
        if settings not in self._known:
            cost = self.held_out.cost(settings)
            if cost > self.left and self.trials:
                return -1.0
            self.left -= cost
            self._known[settings] = self._tried(settings)
        return self._known[settings]

    def _tried(self, settings: Settings) -> float:
        start = time.perf_counter()
        ndcg = self.held_out.ndcg(settings)
        trial = {"settings": settings.as_dict(), "ndcg": ndcg, "seconds": round(time.perf_counter() - start, 3)}
        self.trials.append(trial)
        self.report(trial)
        return ndcg


def _regressed(settings: Settings) -> Settings:
    """The part of the settings that the regression depends on."""
    return settings.with_(
        own_weight=0.0, own_decay=0.0, popularity_weight=0.0, twin_weight=0.0, transformer_weight=None, seen=True
    )
