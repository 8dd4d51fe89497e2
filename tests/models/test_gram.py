"""The counted moments equal the sums they stand for."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recsys.models import Sequences
from recsys.models.next_item.gram import cross, gram, gram_diagonal, history_weights
from recsys.models.next_item.solve import Ridge

TARGETS = np.array([1, 0.5, 0.25])


@pytest.fixture
def seqs() -> Sequences:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"USER_ID": rng.integers(0, 6, 90), "ITEM_ID": rng.integers(0, 7, 90), "TIMESTAMP": range(90)})
    return Sequences.from_interactions(frame)


def by_definition(seqs: Sequences, weights: np.ndarray, reverse: float) -> tuple[np.ndarray, np.ndarray]:
    """G and C position by position: x = decayed history, y = weighted targets."""
    g, c = np.zeros((2, seqs.n_items, seqs.n_items))
    worth = np.ones(seqs.n_events) if seqs.weights is None else seqs.weights
    for history, each in zip(seqs.histories(), np.split(worth, seqs.offsets[1:-1]), strict=True):
        for walk, heavy, importance in ((history, each, 1.0), (history[::-1], each[::-1], reverse)):
            for at in range(1, len(walk)):
                x, y = np.zeros((2, seqs.n_items))
                np.add.at(x, walk[:at][::-1][: len(weights)], weights[:at])
                left = len(walk) - at
                np.add.at(y, walk[at:][: len(TARGETS)], TARGETS[:left] * heavy[at:][: len(TARGETS)])
                g += importance * np.outer(x, x)
                c += importance * np.outer(x, y)
    return g, c


@pytest.mark.parametrize("reverse", [0.0, 0.5])
@pytest.mark.parametrize("length", [1, 4, 40])
def test_counting_pairs_equals_the_sum_over_positions(seqs, length, reverse):
    weights = history_weights(length, 0.7)
    g, c = by_definition(seqs, weights, reverse)
    np.testing.assert_allclose(gram(seqs, weights, reverse), g, rtol=1e-5)
    np.testing.assert_allclose(cross(seqs, weights, TARGETS, reverse), c, rtol=1e-5)


@pytest.mark.parametrize("reverse", [0.0, 0.5])
def test_an_event_counts_as_a_target_as_much_as_it_weighs(seqs, reverse):
    weighted = replace(seqs, weights=np.random.default_rng(1).random(seqs.n_events).astype(np.float32))
    weights = history_weights(4, 0.7)
    g, c = by_definition(weighted, weights, reverse)
    np.testing.assert_allclose(gram(weighted, weights, reverse), g, rtol=1e-5)
    np.testing.assert_allclose(cross(weighted, weights, TARGETS, reverse), c, rtol=1e-5)


@pytest.mark.parametrize("reverse", [0.0, 0.5])
@pytest.mark.parametrize("length", [1, 10, 200])
def test_the_diagonal_alone_is_the_same_numbers(seqs, length, reverse):
    weights = history_weights(length, 1.0)
    expected = gram(seqs, weights, reverse).diagonal()
    np.testing.assert_allclose(gram_diagonal(seqs, weights, reverse), expected, rtol=1e-5)


def test_ridge_solves_the_damped_system(seqs):
    g, right = gram(seqs, history_weights(5, 1.0)), np.eye(seqs.n_items, dtype=np.float32)
    solution = Ridge(g, 3.0).solve(right)
    np.testing.assert_allclose((g + 3 * np.eye(len(g))) @ solution, right, atol=1e-5)
