"""G + lambda I where G is too large to be held: its diagonal and a few leading directions of the rest.

    G ~ D + P L P'        (G + lambda I)^-1 ~ E - F K F'        E = (D + lambda)^-1, F = E P, K = (I + L P' F)^-1 L

The last is Woodbury's identity. P holds what many items have in common, first of all that popular items come before
everything; without it each of them would be credited with all that follows. Its directions are those of a sample.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

ROUNDS = 2  # of the search for the leading directions


@dataclass(frozen=True)
class Spectrum:
    """G of one data set: `diagonal` (n_items,), P as `directions` (n_items, r), L as `values` (r,); all float32."""

    diagonal: np.ndarray
    directions: np.ndarray
    values: np.ndarray

    @classmethod
    def of(
        cls, diagonal: np.ndarray, histories: sparse.csr_array, share: float, rank: int, damping: float
    ) -> "Spectrum":
        """From the decayed histories (n, n_items) of a `share` of all events, an item once in each.

        The directions lead in the metric of D + damping, so that what is seen once does not count as shared. By
        subspace iteration from a fixed start (Halko et al., SIAM Review 53, 2011).
        """
        root = np.sqrt(diagonal + np.float32(damping))[:, None]
        own = np.bincount(histories.indices, histories.data**2, len(diagonal)).astype(np.float32)[:, None]

        def rest(block: np.ndarray) -> np.ndarray:
            """(D + damping)^-1/2 (G - D) (D + damping)^-1/2 times a block (n_items, r)."""
            block = block / root
            return (histories.T @ (histories @ block) - own * block) / root / np.float32(share)

        rank = min(rank, len(diagonal))
        basis = np.random.default_rng(0).standard_normal((len(diagonal), rank)).astype(np.float32)
        for _ in range(ROUNDS):
            basis, _ = np.linalg.qr(rest(basis))
        values, turned = np.linalg.eigh(basis.T @ rest(basis))
        return cls(diagonal, root * (basis @ turned), np.maximum(values, 0))

    def inverse(self, penalty: float) -> "Inverse":
        """(G + penalty I)^-1."""
        scale = 1 / (self.diagonal + np.float32(penalty))
        scaled = scale[:, None] * self.directions
        inner = np.eye(len(self.values)) + self.values[:, None] * (self.directions.T @ scaled)
        return Inverse(scale, scaled, np.linalg.solve(inner, np.diag(self.values)).astype(np.float32))


@dataclass(frozen=True)
class Inverse:
    """E - F K F', with E as `scale` (n_items,), F as `scaled` (n_items, r) and K as `inner` (r, r); all float32."""

    scale: np.ndarray
    scaled: np.ndarray
    inner: np.ndarray

    def times(self, right: np.ndarray) -> np.ndarray:
        """(n_items, m) for right (n_items, m)."""
        return self.scale[:, None] * right - self.scaled @ (self.inner @ (self.scaled.T @ right))
