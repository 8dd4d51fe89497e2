"""The regression of a catalogue too large to be solved: G by its diagonal, C as the largest entries of each row.

    B_ij = C_ij / (g_ii + lambda) / n_j ^ discount        n_j: events of item j

The diagonal alone would let popular items profit from everything that comes before them, since no other item takes its
part of the credit; dividing by their popularity is what RP3beta does to transition probabilities for the same reason
(Paudel et al., ACM TiiS 7(1), 2017). NDCG@10 of the exact ridge, of this, of the diagonal without a discount and of
ridges of each item with its 200 best candidates: MovieLens-1M .168, .170, .165, .163; Online Retail .186, .184, .166,
.184. Work is proportional to events, and none of it to pairs of items.
"""

import numpy as np
from scipy import sparse

from recsys.models.next_item.features import Weighted
from recsys.models.next_item.gram import gram_diagonal, history_weights
from recsys.models.next_item.memory import refuse_what_cannot_fit
from recsys.models.next_item.regression import DENSE_ITEMS, Coefficients, Recent, Regression, leading
from recsys.models.next_item.settings import LARGE_CLIMBS, Settings
from recsys.models.next_item.transitions import Transitions, needed_bytes
from recsys.models.sequences import Sequences

KEPT = 200  # entries of each row: NDCG as with 500
MOST_PAIRS, FEWEST_LAGS = 500_000_000, 10  # event pairs that are counted, and lags that are whatever they take
SAMPLED = 2_000_000  # events that are counted to predict held-out users
SECONDS_A_PAIR, SECONDS_A_COMPARISON = 4e-8, 3e-9  # two ordinary cores of 2026


def regression_of(seqs: Sequences) -> "Regression | LargeRegression":
    """The exact regression where the catalogue allows it.

    Raises ModelError where it would not fit into memory.
    """
    return Regression(seqs) if seqs.n_items <= DENSE_ITEMS else LargeRegression(seqs)


class LargeRegression:
    """`Regression` for any number of items; what several settings share is counted once."""

    climbs = LARGE_CLIMBS

    def __init__(self, seqs: Sequences) -> None:
        refuse_what_cannot_fit(
            needed_bytes(seqs.n_events, seqs.n_items, KEPT),
            f"a next-item model of {seqs.n_events:,} events and {seqs.n_items:,} items",
            "train on a larger machine, on newer events only or without the items that hardly anybody touches",
        )
        self.seqs = seqs
        self.transitions = Transitions(seqs)
        self.popularity = np.maximum(self.transitions.counts, 1).astype(np.float32)
        self.diagonals, self.sampled, self.tables = Recent(3), Recent(3), Recent(1)

    def coefficients(self, settings: Settings) -> Coefficients:
        """B as a sparse table (n_items, n_items) float32, or its two factors where a rank is asked for."""
        scale = self._scale(settings)
        table = self.transitions.table(self._by_lag(settings), settings.reverse, self._worth(settings), KEPT)
        if 0 < settings.rank < self.seqs.n_items:
            basis = leading(lambda right: scale[:, None] * right, table, settings.rank)
            return scale[:, None] * (table @ basis), basis.T.copy()
        table.data *= np.repeat(scale, np.diff(table.indptr))
        return table

    def predict(self, events: Weighted, settings: Settings) -> np.ndarray:
        """x B (n, n_items) float32 from the rows of C that `events` ask for, each counted on some of its events.

        `events` must be the same at every call but for its weights.
        """
        if settings.rank:
            left, right = self.tables.take(settings, lambda: self.coefficients(settings))
            return (events.table(self.seqs.n_items) @ left) @ right
        items, codes = np.unique(events.codes, return_inverse=True)
        rows = self.sampled.take(_aimed(settings), lambda: self._sample(items, settings))
        values = events.values * self._scale(settings)[events.codes]
        x = sparse.csr_array((values, codes, events.offsets), shape=(len(events.offsets) - 1, len(items)))
        return (x @ rows).toarray() * self._worth(settings)

    def cost(self, n: int, settings: Settings) -> float:
        """Seconds that predicting n histories takes on two ordinary cores, by counted work and what is kept."""
        lags, events = len(self._by_lag(settings)), self.seqs.n_events
        whole = 0 < settings.rank < self.seqs.n_items
        seconds = 0.0
        if _past(settings) not in self.diagonals:
            seconds += events * lags * SECONDS_A_COMPARISON
        if (settings not in self.tables) if whole else (_aimed(settings) not in self.sampled):
            seconds += (events if whole else min(events, SAMPLED)) * lags * SECONDS_A_PAIR
        return seconds

    def touch(self, settings: Settings) -> None:
        """Keep what these settings need longer than what other settings need."""
        self.diagonals.touch(_past(settings))
        self.sampled.touch(_aimed(settings))
        self.tables.touch(settings)

    def _sample(self, items: np.ndarray, settings: Settings) -> sparse.csr_array:
        most = max(1, SAMPLED // max(1, len(items)))
        return self.transitions.rows(items, self._by_lag(settings), settings.reverse, most)

    def _by_lag(self, settings: Settings) -> np.ndarray:
        """Weights of the distances in C. Those beyond MOST_PAIRS / n_events, the lightest, are left out."""
        targets = np.full(settings.horizon, 1 / settings.horizon)
        lags = max(FEWEST_LAGS, MOST_PAIRS // self.seqs.n_events)
        return np.convolve(_weights(settings).astype(np.float64), targets).astype(np.float32)[:lags]

    def _scale(self, settings: Settings) -> np.ndarray:
        """1 / (g_ii + lambda), (n_items,) float32."""
        lags = len(self._by_lag(settings))
        diagonal = self.diagonals.take(
            _past(settings), lambda: gram_diagonal(self.seqs, _weights(settings)[:lags], settings.reverse)
        )
        return 1 / (diagonal + np.float32(settings.penalty))

    def _worth(self, settings: Settings) -> np.ndarray:
        return self.popularity ** np.float32(-settings.discount)


def _weights(settings: Settings) -> np.ndarray:
    return history_weights(settings.length, settings.decay)


def _past(settings: Settings) -> tuple[int, float, float]:
    """What the diagonal of G depends on."""
    return settings.length, settings.decay, settings.reverse


def _aimed(settings: Settings) -> tuple[int, float, float, int]:
    """What C depends on."""
    return *_past(settings), settings.horizon
