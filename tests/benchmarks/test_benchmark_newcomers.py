"""New items against the truth of a small shop, and new users after their first events."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks import newcomers
from recsys.data.generate import generate
from recsys.models import Sequences


def test_scores_that_are_the_truth_find_the_users_who_want_an_item():
    truth = np.random.default_rng(0).random((40, 6)) ** 4
    right, wrong = (newcomers.by_scores(scores, truth) for scores in (truth, -truth))
    assert (right["AUC"] == 1).all() and (wrong["AUC"] == 0).all()
    assert (right["lift of its users"] > 2).all() and (wrong["lift of its users"] < 0.01).all()


def test_an_item_that_nobody_is_shown_has_no_lift():
    found = newcomers.by_lists(np.array([[True, False], [False, False]]), np.array([[0.3, 0.1], [0.1, 0.1]]))
    assert found["places of a list"].tolist() == [1, 0] and found["share of items shown"].tolist() == [1, 0]
    assert found["lift of its users"][0] == pytest.approx(1.5) and np.isnan(found["lift of its users"][1])


@pytest.fixture(scope="module")
def tables():
    shop = generate(users=120, items=60, days=120, seed=3)
    shop = replace(shop, items=shop.items.drop(columns="TITLE"))  # reading the text encoder takes seconds
    return {table.title: table.rows for table in newcomers.new_items(shop, repetitions=1, seed=0)}


def test_new_items_with_metadata_go_to_users_who_want_them(tables):
    rows = tables["New items by score"]
    lift = {name: row["lift of its users"].mean for name, row in rows.items()}
    assert lift["the truth itself"] > lift[newcomers.OURS] > 1.3 > lift["random"]


def test_exploration_shows_more_new_items(tables):
    places = [row["places of a list"].mean for row in tables["New items in lists"].values()]
    assert 0 < places[0] < places[1]


def test_new_users_are_told_apart_by_what_is_known_of_them():
    shop = generate(users=120, items=60, days=120, seed=3)
    taste = shop.interactions.sort_values("TIMESTAMP").groupby("USER_ID")["ITEM_ID"].first()
    users = pd.DataFrame({"USER_ID": taste.index, "LIKES": taste.to_numpy()})
    rows = newcomers.new_users_by_metadata(replace(shop, users=users), folds=2, seed=0, threads=1).rows
    assert rows["popularity"][f"{newcomers.BY_METADATA} against it"].low > 1


def test_one_event_tells_more_than_popularity_and_the_newest_one_most():
    cycle = [(f"u{user}", f"i{(user + step) % 12}", step) for user in range(60) for step in range(8)]
    seqs = Sequences.from_interactions(pd.DataFrame(cycle, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"]))
    rows = newcomers.new_users(seqs, folds=2, seed=0, threads=1).rows
    assert rows["after 0"][f"{newcomers.NEXT_ITEM} against popularity"].mean == pytest.approx(1, abs=0.3)
    after = rows["after 3"]
    assert after[newcomers.NEXT_ITEM].mean > 0.9 > after["popularity"].mean
    assert after["against an event earlier"].low > 1 and after["changed"].mean == 1
