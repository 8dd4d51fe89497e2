"""What came next at the places in all histories that are most like the end of this one.

    likeness(p) = sum over items shared by the newest AGES events here and those at p, a and b events old, of
                  FADING^(a + b) * exp(-|a - b| / SLACK)
    P(next = j) ~ sum of likeness(p)^4 over places p that j followed, and half of it where j came one later

A nearest-neighbour model of sequences, as V-SKNN is of sessions (Ludewig and Jannach, User Modeling and User-Adapted
Interaction 28, 2018), where all that is linear ends: the fourth power wants several events in common, and roughly in
their order. It is not trained. NDCG@10 of held-out users of MovieLens-1M by it, by the regression with its softmax twin
and by all: .167, .193 and .201. Half the events, half the most, other powers and other fading change the last by .002.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np

from recsys.models.next_item.transitions import by_item
from recsys.models.sequences import Sequences

AGES = 8  # newest events, here and at a place
FADING, SLACK = 0.8, 2.0
MOST = 2_000  # places of an item that are looked at, evenly spaced: half of them are enough, and time has a bound
FOLLOWING = np.array([1, 0.5], np.float32)  # what the next event counts, and the one after: that alone has .199 above
NEVER = np.float32(1e-4)  # chance of what followed nowhere
SECONDS_A_PAIR = 1.5e-8  # two ordinary cores of 2026

_here, _there = np.indices((AGES, AGES))
WEIGHTS = (FADING ** (_here + _there) * np.exp(-np.abs(_here - _there) / SLACK)).astype(np.float32)


class Neighbours:
    """All histories, and where each item is in them.

    codes: (n_events,) int32 items, a user's together and oldest first; after: (n_events,) int32 how many events of the
    same user follow; worth: (n_events,) float32 what being next counts, empty where all count alike.
    """

    def __init__(self, codes: np.ndarray, after: np.ndarray, worth: np.ndarray, n_items: int) -> None:
        self.arrays = {"codes": codes, "after": after, "worth": worth}
        self._known = tuple(_read_only(each) for each in (by_item(codes).astype(np.int32), codes, after, worth))
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=n_items))])
        self._scratch = threading.local()

    @classmethod
    def of(cls, seqs: Sequences) -> Self:
        """Those of all users."""
        after = np.repeat(seqs.lengths, seqs.lengths) - 1 - seqs.positions
        worth = np.empty(0) if seqs.weights is None else seqs.weights
        return cls(seqs.codes.astype(np.int32), after.astype(np.int32), worth.astype(np.float32), seqs.n_items)

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

        events, codes, after, worth = self._known
        if not hasattr(self._scratch, "alike"):
            self._scratch.alike = np.zeros(len(codes), np.float32)
            self._scratch.places = np.empty(min(len(codes), MOST * AGES * AGES), np.int64)
        newest = np.asarray(history[::-1][:AGES], np.int64)
        places = self._scratch.alike, self._scratch.places
        loops.add_votes(newest, WEIGHTS, self._starts, events, codes, after, worth, MOST, FOLLOWING, *places, votes)


def restored(arrays: Mapping[str, np.ndarray], n_items: int) -> Neighbours:
    """What `Neighbours.arrays` came from, ready to answer: numba takes its time over the first question."""
    found = Neighbours(arrays["codes"], arrays["after"], arrays["worth"], n_items)
    found.logarithms([found.arrays["codes"][:1]])
    return found


def _read_only(array: np.ndarray) -> np.ndarray:
    """As it comes from a file: numba compiles a loop for each kind of array."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view
