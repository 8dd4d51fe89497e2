"""The k best, the same every time."""

import numpy as np
import pytest

from recsys.models.topk import top_k


def test_best_first():
    codes, scores = top_k(np.array([[0.1, 0.9, 0.5], [3.0, 1.0, 2.0]]), 2)
    assert codes.tolist() == [[1, 2], [0, 2]] and scores.tolist() == [[0.9, 0.5], [3.0, 2.0]]


def test_ties_go_to_the_lower_code_also_at_the_edge():
    assert top_k(np.zeros((1, 100)), 4)[0].tolist() == [[0, 1, 2, 3]]
    assert top_k(np.array([[1.0, 2, 1, 2, 1]]), 3)[0].tolist() == [[1, 3, 0]]


def test_more_than_there_is_gives_all():
    assert top_k(np.array([[1.0, 2.0]]), 9)[0].tolist() == [[1, 0]]


@pytest.mark.parametrize("k", [1, 7, 25])
def test_it_equals_a_stable_sort(k):
    scores = np.random.default_rng(0).integers(0, 9, (50, 40)).astype(np.float32)
    np.testing.assert_array_equal(top_k(scores, k)[0], np.argsort(-scores, axis=1, kind="stable")[:, :k])
