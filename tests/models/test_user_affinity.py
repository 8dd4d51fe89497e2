"""Which users want an item."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from recsys.errors import ModelError
from recsys.models import NextItem, Sequences, UserAffinity, load
from recsys.models.next_item.neighbours import Neighbours
from recsys.models.next_item.settings import Settings
from recsys.models.protocol import newest_fifth
from recsys.models.segments.affinity import Habits
from recsys.models.segments.evaluation import Segments
from recsys.models.topk import top_k


@pytest.fixture(scope="module")
def fans() -> Sequences:
    """300 users who each like one of six groups of ten items and take 90 % of their 12 to 40 events from it."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(300):
        for step in range(rng.integers(12, 40)):
            group = user % 6 if rng.random() < 0.9 else rng.integers(6)
            rows.append((f"u{user:03}", f"g{group}-{rng.integers(10)}", 1000 + step))
    return Sequences.from_interactions(pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"]))


@pytest.fixture(scope="module")
def model(fans) -> UserAffinity:
    return UserAffinity.fit(fans, threads=1, budget=0.5)


def group(model: UserAffinity, number: int) -> np.ndarray:
    return model.encode([f"g{number}-{item}" for item in range(10)])


def likes(model: UserAffinity, users: np.ndarray) -> np.ndarray:
    return np.array([int(user[1:]) % 6 for user in model.user_ids[users]])


def affinity(model: UserAffinity, items: Sequence[int] | np.ndarray) -> np.ndarray:
    """(n_users,) affinities to any of the items."""
    return model.affinities([items])[0]


def best_users(model: UserAffinity, items: Sequence[int] | np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes and affinities of the k users who want the items most."""
    codes, scores = top_k(affinity(model, items)[None], k)
    return codes[0], scores[0]


def test_a_segment_for_a_group_of_items_is_its_fans(model):
    users, scores = best_users(model, group(model, 4), 25)
    assert (likes(model, users) == 4).mean() > 0.95
    assert (np.diff(scores) <= 0).all() and scores.dtype == np.float32


def test_a_segment_for_one_item_is_mostly_fans_of_its_group(model):
    users, _ = best_users(model, model.encode(["g2-7"]), 20)
    assert (likes(model, users) == 2).mean() > 0.8


def test_plain_affinity_is_the_probability_that_the_next_item_is_among_them(model):
    plain = UserAffinity._of(model.next_item, model.user_ids, model.offsets, model.codes, Habits(), [])
    user, items = 7, group(model, 1)
    chances = model.probabilities(model.scores(model.codes[model.offsets[user] : model.offsets[user + 1]]))
    assert affinity(plain, items)[user] == pytest.approx(chances[items].sum(), rel=1e-4)
    np.testing.assert_allclose(affinity(plain, range(60)), 1, rtol=1e-4)


def test_many_queries_at_once_are_the_same_as_one_by_one(model):
    queries = [group(model, 0), model.encode(["g3-1"]), []]
    together = model.affinities(queries)
    assert together.shape == (3, 300) and not together[2].any()
    for query, row in zip(queries, together, strict=True):
        np.testing.assert_allclose(affinity(model, query), row, rtol=1e-5)


def test_batches_change_nothing(model, monkeypatch):
    whole = affinity(model, [1, 2])
    monkeypatch.setattr("recsys.models.segments.affinity.BATCH_SCORES", 60 * 7)
    np.testing.assert_allclose(affinity(model, [1, 2]), whole, rtol=1e-5)


def test_unknown_codes_are_refused(model):
    with pytest.raises(ModelError, match="knows 0 to 59"):
        affinity(model, [60])


def test_segments_beat_random_ones_many_times(fans):
    held = newest_fifth(fans)
    model = UserAffinity.fit(held.train, threads=1, budget=0.5)
    segments = Segments.of(held.targets, fans.n_items)
    found = segments.metrics(model.affinities(segments.queries))
    random = segments.metrics(np.random.default_rng(0).random((len(segments.queries), 300)))
    assert found["recall_at_k"] > 3 * random["recall_at_k"] and found["hit_at_k"] > 3 * random["hit_at_k"]


def test_where_people_come_back_their_own_items_tell(regulars):
    model = UserAffinity.fit(regulars, threads=1, budget=0.5)
    favourite = model.encode(["f7"])
    users, _ = best_users(model, favourite, 3)
    assert sorted(model.user_ids[users]) == ["u37", "u67", "u7"]


def test_habits_are_those_of_the_best_segments_of_the_kind_that_is_asked_for(fans):
    groups = [np.arange(10 * number, 10 * number + 10) for number in range(6)]
    found = []
    for queries in (None, groups):
        model = UserAffinity.fit(fans, queries, threads=1, budget=0.5)
        recalls = {Habits(**trial["settings"]): trial["recall"] for trial in model.trials if "recall" in trial}
        assert recalls[model.habits] == max(recalls.values())
        found.append(recalls)
    assert min(found[1].values()) > max(found[0].values())  # a fan of a group is easier to tell than one of an item


def test_the_hit_counts_users_and_the_recall_divides_by_what_was_possible():
    targets = [np.array([0]), np.array([0, 1]), np.array([], int), np.array([0])] + [np.array([], int)] * 196
    segments = Segments.of(targets, 2)
    scores = np.zeros((2, 200))
    scores[0, [0, 2]] = scores[1, [0, 3]] = 1  # K = 2: one of two possible found for item 0, none of one for item 1
    assert segments.k == 2
    assert segments.metrics(scores) == {"coverage": 3 / 200, "hit_at_k": 1 / 2, "recall_at_k": (1 / 2 + 0) / 2}


def test_a_group_is_taken_by_whoever_takes_any_of_it():
    targets = [np.array([0]), np.array([1]), np.array([2])]
    segments = Segments.of(targets, 4, queries=[[0, 1], [3]])
    assert segments.queries == [[0, 1]] and segments.takers[0].tolist() == [0, 1]


def test_at_most_500_segments_are_asked_and_a_seed_draws_the_same():
    targets = [np.arange(700)]
    first, again, other = (Segments.of(targets, 700, seed=seed).queries for seed in (1, 1, 2))
    assert len(first) == 500 and first == again != other


@pytest.mark.parametrize(("events", "wanted"), [(1, 0), (2, 1), (9, 1), (10, 2), (26, 5)])
def test_the_newest_fifth_of_every_user_is_held_out(sequences, events, wanted):
    seqs = sequences(u=" ".join(f"i{n}" for n in range(events)), v="i0 i1")
    held = newest_fifth(seqs)
    np.testing.assert_array_equal(np.concatenate([held.histories[0], held.targets[0]]), seqs.history(0))
    assert len(held.targets[0]) == wanted and held.train.n_events == seqs.n_events - wanted - 1


def test_of_a_fitted_model_it_keeps_the_settings(fans):
    next_item = NextItem.fit(fans, threads=1, budget=0)
    model = UserAffinity.of(next_item, fans, threads=1)
    assert model.next_item is next_item and model.settings.items() >= next_item.settings.items()


def test_saved_and_loaded_it_ranks_the_same(model, tmp_path):
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.user_ids.tolist() == model.user_ids.tolist() and loaded.habits == model.habits
    np.testing.assert_array_equal(affinity(loaded, [3]), affinity(model, [3]))


def test_whoever_is_deleted_is_no_neighbour_of_the_others_any_more(fans):
    """As if they had not been among those it can be like; what was learned from them stays."""
    model = UserAffinity.fit(fans, threads=1, settings=Settings(neighbour_weight=0.4))
    gone = set(fans.user_ids[::2])
    left = model.without(gone)
    some = np.flatnonzero([user not in gone for user in fans.user_ids])
    expected = Neighbours.of(fans.select(some))
    for name, array in left.next_item.neighbours.arrays.items():
        np.testing.assert_array_equal(array, expected.arrays[name])
    assert len(model.next_item.neighbours.arrays["codes"]) == fans.n_events


def test_whoever_is_deleted_is_named_in_a_list_by_ids_of_any_kind(table):
    model = UserAffinity.fit(table(**{str(n): "a b a" for n in range(30)}), threads=1, budget=0)
    assert model.without([3, 4.0, "5"]).user_ids.tolist() == [id for id in model.user_ids if id not in ("3", "4", "5")]
    with pytest.raises(ModelError, match="not '3': put it in a list"):
        model.without("3")
