"""The counted moments equal the sums they stand for."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recsys.models import Sequences
from recsys.models.next_item import loops
from recsys.models.next_item.gram import cross, gram, gram_diagonal, scale_weights
from recsys.models.next_item.solve import Ridge

TARGETS = np.array([1, 0.5, 0.25])


@pytest.fixture
def seqs() -> Sequences:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"USER_ID": rng.integers(0, 6, 90), "ITEM_ID": rng.integers(0, 7, 90), "TIMESTAMP": range(90)})
    return Sequences.from_interactions(frame)


def by_definition(
    seqs: Sequences, weights: np.ndarray, targets: np.ndarray, reverse: float
) -> tuple[np.ndarray, np.ndarray]:
    """G and C position by position: x = the history on every scale, y = weighted targets."""
    scales, n = len(weights), seqs.n_items
    g, c = np.zeros((scales * n, scales * n)), np.zeros((scales * n, n))
    worth = np.ones(seqs.n_events) if seqs.weights is None else seqs.weights
    for history, each in zip(seqs.histories(), np.split(worth, seqs.offsets[1:-1]), strict=True):
        for walk, heavy, importance in ((history, each, 1.0), (history[::-1], each[::-1], reverse)):
            for at in range(1, len(walk)):
                x, y = np.zeros((scales, n)), np.zeros(n)
                for scale, own in zip(x, weights, strict=True):
                    past = walk[:at][::-1][: len(own)]
                    np.add.at(scale, past, own[: len(past)])
                ahead = walk[at:][: len(targets)]
                np.add.at(y, ahead, targets[: len(ahead)] * heavy[at:][: len(targets)])
                g += importance * np.outer(x, x)
                c += importance * np.outer(x, y)
    return g, c


def moments(seqs: Sequences, decays: tuple[float, ...], reverse: float) -> tuple[np.ndarray, np.ndarray]:
    one_step = cross(replace(seqs, weights=None), decays, np.ones(1))
    return gram(seqs, decays, one_step, reverse), cross(seqs, decays, TARGETS, reverse)


@pytest.mark.parametrize("reverse", [0.0, 0.5])
@pytest.mark.parametrize("decays", [(0.0,), (0.3,), (0.5, 0.0), (0.2, 0.6, 0.4)])
@pytest.mark.parametrize("weighted", [False, True])
def test_counting_pairs_equals_the_sum_over_positions(seqs, decays, reverse, weighted):
    if weighted:
        seqs = replace(seqs, weights=np.random.default_rng(1).random(seqs.n_events).astype(np.float32))
    g, c = by_definition(seqs, np.power.outer(decays, np.arange(90)), TARGETS, reverse)
    found = moments(seqs, decays, reverse)
    np.testing.assert_allclose(np.triu(found[0]), np.triu(g), atol=1e-3 * g.max())  # what is forgotten
    np.testing.assert_allclose(found[1], c, atol=1e-3 * g.max())


@pytest.mark.parametrize("reverse", [0.0, 0.5])
@pytest.mark.parametrize("decays", [(0.0,), (0.5, 0.0), (0.2, 0.6, 0.9)])
@pytest.mark.parametrize("steps", [1, 3, 20])
def test_more_steps_counted_from_one_step_are_the_same_numbers(seqs, decays, reverse, steps):
    targets = np.full(steps, 1 / steps)
    from_one = cross(seqs, decays, targets, reverse, cross(seqs, decays, np.ones(1)))
    np.testing.assert_allclose(from_one, cross(seqs, decays, targets, reverse), atol=1e-4)


def test_what_is_small_is_added_to_what_is_large():
    """A single item 100,000 times: its sum is of 3.4 million terms, most of them a thousandth of it or less."""
    events, weights = 100_000, scale_weights((0.98,))[0].astype(float)
    one = np.zeros(events, np.int32)
    seqs = Sequences(np.array(["u"], object), np.array(["i"], object), np.array([0, events]), one, np.arange(events))
    exact = (weights * (events - np.arange(1, len(weights) + 1))).sum()
    assert cross(seqs, (0.98,), np.ones(1))[0, 0] == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("reverse", [0.0, 0.5])
@pytest.mark.parametrize("length", [1, 10, 90])
def test_the_diagonal_alone_is_the_same_numbers(seqs, length, reverse):
    weights = scale_weights((0.6,), length)
    expected = by_definition(seqs, weights, TARGETS, reverse)[0].diagonal()
    np.testing.assert_allclose(gram_diagonal(seqs, weights[0], reverse), expected, rtol=1e-5)


def test_a_scale_ends_where_an_event_no_longer_counts():
    assert scale_weights((0.1,)).shape == (1, 4)
    assert scale_weights((0.0,)).tolist() == [[1.0]]


def test_ridge_solves_the_damped_system(seqs):
    g, right = moments(seqs, (0.5,), 0.0)[0], np.eye(seqs.n_items, dtype=np.float32)
    damped = np.triu(g) + np.triu(g, 1).T + 3 * np.eye(len(g))
    np.testing.assert_allclose(damped @ Ridge(g, 3.0).solve(right), right, atol=1e-5)


@pytest.mark.parametrize("upper", [False, True])
def test_tables_and_their_transposes_are_added_tile_by_tile(upper):
    first, second, out = np.random.default_rng(0).standard_normal((3, 1100, 1100)).astype(np.float32)
    expected = out + 0.5 * first + 0.25 * second + 2 * first.T + 3 * second.T
    loops.add_both_ways(first, second, (0.5, 0.25), (2.0, 3.0), upper, out)
    half = np.triu if upper else np.asarray
    np.testing.assert_allclose(half(out), half(expected), atol=1e-4)
