"""A search that was cut short goes on from its trials and ends where an undisturbed one does, bit for bit."""

import json

import numpy as np
import pytest

import recsys.models.next_item.held_out
import recsys.models.next_item.large
import recsys.models.next_item.regression
from recsys.errors import ModelError
from recsys.models import NextItem, Sequences
from recsys.models.next_item.held_out import HeldOut


def fitted(seqs: Sequences, measured=(), **options) -> tuple[NextItem, list[dict]]:
    reported: list[dict] = []
    return NextItem.fit(seqs, threads=1, report=reported.append, measured=measured, **options), reported


def found(model: NextItem) -> tuple:
    """All of a model but the seconds of its trials."""
    trials = [(trial["settings"], trial["items"], trial["ndcg"]) for trial in model.trials]
    return trials, model.settings, model.temperature, {name: a.tobytes() for name, a in model._arrays().items()}


def stored(trials: list[dict]) -> list[dict]:
    """As a checkpoint gives them back."""
    return json.loads(json.dumps(trials))


@pytest.mark.parametrize(
    ("dense_items", "draft_items", "kept_items"),
    [(0, 2000, 2000), (6000, 2000, 2000), (6000, 40, 2000), (6000, 40, 10)],
)
@pytest.mark.parametrize("goal", ["next", "newest"])
def test_wherever_it_was_cut_the_model_and_its_trials_are_the_same(
    regulars, monkeypatch, goal, dense_items, draft_items, kept_items
):
    monkeypatch.setattr(recsys.models.next_item.large, "DENSE_ITEMS", dense_items)
    monkeypatch.setattr(recsys.models.next_item.held_out, "DRAFT_ITEMS", draft_items)
    kept, _ = fitted(regulars, goal=goal)
    monkeypatch.setattr(recsys.models.next_item.regression, "KEPT_ITEMS", kept_items)
    whole, made = fitted(regulars, goal=goal)
    assert found(whole) == found(kept)
    for cut in (1, len(made) // 2, len(made) - 1, len(made)):
        resumed, rest = fitted(regulars, stored(made[:cut]), goal=goal)
        assert found(resumed) == found(whole)
        assert resumed.trials[:cut] == made[:cut] and len(rest) == len(made) - cut


@pytest.fixture
def tight(regulars) -> float:
    """A budget that ends in the middle of the search, where what a trial costs depends on what is kept of others."""
    costs, cost = [], HeldOut.cost
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HeldOut, "cost", lambda held_out, settings: costs.append(cost(held_out, settings)) or costs[-1])
        fitted(regulars)
    return 0.3 * float(np.sum(costs))


def test_the_budget_ends_where_it_did(regulars, tight):
    whole, made = fitted(regulars, budget=tight)
    assert len(made) < len(fitted(regulars)[1])
    for cut in range(1, len(made), 3):
        assert found(fitted(regulars, stored(made[:cut]), budget=tight)[0]) == found(whole)


def test_trials_of_another_search_are_refused(regulars, ring):
    _, made = fitted(ring)
    made[1]["settings"]["own_weight"] = 7.0
    with pytest.raises(ModelError, match=r"trial 2 is of .* these trials are of another search; leave them out"):
        fitted(ring, made)
