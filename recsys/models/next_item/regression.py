"""From the two moments to scores: the exact ridge, for catalogues a Cholesky can hold.

Where a rank is asked for, B is the best one of that rank for the same ridge: with A = G + lambda I, B = A^-1 C V V', V
being the leading eigenvectors of C' A^-1 C (Izenman, J. Multivariate Analysis 5, 1975: reduced-rank regression in the
metric of the inputs' moments).
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import sparse

from recsys.models.next_item.features import Weighted
from recsys.models.next_item.gram import countable, cross, gram, scale_weights
from recsys.models.next_item.lazy import Lazy, Recent
from recsys.models.next_item.memory import refuse_what_cannot_fit
from recsys.models.next_item.settings import CLIMBS, Settings
from recsys.models.next_item.solve import Ridge
from recsys.models.sequences import Sequences

DENSE_ITEMS = 6_000  # two time scales of so many are solved in half a minute on two cores
HELD_OUT_USERS, HELD_OUT_SCORES = 2_500, 30_000_000  # at most, and how many scores of theirs: 120 MB
KEPT_ITEMS = 2_000  # up to here the moments of three settings are kept, a search's best and its two neighbours
SECONDS_A_PAIR, SECONDS_A_FLOP = 1e-8, 1.5e-11  # two ordinary cores of 2026
SPARE, ROUNDS = 16, 4  # of the search for the leading eigenvectors: NDCG within .002 of thirty rounds

Factors = tuple[np.ndarray, np.ndarray]
Coefficients = np.ndarray | Factors | tuple[sparse.csr_array, np.ndarray, np.ndarray]


def product(x: sparse.csr_array, table: Coefficients) -> np.ndarray:
    """x B (n, n_items) float32 for B whole, as two factors, or as a sparse table less two factors."""
    if isinstance(table, np.ndarray):
        return x @ table
    *counted, left, right = table
    shared = (x @ left) @ right
    return (x @ counted[0]).toarray() - shared if counted else shared


def needed_bytes(n_items: int) -> int:
    """Memory that choosing settings takes at most on two time scales.

    That is the moments that are kept, a factor of G and what it solves, a twin and its table, and of held-out users
    what three settings keep, what they predict, and what a twin and neighbours say.
    """
    kept = (4 + 2 + 2) * 3 if n_items <= KEPT_ITEMS else 2 + 2
    scores = min(HELD_OUT_USERS * n_items, HELD_OUT_SCORES)
    return 4 * (n_items**2 * (kept + 4 + 2 + 2 + 2) + scores * (3 * 2 + 3 + 2))


class Regression:
    """B of score = x B for one data set and any settings; what several settings share is counted once.

    B has a row for every item on every time scale.
    """

    climbs = CLIMBS

    def __init__(self, seqs: Sequences) -> None:
        refuse_what_cannot_fit(
            needed_bytes(seqs.n_items),
            f"a next-item model of {seqs.n_items:,} items",
            "train on a larger machine or without the items that hardly anybody touches",
        )
        self.seqs = seqs
        self.small = seqs.n_items <= KEPT_ITEMS
        self.steps, self.crosses = (Recent(3 if self.small else 1) for _ in range(2))
        self.grams = Recent(3)  # of small ones; else G's factor takes its place, as G is soon made again of `steps`
        self.solved, self.bases = Recent(3), Recent(3)

    def coefficients(self, settings: Settings) -> Coefficients:
        """B = (G + lambda I)^-1 C, (scales * n_items, n_items) float32.

        With a rank below n_items, its two factors (scales * n_items, rank) and (rank, n_items) instead.
        """
        solve, cross = self._solve(settings), self._cross(settings)
        if self._limited(settings):
            basis = self._basis(settings)()
            return solve()(cross() @ basis), basis.T.copy()
        return solve()(cross())

    def predict(self, events: Weighted, settings: Settings) -> Lazy[np.ndarray]:
        """x B (n, n_items) float32 without forming B; `events` must be the same at every call but for its weights."""
        solved = self.solved.take(_solve_key(settings), lambda: self._solved(events, settings))
        cross = self._cross(settings)
        if not self._limited(settings):
            return Lazy(lambda: solved().T @ cross())
        basis = self._basis(settings)
        return Lazy(lambda: ((solved().T @ cross()) @ basis()) @ basis().T)

    def cost(self, n: int, settings: Settings) -> float:
        """Seconds that predicting n histories takes on two ordinary cores, by counted work and what is kept."""
        items, rows = self.seqs.n_items, len(settings.decays) * self.seqs.n_items
        lags = int((scale_weights(countable(settings.decays)) > 0).sum())
        counted = lags * (settings.decays not in self.steps)
        if self._differs(settings) and _cross_key(settings) not in self.crosses:
            counted += lags if self.seqs.weights is not None else min(lags, 2 * settings.horizon)
        flops = 2 * n * rows * items
        if _solve_key(settings) not in self.solved:
            flops += rows**3 / 3 + 2 * n * rows**2
        if self._limited(settings) and (*_cross_key(settings), settings.penalty, settings.rank) not in self.bases:
            flops += rows**3 / 3 + 6 * (ROUNDS + 1) * (settings.rank + SPARE) * rows**2
        return self.seqs.n_events * counted * SECONDS_A_PAIR + flops * SECONDS_A_FLOP

    def weights(self, settings: Settings) -> np.ndarray:
        """(scales, length) float32: how B sees a history."""
        return scale_weights(settings.decays, settings.length)

    def touch(self, settings: Settings) -> None:
        """Keep what these settings need longer than what other settings need."""
        self.steps.touch(settings.decays)
        self.grams.touch(_gram_key(settings))
        self.crosses.touch(_cross_key(settings))
        self.solved.touch(_solve_key(settings))

    def _one_step(self, settings: Settings) -> Lazy[np.ndarray]:
        """C of one step ahead, all events alike and nothing reversed."""
        counted = replace(self.seqs, weights=None), settings.decays, np.ones(1)
        return self.steps.take(settings.decays, lambda: Lazy(lambda: cross(*counted)))

    def _gram(self, settings: Settings) -> Lazy[np.ndarray]:
        step = self._one_step(settings)
        made = Lazy(lambda: gram(self.seqs, settings.decays, step(), settings.reverse))
        return self.grams.take(_gram_key(settings), lambda: made) if self.small else made

    def _differs(self, settings: Settings) -> bool:
        """Whether C is another than that of one step."""
        return settings.horizon > 1 or settings.reverse > 0 or self.seqs.weights is not None

    def _cross(self, settings: Settings) -> Lazy[np.ndarray]:
        if not self._differs(settings):
            return self._one_step(settings)
        counted = self.seqs, settings.decays, np.full(settings.horizon, 1 / settings.horizon), settings.reverse
        if self.seqs.weights is not None:
            return self.crosses.take(_cross_key(settings), lambda: Lazy(lambda: cross(*counted)))
        step = self._one_step(settings)
        return self.crosses.take(_cross_key(settings), lambda: Lazy(lambda: cross(*counted, step())))

    def _solve(self, settings: Settings) -> Lazy[Callable[[np.ndarray], np.ndarray]]:
        """A^-1 as a function of right-hand sides (scales * n_items, m)."""
        gram = self._gram(settings)
        return Lazy(lambda: Ridge(gram().copy() if self.small else gram(), settings.penalty).solve)

    def _solved(self, events: Weighted, settings: Settings) -> Lazy[np.ndarray]:
        """A^-1 x', (scales * n_items, n)."""
        solve = self._solve(settings)
        width = len(settings.decays) * self.seqs.n_items
        return Lazy(lambda: solve()(events.table(width).toarray(order="F").T))

    def _limited(self, settings: Settings) -> bool:
        return 0 < settings.rank < self.seqs.n_items

    def _basis(self, settings: Settings) -> Lazy[np.ndarray]:
        """V (n_items, rank) float32, orthonormal."""

        def promise() -> Lazy[np.ndarray]:
            solve, cross = self._solve(settings), self._cross(settings)
            return Lazy(lambda: leading(solve(), cross(), settings.rank))

        return self.bases.take((*_cross_key(settings), settings.penalty, settings.rank), promise)


