"""The regression of a catalogue too large to be solved: C by the largest entries of each row, G by its spectrum.

    B_ij = ((G + lambda I)^-1 C)_ij / n_j ^ discount        n_j: events of item j

With G = D + P L P', B is a sparse table less a product of two thin factors, and all work is proportional to events.
What P leaves out lets popular items profit from everything that comes before them; dividing by a power of their
popularity makes up for it, as in RP3beta (Paudel et al., ACM TiiS 7(1), 2017). NDCG@10 of the exact ridge, of this and
of the diagonal alone, leave-last-out with ten targets on MovieLens-1M: .153, .151, .124; on Online Retail: .190, .190,
.164. Ridges of each item with its 100 best candidates cost a hundred times as much and had .187 there.
"""

from dataclasses import replace

import numpy as np
from scipy import sparse

from recsys.models.next_item.features import Weighted
from recsys.models.next_item.gram import gram_diagonal, one_scale, scale_weights
from recsys.models.next_item.lazy import Lazy, Recent
from recsys.models.next_item.memory import refuse_what_cannot_fit
from recsys.models.next_item.regression import DENSE_ITEMS, Coefficients, Regression, leading
from recsys.models.next_item.settings import LARGE_CLIMBS, Settings
from recsys.models.next_item.spectrum import ROUNDS, Inverse, Spectrum
from recsys.models.sequences import Sequences
from recsys.models.transitions import PAIR_BYTES, Transitions, needed_bytes

KEPT = 200  # entries of each row: NDCG as with 500
MOST_PAIRS, FEWEST_LAGS = 500_000_000, 10  # event pairs that are counted, and lags that are whatever they take
DIRECTIONS, DAMPING = 32, 300.0  # of what G has beside its diagonal
SPECTRUM_PAIRS = 5_000_000  # pairs of a position and an item before it that the directions are found in
SAMPLED = 2_000_000  # events that are counted to predict held-out users
COUNTING = 4  # threads at most: each holds PAIRS, and memory gives no more of them their work
SECONDS_A_PAIR, SECONDS_A_COMPARISON, SECONDS_A_DIRECTION = 4e-8, 3e-9, 2e-9  # two ordinary cores of 2026


def regression_of(seqs: Sequences, threads: int = 2) -> "Regression | LargeRegression":
    """The exact regression where the catalogue allows it, which uses the threads that BLAS has.

    What events weigh is taken relative to their mean, so that its scores are chances whatever they are counted in.
    Raises ModelError where it would not fit into memory.
    """
    if seqs.weights is not None and (mean := seqs.weights.mean()) > 0:
        seqs = replace(seqs, weights=seqs.weights / mean)
    return Regression(seqs) if seqs.n_items <= DENSE_ITEMS else LargeRegression(seqs, min(threads, COUNTING))


