"""Each task's protocol on data whose right answer is visible, and from a file to its page."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from benchmarks import tables
from benchmarks.protocols import __main__ as protocols
from benchmarks.protocols import ranking, similar
from benchmarks.protocols.data import Data, Fits, items_of
from benchmarks.protocols.moments import judged
from recsys.models import Sequences


def sequences(**histories: str) -> Sequences:
    """Sequences of `user="a b c"`, an event a minute."""
    rows = [(user, item, 60 * at) for user, text in histories.items() for at, item in enumerate(text.split())]
    return Sequences.from_interactions(pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"]))


def test_an_item_is_asked_for_the_others_that_come_after_it_and_never_for_itself():
    users, asked, following, soon = similar.pairs(sequences(u="a a b c", v="a"))
    assert users.tolist() == [0, 0, 0] and asked.tolist() == [0, 0, 1]
    assert [codes.tolist() for codes in following] == [[1], [1], [2]]
    assert [codes.tolist() for codes in soon] == [[1, 2], [1, 2], [2]]


def test_a_list_beside_an_item_is_without_it():
    lists = similar.beside(
        lambda histories: np.array([[3.0, 2.0, 1.0]] * len(histories)), [np.array([0]), np.array([2])]
    )
    assert lists.tolist() == [[1, 2, -1], [0, 1, -1]]


def test_a_user_of_many_events_counts_once():
    assert similar.per_user(np.array([1.0, 0.0, 0.0, 1.0]), np.array([0, 0, 0, 2])).tolist() == [1 / 3, 1.0]


def test_a_visit_ends_with_a_pause():
    rows = [("u", "a", 0), ("u", "b", 60), ("u", "c", 9_000), ("u", "d", 9_060), ("v", "a", 9_100), ("v", "b", 9_160)]
    seqs = Sequences.from_interactions(pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"]))
    ends = ranking.before_last_visit(seqs)
    assert ends.tolist() == [2, 0]
    shown, wanted = ranking.cut(seqs, ends)
    assert [codes.tolist() for codes in shown] == [[0, 1]] and [codes.tolist() for codes in wanted] == [[2, 3]]


def test_candidates_are_the_wanted_and_others_once_each():
    offered = ranking.candidates([np.array([3]), np.array([0, 1])], np.array([5, 1, 1, 9, 0]), np.random.default_rng(0))
    assert [sorted(row[row >= 0].tolist()) for row in offered] == [[0, 1, 2, 3], [0, 1, 2, 3]]


def test_candidates_come_in_the_order_of_their_scores_and_empty_places_last():
    def scores(histories):
        return np.array([[0.1, 0.9, 0.5]] * len(histories))

    assert ranking.reranked(scores, [np.array([0])], np.array([[0, -1, 2, 1]])).tolist() == [[1, 2, 0, -1]]


def test_a_forecast_is_judged_by_what_its_items_got_and_how_they_rose():
    found, rise, doublings = judged(np.array([1]), now=np.array([6.0, 3.0, 0.0]), before=np.array([6.0, 1.0, 5.0]))
    assert found == pytest.approx(3 / 9) and rise == 1 and doublings == 1


def test_metadata_are_those_beside_the_file(tmp_path):
    pd.DataFrame({"ITEM_ID": ["01"], "CATEGORY": ["x"]}).to_csv(tmp_path / "items.csv", index=False)
    assert items_of(tmp_path / "interactions.csv")["ITEM_ID"].tolist() == ["01"]
    assert items_of(tmp_path / "other" / "interactions.csv") is None


def test_what_needs_metadata_is_left_out_where_there_are_none(capsys):
    seqs = sequences(u="a b", v="b a")
    assert list(Fits(seqs, Data(seqs, None, 0, 1)).scores(["popularity", "semantic similarity"])) == ["popularity"]
    assert "semantic similarity is left out: there is no TITLE of the items" in capsys.readouterr().err


def test_a_high_score_for_the_wanted_is_a_high_auc():
    wanted = np.array([True, False, False, True])
    assert tables.auc(np.array([4, 1, 2, 3]), wanted) == 1 and tables.auc(np.zeros(4), wanted) == 0.5
    assert tables.auc(np.array([4, 1, 5, 3]), wanted) == 0.5


def test_where_ours_is_behind_the_page_says_so():
    good, bad = np.tile([0.0, 1.0, 1.0], 30), np.tile([0.0, 0.0, 1.0], 30)
    values = {"theirs": {"hits": good}, "ours": {"hits": bad}, "twin": {"hits": bad}}
    table = tables.compared("T", "How.", values, "ours")
    assert table.rows["theirs"]["ours against it"].mean == 0.5
    assert "By the first column ours is behind theirs; not shown to differ from twin." in tables.markdown(vars(table))


def test_where_ours_is_ahead_by_one_column_and_behind_by_another_the_page_says_both():
    good, bad = np.tile([0.9, 1.0], 30), np.tile([0.0, 0.1], 30)
    values = {"theirs": {"hits": bad, "AUC": good}, "ours": {"hits": good, "AUC": bad}}
    page = tables.markdown(vars(tables.compared("T", "How.", values, "ours")))
    assert "By the first column ours is ahead of all. By AUC it is behind theirs." in page


def run(module, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["program", *map(str, arguments)])
    module.main()


def test_a_file_of_events_becomes_the_protocols_page(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    days = 1_600_000_000 + 86_400 * np.arange(20)
    rows = [(f"u{u}", f"i{rng.integers(5) + 5 * (u % 4)}", day + 7 * u) for u in range(60) for day in days]
    path, found, page = tmp_path / "events.csv", tmp_path / "found.json", tmp_path / "docs" / "protocols.md"
    pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"]).to_csv(path, index=False)
    items = pd.DataFrame({"ITEM_ID": [f"i{n}" for n in range(20)], "CATEGORY": [f"c{n // 5}" for n in range(20)]})
    items.to_csv(tmp_path / "items.csv", index=False)
    monkeypatch.setattr(similar, "NAMES", ("popularity", "similar items"))
    monkeypatch.setattr(ranking, "NAMES", ("popularity", "item similarity", "next item"))
    monkeypatch.setattr("benchmarks.protocols.segments.NAMES", ("item similarity",))
    run(protocols, monkeypatch, path, "--json", found, "--threads", 1)
    told = {table["title"]: table["rows"] for table in json.loads(found.read_text())["tables"]}
    assert told["Similar items"]["similar items"]["NDCG@10, the next"][0] > 0.4
    assert told["Segments for one category"]["user affinity"]["AUC"][0] > 0.9
    run(tables, monkeypatch, found, "--page", page)
    assert "## events: tasks" in page.read_text() and "### Ranking: the next visit" in page.read_text()


def test_a_protocol_nobody_knows_is_refused_with_those_there_are(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(protocols, monkeypatch, "FILE", "--only", "rankings")
    assert "'rankings' is no protocol; choose some of: similar, moments, ranking, segments" in capsys.readouterr().err


def test_what_is_not_there_is_one_line_of_error(tmp_path, monkeypatch):
    for module, message in ((protocols, "no such file"), (tables, "no tables; write them with")):
        with pytest.raises(SystemExit, match=message):
            run(module, monkeypatch, tmp_path / "nothing.json")
