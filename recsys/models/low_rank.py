"""Low-rank forms of a similarity that is a sum of B B' over blocks."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

TOLERANCE = 0.01  # of the eigenvalues; exact ones take twice as long and keep no more of the similarity

Block = np.ndarray | sparse.csr_array


def low_rank(blocks: Sequence[Block], rank: int, threads: int = 1) -> np.ndarray:
    """F (n, rank) float32 with F F' the best approximation of that rank to the sum of B B' over `blocks` (n, width).

    By Lanczos iterations from a fixed start, so that the same blocks give the same F. A rank of n or more gives the
    n - 1 largest components; blocks of zeros give zeros.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh  # slow to import, and whoever only serves never needs it

    n = blocks[0].shape[0]
    rank = min(rank, n - 1)
    if rank < 1 or not any(block.count_nonzero() if sparse.issparse(block) else block.any() for block in blocks):
        return np.zeros((n, max(rank, 1)), np.float32)
    product = LinearOperator((n, n), matvec=lambda x: sum(b @ (b.T @ x) for b in blocks), dtype=np.float64)
    with threadpool_limits(threads, user_api="blas"):
        values, vectors = eigsh(product, rank, v0=np.random.default_rng(0).random(n), tol=TOLERANCE)
    return (vectors * np.sqrt(np.maximum(values, 0)))[:, ::-1].astype(np.float32)
