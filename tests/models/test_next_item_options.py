"""What a next-item model can be told: the rank of its coefficients, how far back it reads, what items are worth."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

import recsys.models
from recsys.errors import ModelError
from recsys.models import NextItem, Popularity, Sequences
from recsys.models.next_item.features import decayed
from recsys.models.next_item.large import LargeRegression
from recsys.models.next_item.regression import Regression, product
from recsys.models.next_item.reward import log_rewards
from recsys.models.next_item.settings import ALIKE, Settings
from recsys.models.protocol import personalize_split


@pytest.fixture
def forked(sequences) -> Sequences:
    """After `a` comes `b` twice in three times, else `c`; the third event is `a` again."""
    return sequences(**{f"u{u}": "a c a" if u % 3 == 0 else "a b a" for u in range(90)})


def weighted(seqs: Sequences, **worth: float) -> Sequences:
    """The same events, those of the named items with a weight of their own."""
    return replace(seqs, weights=np.array([worth.get(item, 1.0) for item in seqs.item_ids[seqs.codes]], np.float32))


@pytest.mark.parametrize("kind", [Regression, LargeRegression])
def test_a_rank_gives_the_best_coefficients_of_that_rank(regulars, kind):
    """In the metric of A = G + lambda I: no worse than the truncated singular values of L' B allow, with L L' = A."""
    regression, settings, eye = kind(regulars), Settings(penalty=10.0), np.eye(regulars.n_items, dtype=np.float32)
    whole = product(
        sparse.eye_array(len(regression.weights(settings)) * regulars.n_items, format="csr"),
        regression.coefficients(settings),
    )
    if kind is Regression:
        upper = np.triu(regression._gram(settings)())
        damped = upper + np.triu(upper, 1).T + 10 * np.eye(2 * regulars.n_items)
    else:
        damped = np.linalg.inv(regression._inverse(settings)().times(eye))
    root = np.linalg.cholesky(damped)
    values = np.linalg.svd(root.T @ whole, compute_uv=False)
    first, second = regression.coefficients(settings.with_(rank=3))
    lost = np.square(root.T @ (whole - first @ second)).sum()
    assert lost == pytest.approx(np.square(values[3:]).sum(), rel=1e-3)


def test_a_low_rank_blurs_what_a_full_one_sees(ring):
    def sure(rank: int) -> float:
        model = NextItem.fit(ring, settings=Settings(rank=rank))
        return float(model.scores([3])[4])

    assert sure(1) < sure(4) < sure(0)


def test_a_model_of_low_rank_is_saved_and_scored_without_forming_its_table(ring, tmp_path):
    model = NextItem.fit(ring, settings=Settings(rank=3))
    model.save(tmp_path / "model")
    loaded = recsys.models.load(tmp_path / "model")
    assert [factor.shape for factor in loaded.table] == [(16, 3), (3, 8)]
    histories = [[0, 1], [5]]
    np.testing.assert_allclose(loaded.recommend(histories, 8)[1], model.recommend(histories, 8)[1])
    assert np.argmax(model.scores([5])) == np.argmax((loaded.table[0][5] + loaded.table[0][8 + 5]) @ loaded.table[1])


def test_a_length_of_two_forgets_everything_older(ring):
    model = NextItem.fit(ring, candidates=[{"length": 2, "own_weight": 0.0, "popularity_weight": 0.0}])
    assert model.settings["length"] == 2
    np.testing.assert_allclose(model.scores([0, 5, 2, 3]), model.scores([7, 1, 2, 3]), atol=1e-5)


def test_held_out_users_are_scored_at_the_length_that_is_tried(ring):
    regression, settings = Regression(ring), Settings(horizon=2)
    for length in (5, 2):
        events = decayed(ring.histories(), regression.weights(settings.with_(length=length)), ring.n_items)
        predicted = regression.predict(events, settings.with_(length=length))()
    np.testing.assert_allclose(
        predicted, product(events.table(2 * ring.n_items), regression.coefficients(settings)), atol=1e-5
    )


def test_a_history_whose_events_are_alike_has_no_order(ring):
    model = NextItem.fit(ring, candidates=[{"decays": ALIKE, "own_decay": 0.0}])
    np.testing.assert_allclose(model.scores([0, 5, 2, 3]), model.scores([3, 2, 5, 0]), rtol=1e-5, atol=1e-6)


def test_one_candidate_holds_and_the_best_is_taken(ring):
    model = NextItem.fit(ring, candidates=[{"rank": 1}, {"rank": 6}, {"rank": 2}])
    assert {trial["settings"]["rank"] for trial in model.trials} == {1, 2, 6}
    chosen = next(trial for trial in model.trials if trial["settings"] == model.settings)
    assert chosen["ndcg"] == max(trial["ndcg"] for trial in model.trials)


def test_heavier_events_are_rather_predicted(forked):
    def after_a(seqs: Sequences) -> str:
        model = NextItem.fit(seqs, settings=Settings())
        scores = model.scores(model.encode(["a"]))
        return max("bc", key=lambda item: scores[model.encode([item])[0]])

    assert after_a(forked) == "b"
    assert after_a(weighted(forked, c=3.0)) == "c"


def test_equal_weights_change_nothing(regulars):
    plain = NextItem.fit(regulars)
    same = NextItem.fit(replace(regulars, weights=np.ones(regulars.n_events, np.float32)))
    assert plain.settings == same.settings
    np.testing.assert_allclose(plain.scores([1, 2]), same.scores([1, 2]), rtol=1e-4, atol=1e-6)


def test_popularity_counts_a_user_as_much_as_the_heaviest_event(forked):
    counts = Popularity.fit(weighted(forked, c=3.0)).counts
    assert counts.tolist() == [90, 60, 3 * 30]
    assert Popularity.of_events(forked).counts.tolist() == [180, 60, 30]


def test_weights_follow_their_events_into_a_split(forked):
    split = personalize_split(weighted(forked, c=3.0))
    for codes, worth in zip(split.targets, split.weights, strict=True):
        assert worth.tolist() == [3.0 if item == "c" else 1.0 for item in forked.item_ids[codes]]
    assert len(split.train.weights) == split.train.n_events


def test_rewards_multiply_probabilities(forked, tmp_path):
    reward = log_rewards(np.array([1.0, 2.0, 8.0]), 1.0)
    plain = NextItem.fit(forked)
    rewarded = NextItem.fit(forked, reward=reward)
    rewarded.save(tmp_path / "model")
    for model in (rewarded, recsys.models.load(tmp_path / "model")):
        for history in ([], [0], [0, 1]):
            expected = plain.probabilities(plain.scores(history)) * np.array([1.0, 2.0, 8.0])
            np.testing.assert_allclose(model.probabilities(model.scores(history)), expected / expected.sum(), rtol=1e-3)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 10.0, 100.0], [0.01, 0.1, 1.0]),
        ([-50.0, 0.0, 50.0], [0.01, 0.5, 1.0]),
        ([1.0, np.nan, 3.0], [1 / 3, 2 / 3, 1.0]),
        ([np.nan, np.nan, np.nan], [1.0, 1.0, 1.0]),
    ],
)
def test_a_reward_is_a_share_of_the_largest_and_the_median_where_unknown(values, expected):
    np.testing.assert_allclose(log_rewards(np.array(values), 0.5), 0.5 * np.log(expected), rtol=1e-5)


def test_the_settings_of_a_model_may_be_given_as_they_are_shown(forked):
    first = NextItem.fit(forked, budget=0)
    again = NextItem.fit(forked, settings=first.settings)
    assert again.chosen == first.chosen and NextItem.fit(forked, settings={"penalty": 3.0}).chosen.penalty == 3


@pytest.mark.parametrize("reward", [np.zeros(7), np.zeros((3, 1)), np.full(3, np.nan)])
def test_a_reward_that_is_not_one_number_per_item_is_refused(forked, reward):
    with pytest.raises(ModelError, match=r"a reward of shape .* for 3 items: give each one number"):
        NextItem.fit(forked, reward=reward)


def test_settings_of_no_known_name_are_refused_with_those_there_are(ring):
    with pytest.raises(ModelError, match="penalti: no such settings; there are length, decays, horizon, penalty"):
        NextItem.fit(ring, settings={"penalti": 10.0})


@pytest.mark.parametrize(
    "settings", [{"penalty": 0}, {"penalty": None}, {"horizon": 0}, {"decays": 0.5}, {"decays": [2.0]}]
)
def test_settings_that_cannot_be_are_refused(ring, settings):
    with pytest.raises(ModelError, match="give a penalty above 0, a horizon of 1 or more, decays from 0 to 1"):
        NextItem.fit(ring, settings=settings)


def test_what_are_no_settings_is_refused(ring):
    with pytest.raises(ModelError, match="'fast' are no settings: give values by name"):
        NextItem.fit(ring, settings="fast")


def test_without_a_thread_nothing_is_trained(ring):
    with pytest.raises(ModelError, match="0 threads cannot train a model"):
        NextItem.fit(ring, threads=0)
