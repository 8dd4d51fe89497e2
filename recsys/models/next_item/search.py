"""The search for settings: a climb that counts its work."""

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from recsys.errors import ModelError
from recsys.models.next_item.held_out import HeldOut
from recsys.models.next_item.settings import BESIDE, LIGHT, Climbs, Settings, grid_step, without_effect

OnTrial = Callable[[dict[str, Any]], None]
Candidates = Sequence[Mapping[str, Any]]

SMALL_CHANGE = 0.01  # of the budget: a trial that costs less is made even when nothing is left


class Search:
    """A climb over the settings, one at a time, that counts its work against a budget.

    A trial tells its settings, on how many items and users they were tried, the NDCG@10 and the seconds it took.

    measured: the first trials of the same search, made before it was cut short. They are taken in their order, as what
    is tried next follows from what was found; the work they took is counted as if it were done again.
    """

    def __init__(
        self, held_out: HeldOut, report: OnTrial, budget: float, measured: Sequence[dict[str, Any]] = ()
    ) -> None:
        self._measured = deque(measured)
        self.held_out, self.report, self.left, self.small_change = held_out, report, budget, SMALL_CHANGE * budget
        self.trials: list[dict[str, Any]] = []
        self._known: dict[Settings, float] = {}

    def among(self, candidates: Candidates) -> Settings:
        """A climb with the first candidate's settings held; then the best candidate beside what was found.

        Where there are many items the climb is made on the most frequent ones, and what needs no other regression is
        chosen anew on all.
        """
        first = candidates[0]
        start, climbs = self.held_out.start.with_(**first), self.held_out.climbs
        if drafted := self._climb_on_frequent_items(start, climbs, first):
            start, climbs = drafted, tuple((name, grid) for name, grid in climbs if name in BESIDE)
            self.best_of([start])
        best = self.climb(start, climbs, held=first)
        return self.best_of([best.with_(**candidate) for candidate in candidates])

    def _climb_on_frequent_items(self, start: Settings, climbs: Climbs, held: Collection[str]) -> Settings | None:
        """What a climb on the most frequent items finds; None where there are not many."""
        whole, draft = self.held_out, self.held_out.draft()
        if draft is None:
            return None
        self.held_out = draft
        found = self.climb(start, climbs, held)
        self.held_out, self._known = whole, {}
        return found

    def best_of(self, rivals: Sequence[Settings]) -> Settings:
        """The best of them, each tried whatever the budget; of equal ones the first."""
        for rival in rivals:
            if rival not in self._known:
                self._known[rival] = self._score_of(rival)
        return max(rivals, key=self.ndcg)

    def climb(self, start: Settings, climbs: Climbs, held: Collection[str] = ()) -> Settings:
        """From `start`, each setting that is not held is moved up or down its grid for as long as that helps.

        Of those that cost next to nothing the whole grid is tried: a climb stops at the first step that chance speaks
        against.
        """
        best, free = start, [(name, grid) for name, grid in climbs if name not in held]
        if free:
            self.ndcg(start)  # first, so that a budget too small for a search still measures where it stands
        for name, grid in free:
            self.held_out.touch(best)
            best = self._along(name, grid, best)
        return best

    def forget(self, name: str) -> None:
        """What this setting weighs has changed: what was tried with it may be tried again."""
        self._known = {settings: ndcg for settings, ndcg in self._known.items() if not getattr(settings, name)}

    def _along(self, name: str, grid: tuple, best: Settings) -> Settings:
        if without_effect(name, best):
            return best
        if name in LIGHT:
            return max([best, *(best.with_(**{name: value}) for value in grid)], key=self.ndcg)
        start = best
        for step in (1, -1):
            while (further := grid_step(name, grid, best, step)) and self.ndcg(further) > self.ndcg(best):
                best = further
            if best != start:
                break
        return best

    def ndcg(self, settings: Settings) -> float:
        """NDCG@10 of these settings, tried once; below any other where the budget does not allow the trial."""
        if settings not in self._known:
            cost = self.held_out.cost(settings)
            if cost > max(self.left, self.small_change) and self.trials:
                return -1.0
            self.left -= cost
            self._known[settings] = self._score_of(settings)
        return self._known[settings]

    def _score_of(self, settings: Settings) -> float:
        trial = self._replayed_trial(settings) if self._measured else self._run_trial(settings)
        self.trials.append(trial)
        return trial["ndcg"]

    def _replayed_trial(self, settings: Settings) -> dict[str, Any]:
        trial = self._measured.popleft()
        if trial["settings"] != settings.as_dict() or trial["items"] != self.held_out.n_items:
            raise ModelError(
                f"trial {len(self.trials) + 1} is of {settings.as_dict()} with {self.held_out.n_items:,} items, and "
                f"{trial['settings']} with {trial['items']:,} was measured: these trials are of another search; "
                "leave them out"
            )
        self.held_out.skip(settings)
        return trial

    def _run_trial(self, settings: Settings) -> dict[str, Any]:
        start = time.perf_counter()
        tried_on = {"items": self.held_out.n_items, "users": len(self.held_out.histories)}
        found = {"ndcg": self.held_out.ndcg(settings), "seconds": round(time.perf_counter() - start, 3)}
        trial = {"settings": settings.as_dict(), **tried_on, **found}
        self.report(trial)
        return trial
