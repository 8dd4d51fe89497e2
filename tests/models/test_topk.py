"""The k best, the same every time."""

import numpy as np
import pytest
from scipy import sparse

from recsys.errors import ModelError
from recsys.models.topk import largest_of_each_row, top, top_k

K = [1, 7, 25, 100, 999, 1000, 2000]


def sorted_codes(scores: np.ndarray, k: int) -> list[int]:
    """What a stable sort of those with a score says."""
    order = np.argsort(-scores, kind="stable")
    return order[scores[order] > -np.inf][:k].tolist()


def drawn(kind: str, rows: int = 5, n: int = 1000) -> np.ndarray:
    """(rows, n) float32 of one kind."""
    rng = np.random.default_rng(3)
    scores = rng.standard_normal((rows, n)).astype(np.float32)
    return {
        "distinct": scores,
        "rising": np.sort(scores, axis=1),
        "few levels": np.round(scores),
        "zeros with exceptions": np.where(rng.random((rows, n)) < 0.02, scores, np.float32(0)),
        "all alike": np.zeros_like(scores),
        "few with a score": np.where(rng.random((rows, n)) < 0.01, scores, np.float32(-np.inf)),
        "none with a score": np.full_like(scores, -np.inf),
        "the lowest number": np.full_like(scores, np.finfo(np.float32).min),
        "infinite": np.where(scores > 1, np.float32(np.inf), scores),
    }[kind]


KINDS = ["distinct", "rising", "few levels", "zeros with exceptions", "all alike", "few with a score"]
KINDS += ["none with a score", "the lowest number", "infinite"]


def test_codes_are_ordered_by_falling_score():
    codes, scores = top_k(np.array([[0.1, 0.9, 0.5], [3.0, 1.0, 2.0]]), 2)
    assert codes.tolist() == [[1, 2], [0, 2]] and scores.tolist() == [[0.9, 0.5], [3.0, 2.0]]


def test_ties_go_to_the_lower_code_also_at_the_edge():
    assert top_k(np.zeros((1, 100)), 4)[0].tolist() == [[0, 1, 2, 3]]
    assert top_k(np.array([[1.0, 2, 1, 2, 1]]), 3)[0].tolist() == [[1, 3, 0]]


def test_more_than_there_is_gives_all():
    assert top_k(np.array([[1.0, 2.0]]), 9)[0].tolist() == [[1, 0]]


@pytest.mark.parametrize("n", [1, 63, 1000, 1001, 6500])
@pytest.mark.parametrize("k", K)
@pytest.mark.parametrize("kind", KINDS)
def test_one_row_equals_a_stable_sort(kind, k, n):
    (scores,) = drawn(kind, 1, n)
    assert top(scores, k).tolist() == sorted_codes(scores, k)


@pytest.mark.parametrize("k", K)
def test_rows_of_all_kinds_together_equal_one_at_a_time(k):
    scores = np.concatenate([drawn(kind) for kind in KINDS])
    codes, values = top_k(scores, k)
    assert [row[row >= 0].tolist() for row in codes] == [top(row, k).tolist() for row in scores]
    np.testing.assert_array_equal(values[codes >= 0], np.take_along_axis(scores, codes, axis=1)[codes >= 0])


def test_a_row_without_enough_scores_ends_in_minus_one():
    codes, scores = top_k(np.array([[-np.inf, 2.0, -np.inf], [1.0, 2.0, 3.0]]), 2)
    assert codes.tolist() == [[1, -1], [2, 1]] and scores.tolist() == [[2.0, -np.inf], [3.0, 2.0]]


def test_only_what_is_allowed_is_chosen():
    scores = drawn("few levels")
    allowed = np.random.default_rng(1).random(scores.shape) < 0.05
    masked = np.where(allowed, scores, -np.inf)
    assert [row[row >= 0].tolist() for row in top_k(scores, 40, allowed)[0]] == [sorted_codes(m, 40) for m in masked]
    assert top(scores[0], 40, allowed[0]).tolist() == sorted_codes(masked[0], 40)
    np.testing.assert_array_equal(
        top_k(scores, 4, allowed[0])[0][1], sorted_codes(np.where(allowed[0], scores[1], -np.inf), 4)
    )


@pytest.mark.parametrize("place", [0, 500, 999])
def test_nan_is_refused_wherever_it_stands(place):
    scores = drawn("distinct")
    scores[2, place] = np.nan
    with pytest.raises(ModelError, match="NaN"):
        top_k(scores, 3)
    with pytest.raises(ModelError, match="NaN"):
        top(scores[2], 3)


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
def test_empty_scores_give_empty_results(shape):
    codes, scores = top_k(np.empty(shape, np.float32), 2)
    assert codes.shape == scores.shape == (shape[0], min(2, shape[1]))
    assert top(np.empty(0), 2).tolist() == top(np.ones(9), 0).tolist() == []


def test_the_largest_of_each_row_are_kept_and_the_first_of_equals():
    table = sparse.csr_array(np.array([[1.0, 3, 2, 3], [5, 5, 5, 0], [0, 0, 0, 7]]))
    found = largest_of_each_row(table, 2).toarray()
    assert found.tolist() == [[0, 3, 0, 3], [5, 5, 0, 0], [0, 0, 0, 7]]