class LargeRegression:
    """`Regression` for any number of items; what several settings share is counted once."""

    climbs = LARGE_CLIMBS

    def __init__(self, seqs: Sequences, threads: int = 2) -> None:
        refuse_what_cannot_fit(
            needed_bytes(seqs.n_events, seqs.n_items, KEPT, threads) + SPECTRUM_PAIRS * PAIR_BYTES,
            f"a next-item model of {seqs.n_events:,} events and {seqs.n_items:,} items",
            "train on a larger machine, on newer events only or without the items that hardly anybody touches",
        )
        self.seqs = seqs
        self.transitions = Transitions(seqs, threads)
        self.popularity = np.maximum(self.transitions.counts, 1).astype(np.float32)
        self.histories, self.spectra, self.rows, self.tables = Recent(3), Recent(3), Recent(3), Recent(1)

    def coefficients(self, settings: Settings) -> Coefficients:
        """B as a sparse table (n_items, n_items) less the product of two factors, (n_items, r) and (r, n_items).

        All are float32. Where a rank is asked for, B itself as the product of two factors.
        """
        return self._coefficients(settings, self._inverse(settings)())

    def _coefficients(self, settings: Settings, inverse: Inverse) -> Coefficients:
        counted = self._by_lag(settings), settings.reverse, self._worth(settings)
        table, product = self.transitions.table(*counted, KEPT, inverse.scaled)
        if 0 < settings.rank < self.seqs.n_items:
            basis = leading(inverse.times, table, settings.rank)
            return inverse.times(table @ basis), basis.T.copy()
        table.data *= np.repeat(inverse.scale, np.diff(table.indptr))
        return table, inverse.scaled @ inverse.inner, np.ascontiguousarray(product)

    def predict(self, events: Weighted, settings: Settings) -> Lazy[np.ndarray]:
        """x B (n, n_items) float32 from the rows of C that `events` ask for, each counted on some of its events.

        `events` must be the same at every call but for its weights.
        """
        if settings.rank:
            factors = self.tables.take(settings, lambda: self._promised(settings))
            return Lazy(lambda: (events.table(self.seqs.n_items) @ factors()[0]) @ factors()[1])
        rows = self.rows.take(_rows_key(settings), lambda: Lazy(lambda: self._sampled_rows(events, settings)))
        inverse, histories = self._inverse(settings), self._histories(settings)
        return Lazy(lambda: self._predicted(events, settings, rows(), inverse(), histories()))

    def _predicted(
        self,
        events: Weighted,
        settings: Settings,
        rows: sparse.csr_array,
        inverse: Inverse,
        histories: sparse.csr_array,
    ) -> np.ndarray:
        items, codes = np.unique(events.codes, return_inverse=True)
        x = sparse.csr_array((events.values, codes, events.offsets), shape=(len(events.offsets) - 1, len(items)))
        product = self._sampled_product(inverse.scaled, histories, settings)
        shared = (x @ inverse.scaled[items]) @ inverse.inner @ product
        x.data = x.data * inverse.scale[events.codes]
        return ((x @ rows).toarray() - shared) * self._worth(settings)

    def cost(self, n: int, settings: Settings) -> float:
        """Seconds that predicting n histories takes on two ordinary cores, by counted work and what is kept."""
        lags, events = len(self._by_lag(settings)), self.seqs.n_events
        pairs = self.transitions.pairs(lags)
        product = min(SPECTRUM_PAIRS, pairs) * DIRECTIONS * SECONDS_A_DIRECTION
        seconds = product
        if _spectrum_key(settings) not in self.spectra:
            seconds += events * lags * SECONDS_A_COMPARISON + 2 * (ROUNDS + 1) * product
        if settings.rank and settings not in self.tables:
            seconds += pairs * SECONDS_A_PAIR
        elif _rows_key(settings) not in self.rows:
            seconds += min(1, SAMPLED / events) * pairs * SECONDS_A_PAIR
        return seconds

    def weights(self, settings: Settings) -> np.ndarray:
        """(1, length) float32: how B sees a history."""
        return _weights(settings)[None]

    def touch(self, settings: Settings) -> None:
        """Keep what these settings need longer than what other settings need."""
        self.spectra.touch(_spectrum_key(settings))
        self.histories.touch((settings.length, settings.decays))
        self.rows.touch(_rows_key(settings))
        self.tables.touch(settings)

    def _promised(self, settings: Settings) -> Lazy[Coefficients]:
        inverse = self._inverse(settings)
        return Lazy(lambda: self._coefficients(settings, inverse()))

    def _sampled_rows(self, events: Weighted, settings: Settings) -> sparse.csr_array:
        """C of the items that `events` ask for, in their order, each from some of its events."""
        items = np.unique(events.codes)
        most = max(1, SAMPLED // max(1, len(items)))
        return self.transitions.rows(items, self._by_lag(settings), settings.reverse, most)

    def _sampled_product(self, left: np.ndarray, x: sparse.csr_array, settings: Settings) -> np.ndarray:
        """left' C (r, n_items) for left (n_items, r), from some positions, x their histories."""
        y = self.transitions.targets(self._positions(settings), _targets(settings))
        product = y.T @ (x @ left)
        if settings.reverse:
            product += np.float32(settings.reverse) * (x.T @ (y @ left))
        return product.T / np.float32(self._share(settings))

    def _by_lag(self, settings: Settings) -> np.ndarray:
        """Weights of the distances in C. Those beyond MOST_PAIRS / n_events, the lightest, are left out."""
        lags = max(FEWEST_LAGS, MOST_PAIRS // self.seqs.n_events)
        return np.convolve(_weights(settings), _targets(settings))[:lags]

    def _inverse(self, settings: Settings) -> Lazy[Inverse]:
        """(G + lambda I)^-1."""
        spectrum = self.spectra.take(_spectrum_key(settings), lambda: self._spectrum(settings))
        return Lazy(lambda: spectrum().inverse(settings.penalty))

    def _spectrum(self, settings: Settings) -> Lazy[Spectrum]:
        histories = self._histories(settings)
        return Lazy(lambda: self._found(histories(), settings))

    def _found(self, histories: sparse.csr_array, settings: Settings) -> Spectrum:
        diagonal = gram_diagonal(self.seqs, self._past_weights(settings), settings.reverse)
        share = self._share(settings) / (1 + settings.reverse)  # read backwards, much the same items stand together
        return Spectrum.of(diagonal, histories, share, DIRECTIONS, DAMPING)

    def _histories(self, settings: Settings) -> Lazy[sparse.csr_array]:
        """x of some positions, (n, n_items) float32."""
        make = self.transitions.histories
        made = Lazy(lambda: make(self._positions(settings), self._past_weights(settings)))
        return self.histories.take((settings.length, settings.decays), lambda: made)

    def _positions(self, settings: Settings) -> np.ndarray:
        """Every so many-th event, so that there are no more than SPECTRUM_PAIRS pairs."""
        pairs = self.transitions.pairs(len(self._past_weights(settings)))
        return np.arange(0, self.seqs.n_events, max(1, -(-pairs // SPECTRUM_PAIRS)))

    def _share(self, settings: Settings) -> float:
        return len(self._positions(settings)) / self.seqs.n_events

    def _past_weights(self, settings: Settings) -> np.ndarray:
        return _weights(settings)[: len(self._by_lag(settings))]

    def _worth(self, settings: Settings) -> np.ndarray:
        return self.popularity ** np.float32(-settings.discount)


def _weights(settings: Settings) -> np.ndarray:
    return one_scale(scale_weights(settings.decays, settings.length))[0]


def _targets(settings: Settings) -> np.ndarray:
    return np.full(settings.horizon, 1 / settings.horizon, np.float32)


def _spectrum_key(settings: Settings) -> tuple[int, tuple[float, ...], float]:
    """What the diagonal of G depends on."""
    return settings.length, settings.decays, settings.reverse


def _rows_key(settings: Settings) -> tuple[int, tuple[float, ...], float, int]:
    """What C depends on."""
    return *_spectrum_key(settings), settings.horizon
