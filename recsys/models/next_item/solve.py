"""Ridge regression by LAPACK in single precision."""

import numpy as np
from scipy.linalg import blas, lapack

from recsys.errors import ModelError

RESOLVED = 1e-6  # share of the largest diagonal entry below which single precision cannot see a penalty


class Ridge:
    """(G + lambda I)^-1 for one G (n, n) float32 and one lambda, by Cholesky.

    Of G the upper half is read, and the factor takes its place. lambda is at least RESOLVED times the largest entry, so
    that millions of events of one user stay solvable. Raises ModelError where single precision still cannot tell the
    damped matrix from a singular one.
    """

    def __init__(self, gram: np.ndarray, penalty: float) -> None:
        penalty = max(penalty, RESOLVED * float(gram.diagonal().max()))
        gram[np.diag_indices_from(gram)] += penalty
        self.factor, info = lapack.spotrf(gram.T, lower=1, clean=0, overwrite_a=1)
        if info != 0:
            raise ModelError(
                f"the ridge system of {len(gram)} items with penalty {penalty} is not positive definite in single "
                "precision: raise the penalty"
            )

    def solve(self, right: np.ndarray) -> np.ndarray:
        """X (n, m) float32 with (G + lambda I) X = right (n, m); best row by row in memory, as X is.

        X' = right' L'^-1 L^-1, so that nothing is turned around on the way to LAPACK and back.
        """
        half = blas.strsm(1.0, self.factor, right.T, side=1, lower=1, trans_a=1)
        return blas.strsm(1.0, self.factor, half, side=1, lower=1, overwrite_b=1).T
