"""What a table says in words is what its numbers say."""

import numpy as np
import pytest

from benchmarks import verdicts
from benchmarks.beyond import Catalogue, categories
from recsys.errors import DataError

AHEAD, LEVEL, BEHIND = (1.2, 1.1, 1.3), (1.02, 0.98, 1.06), (0.8, 0.7, 0.9)


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ({"a": AHEAD, "b": AHEAD}, "ahead of all"),
        ({"a": AHEAD, "b": LEVEL, "c": LEVEL}, "not shown to differ from b, c; ahead of all others"),
        ({"a": BEHIND, "b": LEVEL, "c": AHEAD}, "behind a; not shown to differ from b; ahead of all others"),
        ({"a": BEHIND}, "behind a"),
    ],
)
def test_ours_is_ahead_only_where_the_whole_paired_interval_is(ratios, said):
    assert verdicts.standing(ratios) == said


def result(name, ndcg, recall=(0.5, 0.4, 0.6), ratio=None, seconds=1.0):
    return {
        "name": name,
        "metrics": {"NDCG@10": ndcg, "recall@10": recall},
        "ratio": ratio,
        "train_seconds": seconds,
    }


def test_intervals_that_overlap_and_columns_that_are_lost_are_named():
    rows = [
        result("far", (0.1, 0.05, 0.12), ratio=AHEAD),
        result("near", (0.15, 0.11, 0.19), ratio=AHEAD),
        result("finds more", (0.1, 0.05, 0.12), recall=(0.7, 0.65, 0.75), ratio=AHEAD),
        result("ours", (0.2, 0.18, 0.22)),
    ]
    assert verdicts.of_accuracy(rows, "ours") == (
        "By NDCG@10 ours is ahead of all, the same users compared in pairs. Side by side, its interval overlaps those "
        "of near. By recall@10 it is behind finds more."
    )
    assert "overlaps no other" in verdicts.of_accuracy([rows[0], rows[3]], "ours")
    assert verdicts.of_accuracy(rows[:3], "ours") == verdicts.of_accuracy(rows[3:], "ours") == ""


def test_seconds_are_held_against_als_with_chosen_and_with_given_settings():
    rows = [
        result("implicit ALS", (0.1, 0, 0.2), seconds=2.0),
        result("implicit ALS tuned", (0.1, 0, 0.2), seconds=20.0),
        result("ours", (0.2, 0.18, 0.22), seconds=50.0),
    ]
    assert verdicts.of_seconds(rows, "ours") == (
        "Ours trains 2.5 times as long as implicit ALS tuned, whose settings are chosen too (within 3) and 25.0 times "
        "as long as implicit ALS, whose settings are given (beyond 3)."
    )
    assert verdicts.of_seconds(rows[2:], "ours") == ""


def test_lists_are_held_against_the_catalogue_and_the_users_tastes(task, tmp_path):
    split = task([[0, 1], [0, 1], [2]], [[0], [2]]).split
    (tmp_path / "items.csv").write_text("ITEM_ID,CATEGORY\na,Kitchen|Coffee\nb,Kitchen\nd,Garden\n")
    flags = categories(tmp_path / "items.csv", split.train.item_ids)
    assert flags.toarray().tolist() == [[1, 0, 1], [0, 0, 1], [0, 0, 0], [0, 1, 0]]  # Coffee, Garden, Kitchen
    codes = np.array([[0, 1], [0, 1]])
    like = {name: interval.mean for name, interval in Catalogue.of(split.train, flags).like(codes, split).items()}
    assert like["coverage"] == 0.5 and like["Gini"] == 0.5
    assert like["novelty"] == pytest.approx(np.log2(3 / 2)) and like["popularity"] == pytest.approx(2 / 3)
    assert like["diversity"] == pytest.approx(0, abs=1e-6)  # the same users touched both
    assert like["diversity by category"] == pytest.approx(1 - 1 / np.sqrt(2))
    assert like["off taste"] > 0
    assert not {"off taste", "diversity by category"} & set(Catalogue.of(split.train).like(codes, split))


def test_movies_have_genres_and_a_table_without_categories_is_refused(tmp_path):
    (tmp_path / "movies.dat").write_text("1::Léon (1994)::Crime|Drama\n2::Heat (1995)::Crime\n", encoding="latin-1")
    assert categories(tmp_path / "movies.dat", np.array(["2", "1", "9"], object)).toarray().tolist() == [
        [1, 0],
        [1, 1],
        [0, 0],
    ]
    (tmp_path / "items.csv").write_text("ITEM_ID,KIND\na,b\n")
    with pytest.raises(DataError, match="no column CATEGORY"):
        categories(tmp_path / "items.csv", np.array(["a"], object))
