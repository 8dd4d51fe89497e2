"""The plain recommenders against their formulas, the rule about seen items, and the choice of settings."""

import numpy as np
import pytest

from benchmarks import recommenders
from benchmarks.peers import LIBRARIES, import_libraries
from benchmarks.recommenders import RECOMMENDERS, LeftOut, ease_scores
from recsys.errors import ModelError

TRAIN = [[0, 1, 1], [1, 2], [1, 2], [0]]


def lists(task, name):
    recommend, _ = RECOMMENDERS[name](task)
    return recommend(task.split.histories)


def test_own_frequency_puts_first_what_a_user_had_most_often(task):
    assert lists(task(TRAIN, [[2, 2, 0], []]), "own frequency")[:, :3].tolist() == [[2, 0, 1], [1, 0, 2]]


def test_last_own_item_puts_first_what_a_user_had_last(task):
    assert lists(task(TRAIN, [[3, 2, 2, 3, 0]]), "last own item").tolist() == [[0, 3, 2, 1]]


@pytest.mark.parametrize("name", ["own frequency", "last own item"])
def test_habits_take_no_part_where_seen_items_are_dropped(task, name):
    with pytest.raises(LeftOut, match="seen items, which are dropped"):
        lists(task(TRAIN, [[0]], drop=True), name)


def test_ease_is_the_closed_form_of_its_paper(task):
    x = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [1, 0, 0, 0]])
    p = np.linalg.inv(x.T @ x + 5 * np.eye(4))
    b = -p / np.diag(p)
    np.fill_diagonal(b, 0)
    scores = ease_scores(task(TRAIN), 5.0)
    np.testing.assert_allclose(scores([np.array([1, 2, 2])]), [b[1] + b[2]], atol=1e-6)


@pytest.mark.parametrize("name", ["random", "popularity", "item similarity"])
def test_every_model_drops_seen_items_alike(task, name):
    codes = lists(task(TRAIN, [[0, 2, 0]], drop=True), name)
    assert set(codes[0]) == {1, 3, -1} and codes[0, 2:].tolist() == [-1, -1]


def test_an_item_scored_minus_infinity_is_not_recommended(task):
    one = task(TRAIN, [[0], [1]])
    codes = one.lists(lambda histories: np.array([[1, -np.inf, 2, -np.inf]] * len(histories)), one.split.histories)
    assert codes.tolist() == [[2, 0, -1, -1]] * 2


def test_the_setting_with_the_best_lists_of_held_out_users_is_chosen(task):
    always = [[0, 3]] * 20  # the last item left out is always 3

    def fit(task, favourite):
        return lambda histories: np.tile(np.arange(4) == favourite, (len(histories), 1)).astype(float)

    assert task(always, [[0]], drop=True).choose((1, 3, 2), fit) == 3


def test_nothing_of_the_tested_users_is_in_what_settings_are_chosen_on(task):
    inner = task(TRAIN, [[3]]).inner
    assert inner.split.train.n_events == 8 - 3 and [t.tolist() for t in inner.split.targets] == [[1], [2], [2]]


def test_a_library_that_is_not_there_leaves_its_model_out(monkeypatch):
    monkeypatch.setitem(LIBRARIES, "RecTools SASRec", ("no_such_library",))
    with pytest.raises(LeftOut, match="No module named 'no_such_library'"):
        import_libraries("RecTools SASRec")


def test_a_transformer_with_too_few_seconds_takes_no_part(task, monkeypatch):
    def given_up(*args, **options):
        raise ModelError("too few seconds")

    monkeypatch.setattr(recommenders, "available", lambda: True)
    monkeypatch.setattr(recommenders.Transformer, "fit", given_up)
    with pytest.raises(LeftOut, match="too few seconds"):
        lists(task(TRAIN, [[0]]), "transformer")