def leading(solve: Callable[[np.ndarray], np.ndarray], cross: np.ndarray | sparse.csr_array, rank: int) -> np.ndarray:
    """The `rank` leading eigenvectors of C' A^-1 C, (n_items, rank) float32, with A^-1 as the function `solve`.

    By subspace iteration with columns to spare, from a fixed start (Halko et al., SIAM Review 53, 2011).
    """
    n_items = cross.shape[1]
    width = min(n_items, rank + SPARE)
    basis = np.random.default_rng(0).standard_normal((n_items, width)).astype(np.float32)
    for _ in range(ROUNDS):
        basis, _ = np.linalg.qr(cross.T @ solve(cross @ basis))
    values, turned = np.linalg.eigh(basis.T @ (cross.T @ solve(cross @ basis)))
    return basis @ turned[:, np.argsort(-values)[:rank]]


def _gram_key(settings: Settings) -> tuple[tuple[float, ...], float]:
    """What G depends on."""
    return settings.decays, settings.reverse


def _cross_key(settings: Settings) -> tuple[tuple[float, ...], float, int]:
    """What C depends on."""
    return *_gram_key(settings), settings.horizon


def _solve_key(settings: Settings) -> tuple[tuple[float, ...], float, float, int]:
    """What A^-1 x' depends on."""
    return *_gram_key(settings), settings.penalty, settings.length
