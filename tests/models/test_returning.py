"""A model of their own for users who come back, where what they come back for is not what a visit goes on with."""

import numpy as np
import pytest
from weekly_shop import USERS, visits

from recsys.models import NextItem, Sequences
from recsys.models.next_item.returning import fit_returning

STAPLES = 10


@pytest.fixture(scope="module")
def seqs() -> Sequences:
    return Sequences.from_interactions(visits(STAPLES))


@pytest.fixture(scope="module")
def visit(seqs) -> NextItem:
    return NextItem.fit(seqs, threads=1, budget=4, goal="newest")


def test_who_comes_back_is_shown_what_they_come_back_for(seqs, visit):
    returning = fit_returning(seqs, visit.chosen, threads=1, budget=4)
    half_way = [history[:-2] for history in seqs.histories()]
    first = {model: model.recommend(half_way, 1)[0][:, 0] for model in (visit, returning)}
    assert np.mean(first[visit] == [history[-2] for history in seqs.histories()]) > 0.95
    assert np.mean(first[returning] == np.arange(USERS) % STAPLES) > 0.95


def test_with_nothing_to_come_back_for_there_is_no_second_model():
    seqs = Sequences.from_interactions(visits(staples=0))
    visit = NextItem.fit(seqs, threads=1, budget=4, goal="newest")
    assert fit_returning(seqs, visit.chosen, threads=1, budget=4) is None


def test_what_is_asked_for_is_held_and_the_trials_resume(seqs, visit):
    trials, again = [], []
    options = {"threads": 1, "budget": 4, "held": {"length": 20}}
    whole = fit_returning(seqs, visit.chosen, report=trials.append, **options)
    resumed = fit_returning(seqs, visit.chosen, report=again.append, measured=trials[:7], **options)
    assert whole.chosen.length == 20
    assert [trial["settings"] for trial in again] == [trial["settings"] for trial in trials[7:]]
    assert np.array_equal(whole.table.steps, resumed.table.steps)


def test_with_too_few_users_to_choose_on_there_is_none(seqs):
    few = seqs.select(np.arange(5))
    assert fit_returning(few, NextItem.fit(few, threads=1, budget=1).chosen, threads=1) is None
