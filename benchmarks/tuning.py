"""What every recommender is given, and how one that has settings chooses them: on training data only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from recsys import metrics
from recsys.models import Sequences
from recsys.models.protocol import Split, leave_last_out, personalize_split, temporal_split
from recsys.models.topk import top_k

DEPTH = 25
CHOSEN_ON = 2_000  # held-out users that settings are chosen on
BATCH_SCORES = 4_000_000  # scores held at once: 16 MB of float32

Histories = Sequence[np.ndarray]
Scores = Callable[[Histories], np.ndarray]
Setting = TypeVar("Setting")


def random_tenth(seqs: Sequences, seed: int) -> Split:
    """Each event is held out with a chance of a tenth: for data in no order."""
    held = np.random.default_rng(seed).random(seqs.n_events) < 0.1
    train, wanted = seqs.keep_events(~held), seqs.keep_events(held)
    tested = np.flatnonzero(wanted.lengths)
    return Split(train, train.select(tested).histories(), wanted.select(tested).histories())


PROTOCOLS: dict[str, Callable[[Sequences, int], Split]] = {
    "personalize": personalize_split,
    "leave-last-out": lambda seqs, seed: leave_last_out(seqs),
    "temporal": lambda seqs, seed: temporal_split(seqs),
    "given": random_tenth,
}


@dataclass(frozen=True)
class Task:
    """One split, one rule about seen items and one number of threads for all models."""

    split: Split
    protocol: str
    drop: bool
    seed: int
    threads: int

    @cached_property
    def inner(self) -> "Task":
        """The same protocol within the training data, at most CHOSEN_ON users tested."""
        split = PROTOCOLS[self.protocol](self.split.train, self.seed)
        n = len(split.targets)
        chosen = np.sort(np.random.default_rng(self.seed).choice(n, min(n, CHOSEN_ON), replace=False))
        histories, targets = ([lists[q] for q in chosen] for lists in (split.histories, split.targets))
        return Task(Split(split.train, histories, targets), self.protocol, self.drop, self.seed, self.threads)

    def lists(self, scores: Scores, histories: Histories) -> np.ndarray:
        """(n, DEPTH) codes by the scores (n, n_items) float of batches of histories, seen items dropped if so ruled.

        An item scored -inf is not recommended: a place left empty is -1.
        """
        rows = max(1, BATCH_SCORES // self.split.train.n_items)
        parts = [self._best(scores, histories[i : i + rows]) for i in range(0, len(histories), rows)]
        return np.concatenate(parts)

    def _best(self, scores: Scores, histories: Histories) -> np.ndarray:
        values = scores(histories)
        if self.drop:
            rows = np.repeat(np.arange(len(histories)), [len(codes) for codes in histories])
            values[rows, np.concatenate(histories)] = -np.inf
        return top_k(values, DEPTH)[0]

    def choose(self, grid: Sequence[Setting], fit: Callable[["Task", Setting], Scores]) -> Setting:
        """The setting of the grid whose fit to the inner training data has the best NDCG@10 on the users held out."""
        inner = self.inner

        def ndcg(setting: Setting) -> float:
            codes = inner.lists(fit(inner, setting), inner.split.histories)
            return float(metrics.ndcg_at(codes, inner.split.targets, 10).mean())

        return max(grid, key=ndcg)
