"""What came next at the places in all histories that are most like the end of this one.

    likeness(p) = sum over items shared by the newest AGES events here and those at p, a and b events old, of
                  FADING^(a + b) * exp(-|a - b| / SLACK)
    P(next = j) ~ sum of likeness(p)^4 over places p that j followed, and half of it where j came one later

A nearest-neighbour model of sequences, as V-SKNN is of sessions (Ludewig and Jannach, User Modeling and User-Adapted
Interaction 28, 2018), where all that is linear ends: the fourth power wants several events in common, and roughly in
their order. It is not trained. NDCG@10 of held-out users of MovieLens-1M by it, by the regression with its softmax twin
and by all: .167, .193 and .201. Half the events, half the most, other powers and other fading change the last by .002.
"""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np

from recsys.models.next_item.features import read_only
from recsys.models.sequences import Sequences
from recsys.models.transitions import events_by_item

AGES = 8  # newest events, here and at a place
FADING, SLACK = 0.8, 2.0
MOST = 2_000  # places of an item that are looked at, evenly spaced: half of them are enough, and time has a bound
FOLLOWING = np.array([1, 0.5], np.float32)  # what the next event counts, and the one after: that alone has .199 above
NEVER = np.float32(1e-4)  # chance of what followed nowhere
SECONDS_A_PAIR = 2.5e-8  # two ordinary cores of 2026, of histories that no cache holds

_here, _there = np.indices((AGES, AGES))
WEIGHTS = (FADING ** (_here + _there) * np.exp(-np.abs(_here - _there) / SLACK)).astype(np.float32)


class Neighbours:
    """All histories, and where each item is in them.

    codes: (n_events,) int32 items, a user's together and oldest first; after: (n_events,) int32 how many events of the
    same user follow; worth: (n_events,) float32 what being next counts, empty where all count alike; by_item:
    (n_events,) int32 the places of each item, items in the order of their codes.
    """

    def __init__(
        self, codes: np.ndarray, after: np.ndarray, worth: np.ndarray, by_item: np.ndarray, n_items: int
    ) -> None:
        self.arrays = {"codes": codes, "after": after, "worth": worth, "by_item": by_item}
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=n_items))])
        self._known = tuple(map(read_only, (self._starts, by_item, codes, after, worth)))
        self._spare: list[tuple[np.ndarray, np.ndarray]] = []  # room to count in, for as many as ask at a time

    @classmethod
    def of(cls, seqs: Sequences) -> Self:
        """Those of all users."""
        after = (np.repeat(seqs.lengths, seqs.lengths) - 1 - seqs.positions).astype(np.int32)
        worth = np.empty(0, np.float32) if seqs.weights is None else seqs.weights.astype(np.float32)
        return cls(seqs.codes.astype(np.int32), after, worth, _by_item(seqs.codes), seqs.n_items)

    @classmethod
    def restored(cls, arrays: Mapping[str, np.ndarray], n_items: int) -> Self:
        """What `arrays` came from, ready to answer: numba takes its time over the first question."""
        found = cls(**arrays, n_items=n_items)
        found.logarithms([found.arrays["codes"][:1]])
        return found

    def keep_events(self, mask: np.ndarray) -> Self:
        """Only the events where `mask` (n_events,) is true, which are all of a user's or none."""
        codes, worth = self.arrays["codes"][mask], self.arrays["worth"]
        worth = worth[mask] if len(worth) else worth
        return type(self)(codes, self.arrays["after"][mask], worth, _by_item(codes), len(self._starts) - 1)

    def logarithms(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        """(n, n_items) float32: log(P(next) + NEVER), the same for all items after a history like no other."""
        votes = np.zeros((len(histories), len(self._starts) - 1), np.float32)
        for history, row in zip(histories, votes, strict=True):
            self._add_votes(history, row)
        votes /= np.maximum(votes.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        votes += NEVER
        return np.log(votes, out=votes)

    def cost(self, histories: Sequence[np.ndarray]) -> float:
        """Seconds on two ordinary cores, by counted work."""
        counts = np.minimum(np.diff(self._starts), MOST)
        return float(sum(counts[history[-AGES:]].sum() for history in histories)) * AGES * SECONDS_A_PAIR

    def _add_votes(self, history: np.ndarray, votes: np.ndarray) -> None:
        from recsys.models.next_item import loops  # slow to import, and whoever has no neighbours never needs it

        newest = np.array(history[::-1][:AGES], np.int64)  # of one kind whatever it was: numba compiles for each kind
        try:
            room = self._spare.pop()
        except IndexError:  # all are in use
            room = self._room()
        loops.add_votes(newest, WEIGHTS, *self._known, MOST, FOLLOWING, *room, votes)
        self._spare.append(room)

    def _room(self) -> tuple[np.ndarray, np.ndarray]:
        events = len(self.arrays["codes"])
        return np.zeros(events, np.float32), np.empty(min(events, MOST * AGES * AGES), np.int64)


def _by_item(codes: np.ndarray) -> np.ndarray:
    return events_by_item(codes).astype(np.int32)
