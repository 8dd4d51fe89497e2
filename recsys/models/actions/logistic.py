"""Ridge-damped logistic regression over sparse features."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

ITERATIONS = 200


class Logistic(NamedTuple):
    """P(y = 1 | x) = 1 / (1 + exp(-(bias + x . weights)))."""

    weights: np.ndarray
    bias: float

    def predict(self, x: sparse.csr_array) -> np.ndarray:
        """(n,) probabilities."""
        return sigmoid(x @ self.weights + self.bias)


def fit_logistic(
    x: sparse.csr_array, y: np.ndarray, penalty: float, start: Logistic | None = None, threads: int = 1
) -> Logistic:
    """Minimise sum of -log P(y | x) + penalty / 2 * |weights|^2 by L-BFGS; the bias is not damped.

    x: (n, width), y: (n,) 0 or 1, start: where to begin. Deterministic.

    >>> x = sparse.csr_array(np.repeat(np.eye(2), 10, axis=0))
    >>> y = np.repeat([0, 1, 0, 1], [8, 2, 2, 8])
    >>> fit_logistic(x, y, penalty=1e-6).predict(x[[0, 10]]).round(2)
    array([0.2, 0.8])
    """
    from scipy.optimize import minimize  # slow to import, and whoever only serves never needs it

    backwards = sparse.csr_array(x.T)

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        weights, logits = point[:-1], x @ point[:-1] + point[-1]
        error = sigmoid(logits) - y
        value = float(np.logaddexp(0, logits).sum() - logits @ y + penalty / 2 * weights @ weights)
        return value, np.append(backwards @ error + penalty * weights, error.sum())

    first = np.append(start.weights, start.bias) if start else np.append(np.zeros(x.shape[1]), log_odds(y.mean()))
    with threadpool_limits(threads, user_api="blas"):
        found = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "ftol": 1e-9})
    return Logistic(found.x[:-1], float(found.x[-1]))


def log_loss(predicted: np.ndarray, y: np.ndarray) -> float:
    """Mean of -log P(y)."""
    sure = np.clip(predicted, 1e-9, 1 - 1e-9)
    return float(-np.where(y > 0, np.log(sure), np.log(1 - sure)).mean())


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * logits))  # exp would overflow far from 0


def log_odds(share: np.ndarray | float) -> np.ndarray:
    """log(p / (1 - p)), p kept away from 0 and 1."""
    share = np.clip(share, 1e-6, 1 - 1e-6)
    return np.log(share / (1 - share))
