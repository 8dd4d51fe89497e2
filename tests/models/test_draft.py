"""Many items: the settings are searched for on the most frequent ones and finished on all."""

import numpy as np
import pytest

import recsys.models.next_item.held_out
from recsys.models import NextItem, Sequences
from recsys.models.next_item.draft import most_frequent
from recsys.models.next_item.held_out import HeldOut
from recsys.models.next_item.settings import BESIDE
from recsys.models.protocol import Split


def test_the_items_with_most_events_are_kept_and_nobody_finds_the_others(sequences):
    seqs = sequences(u0="a c c b", u1="c b c a b c", u2="a a d c")
    a, b, c, d = range(4)
    histories, targets = [np.array([d, c, b]), np.array([d])], [np.array([a, b]), np.array([d, c])]
    few = most_frequent(Split(seqs, histories, targets), 2, 10)
    assert few.train.item_ids.tolist() == ["c", "a"]
    assert [codes.tolist() for codes in few.train.histories()] == [[1, 0, 0], [0, 0, 1, 0], [1, 1, 0]]
    assert [codes.tolist() for codes in few.histories] == [[0], []]
    assert [codes.tolist() for codes in few.targets] == [[1, 2], [3, 0]]
    assert len(most_frequent(Split(seqs, histories, targets), 2, 1).targets) == 1


@pytest.fixture
def few_items(monkeypatch) -> int:
    for name in ("DRAFT_ITEMS", "LATER_DRAFT_ITEMS"):
        monkeypatch.setattr(recsys.models.next_item.held_out, name, 40)
    return 40


@pytest.mark.parametrize("goal", ["next", "newest", "later"])
def test_what_the_regression_depends_on_is_chosen_on_few_items_and_the_rest_on_all(regulars, few_items, goal):
    model = NextItem.fit(regulars, goal=goal)
    items = [trial["items"] for trial in model.trials]
    assert items == sorted(items) and set(items) == {few_items, regulars.n_items}
    whole = [trial for trial in model.trials if trial["items"] == regulars.n_items]
    assert {
        name for name, value in model.settings.items() if any(value != t["settings"][name] for t in whole)
    } <= BESIDE
    assert model.settings in [trial["settings"] for trial in whole]
    favourite, other = model.encode(["f3", "11"])
    assert model.recommend([[favourite, other]], 1)[0][0, 0] == favourite


def test_without_a_budget_the_settings_it_starts_from_are_kept(regulars, few_items):
    model = NextItem.fit(regulars, budget=0)
    assert [trial["items"] for trial in model.trials] == [few_items, regulars.n_items]
    assert all(trial["settings"] == model.settings for trial in model.trials)


def test_few_items_need_no_draft(regulars: Sequences):
    assert HeldOut.of(regulars, 0, "next").draft() is None
