"""How far apart two distributions of counts are, and how far apart chance alone would have them."""

import numpy as np
from scipy import sparse

SMOOTHING = 0.5  # added to every count: what was seen in one of the two only must not make the index infinite
SAMPLED = 2_000_000  # counts held at once by stability_limit


def population_stability(expected: np.ndarray, found: np.ndarray, smoothing: float = SMOOTHING) -> np.ndarray:
    """Population stability index: sum over levels of (f - e) ln(f / e); 0 where the shares are the same.

    expected: (..., n_levels) counts of the past, found: as many, held against them; e and f are their shares
    after `smoothing` was added to each count. Symmetric: it is Kullback and Leibler's divergence J(1, 2) (Annals of
    Mathematical Statistics 22, 1951). It grows with the number of levels and shrinks with the size of the
    sample: the usual "0.1 is a shift" holds for ten levels and thousands of events only, so compare it with what
    chance gives (Yurdakul and Naranjo, Journal of Risk Model Validation 14(4), 2020).

    >>> population_stability(np.array([50, 50]), np.array([[50, 50], [80, 20]]), smoothing=0).round(4)
    array([0.    , 0.4159])
    """
    e, f = (_shares(np.asarray(counts, np.float64) + smoothing) for counts in (expected, found))
    return ((f - e) * np.log(f / e)).sum(axis=-1)


def stability_limit(blocks: sparse.csr_array, drawn: int, seed: int = 0, samples: int = 300) -> float:
    """The index that a sample drawn from the past, held against the rest of it, stays below 95 times in 100.

    blocks: (n_blocks, n_levels) counts of the past, a row for what must stay together, such as one user's events of a
    week: events of a visit resemble each other, and drawn one by one they would vary too little. Each sample is `drawn`
    different rows, half of all at most. Held against all of the past, itself included, it would look too much alike.

    >>> alike, apart = np.tile([1, 1], (50, 1)), np.repeat([[2, 0], [0, 2]], 25, axis=0)  # the same counts in all
    >>> [round(stability_limit(sparse.csr_array(rows), drawn=20), 2) for rows in (alike, apart)]
    [0.0, 0.25]
    """
    rng, total = np.random.default_rng(seed), blocks.sum(axis=0)
    n_blocks, drawn = blocks.shape[0], min(drawn, max(1, blocks.shape[0] // 2))
    size = max(1, SAMPLED // len(total))
    found = []
    for start in range(0, samples, size):
        draws = range(start, min(start + size, samples))
        rows = np.concatenate([rng.choice(n_blocks, drawn, replace=False, shuffle=False) for _ in draws])
        places = (np.ones(len(rows)), rows, np.arange(0, len(rows) + 1, drawn))
        taken = (sparse.csr_array(places, shape=(len(draws), n_blocks)) @ blocks).toarray()
        found.append(population_stability(total - taken, taken))
    return float(np.quantile(np.concatenate(found), 0.95))


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts / counts.sum(axis=-1, keepdims=True)
