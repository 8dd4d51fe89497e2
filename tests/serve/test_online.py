"""Recommenders asked for the same users: on answers whose quality is plain to see."""

import numpy as np
import pandas as pd
import pytest

from recsys import serve
from recsys.errors import DataError
from recsys.metrics import Interval
from recsys.serve.online import OnlineComparison

LATER = {"u1": ["a"], "u2": ["b", "c"]}


def mean(found: OnlineComparison, name: str, metric: str) -> float:
    rows = found.table[(found.table["name"] == name) & (found.table["metric"] == metric)]
    return float(rows["mean"].iloc[0])


def test_who_names_what_users_did_later_wins() -> None:
    right = {"u1": ["a", "x"], "u2": ["b", "c"]}
    found = serve.compare_online({"right": right.__getitem__, "wrong": lambda user: ["x", "y"]}, LATER, ["a"], 7, 100)
    assert mean(found, "right", "NDCG@10") == 1.0
    assert mean(found, "wrong", "hit rate@10") == 0.0
    assert mean(found, "popularity", "hit rate@10") == 0.5
    assert found.leads["wrong"] == (1.0, 1.0, 1.0)
    assert found.leads["popularity"].mean == 1 - mean(found, "popularity", "NDCG@10")
    assert found.leads["wrong"].signed() == "+1.000 (+1.000 to +1.000)"


def test_the_verdict_says_of_each_other_whether_the_first_is_shown_to_be_better() -> None:
    lead = {"worst": Interval(0.1, 0.05, 0.2), "twin": Interval(0.0, -0.1, 0.1), "best": Interval(-0.2, -0.3, -0.1)}
    told = OnlineComparison(pd.DataFrame({"name": ["ours"]}), {}, lead).verdict().splitlines()
    assert told[0] == "ours is better than worst: NDCG@10 +0.100 (+0.050 to +0.200)"
    assert told[1].startswith("ours is not shown to be better than twin: ")
    assert told[2].startswith("ours is worse than best: ")


def test_who_answers_alike_is_not_compared_as_if_more_users_could_tell() -> None:
    found = serve.compare_online({name: lambda user: ["a"] for name in ("now", "before")}, LATER, ["a"], 7, 100)
    assert found.verdict().startswith("now does for every user as well as before: NDCG@10 +0.000")


def test_every_answer_is_timed_but_the_one_that_opens_the_connection() -> None:
    asked: list[str] = []
    found = serve.compare_online({name: lambda user: asked.append(user) or [] for name in "AB"}, LATER, [], 7, 10)
    assert {name: len(times) for name, times in found.milliseconds.items()} == {"A": 2, "B": 2}
    assert len(asked) == 6
    assert all(np.all(times > 0) for times in found.milliseconds.values())


def test_of_what_everybody_is_shown_each_takes_what_they_took_later() -> None:
    assert list(serve.hits(LATER, ["c", "b", "x"])) == [0, 2]


def events(*rows: tuple[str, str, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"])


def test_only_known_users_and_items_are_asked_for() -> None:
    known = events(("u1", "a", 1), ("u2", "b", 1), ("u3", "a", 1))
    held_back = events(("u1", "b", 3), ("u1", "a", 2), ("u2", "new", 2), ("new", "a", 2))
    assert serve.held_out_items(held_back, known, 10, seed=7) == {"u1": ["a", "b"]}
    with pytest.raises(DataError, match="no user of these held-back events is known"):
        serve.held_out_items(held_back[2:], known, 10, seed=7)
