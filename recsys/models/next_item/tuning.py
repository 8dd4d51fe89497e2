"""The model chooses its own settings on training users it has not been shown, and what stands beside its regression."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from recsys.models.next_item.held_out import HeldOut
from recsys.models.next_item.large import LargeRegression
from recsys.models.next_item.neighbours import Neighbours
from recsys.models.next_item.search import Candidates, OnTrial, Search
from recsys.models.next_item.settings import (
    ALIKE,
    HABIT_CLIMBS,
    NEIGHBOUR_CLIMBS,
    PENALTY_CLIMBS,
    POOL_WEIGHTS,
    TWIN_CLIMBS,
    Climbs,
    Settings,
)
from recsys.models.next_item.softmax import RATES, SoftmaxTwin
from recsys.models.sequences import Sequences

TWIN_SHARE, NEIGHBOUR_SHARE = 0.5, 0.25  # of the budget, at most
TWIN_EPOCHS = 2.0
FIRST_EPOCHS = 0.25  # a twin that does harm after these is given up, and one with less time has nothing to say
HARMLESS = 0.993  # times the NDCG@10 without it: one at .995 was worth its weight in the end, one at .990 was not
WORTH_ANOTHER = 1.01  # times the NDCG@10 without it: less is chance, which the best of several weights always finds
FEWEST_USERS = 300  # held out: fewer choose the neighbours' weight by chance
WORTH_ASKING = 1.02  # the same of the neighbours, who take as long in every answer as all the rest
EVERYTHING = frozenset(field.name for field in fields(Settings))


class Sequential(Protocol):
    """A model beside the regression whose weights are learned step by step: a transformer."""

    def logits(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        """(n, n_items) float32 of what comes next."""


class Learner(Protocol):
    """What trains one."""

    def learn(self, seqs: Sequences, seen: bool, start: Any = None) -> Sequential | None:
        """From scratch, or one pass from what was learned before; None where there is no time for it.

        seen: whether people come back to what they had.
        """


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
    report: OnTrial | None,
    budget: float = 40.0,
    settings: Settings | Mapping[str, Any] | None = None,
    candidates: Candidates = ({},),
    goal: str = "next",
    threads: int = 2,
    learner: Learner | None = None,
    measured: Sequence[dict[str, Any]] = (),
) -> Tuned:
    """The settings with the best NDCG@10 on held-out users, or those given, their temperature and their twin.

    candidates: settings of which one holds; the search is free in the others. With too few users to choose on, it is
    the first candidate, the defaults beside it and a temperature of 1. learner: of a transformer, which is tried unless
    the whole history is to count alike. measured: trials of the same search, as `Search` takes them.
    """
    settings, held_out = Settings.given(settings), HeldOut.of(seqs, seed, goal, threads)
    if held_out is None:
        return Tuned(alone(settings or Settings().with_(**candidates[0])), [], 1.0)
    if any(each.get("neighbour_weight") for each in ([settings.as_dict()] if settings else candidates)):
        _bring_neighbours(held_out)
    search = Search(held_out, report or (lambda trial: None), budget, measured)
    held = EVERYTHING if settings else frozenset(candidates[0])
    best = settings or search.among(candidates)
    best, twin = _with_twin(search, best, held, seed, threads, TWIN_SHARE * budget)
    best = _with_neighbours(search, best, held, NEIGHBOUR_SHARE * budget)
    best, transformer = _with_transformer(search, best, held, learner)
    temperature = held_out.temperature(best)
    twin = twin if best.twin_weight else None
    if unseen := held_out.unseen:  # of known users it was single events that were held out: not worth a pass
        if twin:
            twin.learn(unseen, 1.0, (RATES[1], RATES[1]))
        transformer = transformer and (learner.learn(unseen, best.seen, transformer) or transformer)
    return Tuned(best, search.trials, temperature, twin, transformer)


def alone(settings: Settings) -> Settings:
    """These without anything beside the regression."""
    return settings.with_(twin_weight=0.0, neighbour_weight=0.0, transformer_weight=None)


def _with_twin(
    search: Search, start: Settings, held: Set[str], seed: int, threads: int, budget: float
) -> tuple[Settings, SoftmaxTwin | None]:
    """The settings with their twin, trained, or with a weight of 0 and none.

    held: settings that are not to be chosen. Where its weight is, a twin that does harm is trained no further, and one
    that has no time to learn not at all. There is none of a regression that it is no twin of, and none is tried
    where the whole history is to count alike.
    """
    held_out, best, choose = search.held_out, start, "twin_weight" not in held
    without = start.with_(twin_weight=0.0)
    if start.rank or isinstance(held_out.regression, LargeRegression) or not (choose or start.twin_weight):
        return without, None
    counts = np.bincount(held_out.train.codes, minlength=held_out.n_items) + 0.1
    twin = SoftmaxTwin(counts / counts.sum(), start.decays, start.seen, seed, threads)
    left = min(TWIN_EPOCHS, budget / twin.cost(held_out.train.n_events)) - FIRST_EPOCHS
    if choose and (left <= 0 or start.decays == ALIKE):
        return without, None
    for epochs, rates in ((FIRST_EPOCHS, (RATES[0], RATES[0])), *([(left, RATES)] if left > 0 else [])):
        table = twin.learn(held_out.train, epochs, rates).table()
        held_out.beside["twin_weight"] = held_out.weighted(start).table(len(table)) @ table + held_out.log_share
        search.forget("twin_weight")
        before, best = best, search.climb(best, (*TWIN_CLIMBS, *HABIT_CLIMBS), held)
        if choose and max(_weighed(search, before)) < HARMLESS * search.ndcg(before):
            return without, None
    return (best, twin) if not choose or _worth_it(search, best, without) else (without, None)


def _weighed(search: Search, settings: Settings) -> list[float]:
    """NDCG@10 of these with each weight that a twin can have."""
    return [search.ndcg(settings.with_(twin_weight=weight)) for weight in POOL_WEIGHTS[1:]]


def _with_neighbours(search: Search, start: Settings, held: Set[str], budget: float) -> Settings:
    """The settings with the weight that the nearest neighbours earn; 0 where that is held, or their work too much.

    None is chosen by few held-out users, or where the whole history is to count alike.
    """
    held_out, choose = search.held_out, "neighbour_weight" not in held
    without = start.with_(neighbour_weight=0.0)
    if choose and (start.decays == ALIKE or len(held_out.histories) < FEWEST_USERS):
        return without
    if not (choose or start.neighbour_weight):
        return without
    if not _bring_neighbours(held_out, budget if choose else np.inf):
        return without
    best = _best_weight(search, start, "neighbour_weight") if choose else start
    best = search.climb(best, _climbs(start), held)
    if choose and not _worth_it(search, best, without):
        return without
    best = search.climb(best, (*PENALTY_CLIMBS, *_climbs(best)), held)
    if not choose:
        return best
    without = search.best_of([without, best.with_(neighbour_weight=0.0)])
    return best if _worth_it(search, best, without, WORTH_ASKING) else without


def _bring_neighbours(held_out: HeldOut, budget: float = np.inf) -> bool:
    """Let them stand beside the regression, unless asking them for all who are held out takes longer."""
    if "neighbour_weight" not in held_out.beside:
        neighbours = Neighbours.of(held_out.train)
        if neighbours.cost(held_out.histories) > budget:
            return False
        held_out.beside["neighbour_weight"] = neighbours.logarithms(held_out.histories)
    return True


def _with_transformer(
    search: Search, start: Settings, held: Set[str], learner: Learner | None
) -> tuple[Settings, Sequential | None]:
    """The settings with the weight that a transformer earns beside them, and it where it has one.

    None is trained where its weight is held and there is none, or where a whole history counts alike. One that is given
    up is as none.
    """
    held_out, choose = search.held_out, "transformer_weight" not in held
    if learner is None or start.decays == ALIKE:
        return start.with_(transformer_weight=None), None
    if not (choose or start.transformer_weight):
        return start, None
    transformer = learner.learn(held_out.train, start.seen)
    if transformer is None:
        return start.with_(transformer_weight=None), None
    held_out.beside["transformer_weight"] = transformer.logits(held_out.histories)
    search.forget("transformer_weight")
    if not choose:
        return start, transformer
    best = search.climb(_best_weight(search, start, "transformer_weight"), _climbs(start), held)
    without = start.with_(transformer_weight=0.0)
    return (best, transformer) if _worth_it(search, best, without) else (without, None)


def _best_weight(search: Search, start: Settings, name: str) -> Settings:
    """The settings with the best weight of what is new beside them, each tried whatever the budget."""
    return search.best_of([start.with_(**{name: weight}) for weight in POOL_WEIGHTS])


def _climbs(settings: Settings) -> Climbs:
    """What is chosen anew once something more stands beside the regression."""
    twin = TWIN_CLIMBS if settings.twin_weight else ()
    neighbours = NEIGHBOUR_CLIMBS if settings.neighbour_weight else ()
    return *twin, *neighbours, *HABIT_CLIMBS


def _worth_it(search: Search, best: Settings, without: Settings, times: float = WORTH_ANOTHER) -> bool:
    return search.ndcg(best) >= times * search.ndcg(without)
