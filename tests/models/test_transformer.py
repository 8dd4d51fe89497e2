"""What a transformer answers, alone and beside the next-item model, without torch."""

import json
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from untrained import Untrained

from recsys.errors import ModelError
from recsys.models import Blended, NextItem, Popularity, Sequences, Transformer, load
from recsys.models.next_item.blend import UNLIKELY, USUAL_ORDER
from recsys.models.next_item.settings import ALIKE, POOL_WEIGHTS, Settings
from recsys.models.next_item.tuning import alone
from recsys.models.transformer import embeddings as starts
from recsys.models.transformer import forward as forwards
from recsys.models.transformer import training
from recsys.models.transformer.embeddings import embeddings
from recsys.models.transformer.forward import NAMES, Forward
from recsys.models.transformer.pace import least_steps, planned_steps, progress
from recsys.models.transformer.windows import batches

LENGTH, ITEMS, WIDTH, BLOCKS, INNER = 12, 30, 64, 2, 96


@pytest.fixture
def forward() -> Forward:
    """Weights of no meaning, large enough that everything matters."""
    rng = np.random.default_rng(0)
    shapes = {
        "items": (ITEMS, WIDTH),
        "positions": (LENGTH, WIDTH),
        "offset": (ITEMS,),
        "qkv": (BLOCKS, WIDTH, 3 * WIDTH),
        "out": (BLOCKS, WIDTH, WIDTH),
        "up": (BLOCKS, WIDTH, INNER),
        "down": (BLOCKS, INNER, WIDTH),
        "norms": (2 * BLOCKS + 1, 2, WIDTH),
    }
    return Forward({name: rng.standard_normal(shapes[name]).astype(np.float32) / 4 for name in NAMES})


@pytest.fixture
def histories() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, ITEMS, length) for length in (5, 0, 12, 1, 30, 7, 5)]


def plainly(forward: Forward, history: np.ndarray) -> np.ndarray:
    """The logits of one history, position by position and head by head, in float64."""
    arrays = {name: array.astype(np.float64) for name, array in forward.arrays.items()}

    def norm(which: int, x: np.ndarray) -> np.ndarray:
        scale, shift = arrays["norms"][which]
        return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * scale + shift

    states = [arrays["items"][c] * WIDTH**0.5 + p for c, p in zip(history, arrays["positions"], strict=False)]
    for block in range(BLOCKS):
        read = np.array([norm(2 * block, x) @ arrays["qkv"][block] for x in states])
        queries, keys, values = (read[:, part * WIDTH : (part + 1) * WIDTH] for part in range(3))
        after = []
        for at, x in enumerate(states):
            heads = []
            for head in (slice(0, 32), slice(32, 64)):
                weights = np.exp(keys[: at + 1, head] @ queries[at, head] / 32**0.5)
                heads.append(weights / weights.sum() @ values[: at + 1, head])
            x = x + np.concatenate(heads) @ arrays["out"][block]
            after.append(x + np.maximum(norm(2 * block + 1, x) @ arrays["up"][block], 0) @ arrays["down"][block])
        states = after
    return norm(-1, states[-1]) @ arrays["items"].T + arrays["offset"]


def test_logits_are_those_of_the_definition(forward):
    history = np.array([3, 29, 3, 7, 0])
    np.testing.assert_allclose(forward.logits([history])[0], plainly(forward, history), atol=1e-4)


def test_what_else_is_in_a_batch_does_not_matter(forward, histories, monkeypatch):
    alone = np.concatenate([forward.logits([history]) for history in histories])
    np.testing.assert_allclose(forward.logits(histories), alone, atol=1e-5)
    monkeypatch.setattr(forwards, "AT_ONCE", 300)
    np.testing.assert_allclose(forward.logits(histories), alone, atol=1e-5)


def test_only_the_newest_events_count_and_their_order_does(forward):
    newest = np.arange(LENGTH)
    before = forward.logits([newest, np.concatenate([[20, 21], newest]), newest[::-1]])
    np.testing.assert_allclose(before[0], before[1], atol=1e-5)
    assert np.abs(before[0] - before[2]).max() > 0.1


def test_an_empty_history_has_the_offsets_alone(forward):
    np.testing.assert_array_equal(forward.logits([np.array([], int)])[0], forward.arrays["offset"])
    assert forward.logits([]).shape == (0, ITEMS)


def test_every_event_but_a_users_first_is_a_target_once_a_pass(sequences):
    rng = np.random.default_rng(0)
    seqs = sequences(u=" ".join("abcdefghijk"), v="x", w="b a c")
    for _ in range(5):
        seen = []
        for batch in batches(seqs, 4, 8, rng):
            assert batch.codes.shape[1] <= 4
            real = batch.weights > 0
            seen += zip(batch.codes[real].tolist(), batch.targets[real].tolist(), strict=True)
        pairs = [(h[i], h[i + 1]) for h in map(np.ndarray.tolist, seqs.histories()) for i in range(len(h) - 1)]
        assert sorted(seen) == sorted(pairs)


def test_events_of_more_weight_count_more_as_targets(table):
    seqs = Sequences.from_interactions(table(u="a b c"), weights=np.array([1.0, 2.0, 0.5]))
    (batch,) = batches(seqs, 4, 8, np.random.default_rng(0))
    assert batch.weights.tolist() == [[2.0, 0.5]]


def test_what_stands_together_starts_together(sequences):
    seqs = sequences(**{f"u{u}": ("a b c a c b" if u % 2 else "x y z z y x") for u in range(20)})
    found = embeddings(seqs, 4, np.random.default_rng(0))
    alike = found @ found.T
    assert alike[:3, :3].min() > alike[:3, 3:].max()


def test_the_fewer_seconds_the_newer_the_pairs_that_the_start_looks_at(regulars, monkeypatch):
    looked_at = []
    near = starts._near
    monkeypatch.setattr(starts, "_near", lambda seqs, most: looked_at.append(most) or near(seqs, most))
    monkeypatch.setattr(starts, "SECONDS_A_PAIR", 1.0)
    for seconds in (np.inf, 3_000, 50, 0):
        found = embeddings(regulars, 4, np.random.default_rng(0), seconds)
        assert found.shape == (regulars.n_items, 4) and found.dtype == np.float32
        assert 0.5 < np.mean(found**2) < 1.5
    assert looked_at == [starts.MOST_PAIRS // starts.REACH, 2_999 // starts.REACH]


def test_where_its_factors_alone_take_too_long_the_start_is_chance(regulars, monkeypatch):
    monkeypatch.setattr(starts, "_near", None)
    embeddings(regulars, 4, np.random.default_rng(0), seconds=starts.SECONDS_AN_ITEM * regulars.n_items)


def test_steps_are_counted_and_the_clock_only_ends_what_is_late(monkeypatch):
    clock = iter(np.arange(0, 1000, 0.1))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    assert list(progress(4, 1000)) == [0, 0.25, 0.5, 0.75]
    late = list(progress(10_000, end=time.monotonic() + 10))
    assert 50 < len(late) < 110 and late == sorted(late) and late[-1] < 1
    assert list(progress(10_000, end=time.monotonic() - 1)) == []


def test_more_seconds_are_more_steps_up_to_so_many_passes():
    few, many, most = (planned_steps(10_000, 1000, 1e6, seconds) for seconds in (1, 2, 1e6))
    assert 1 <= few < many < most == planned_steps(10_000, 1000, 1e6, 1e9)


def test_a_plan_for_an_instant_is_less_than_the_least():
    assert least_steps(targets=10_000, size=1000) == 3  # a quarter of a pass
    assert planned_steps(10_000, 1000, 1e6, seconds=0.1) < 3 < planned_steps(10_000, 1000, 1e6, seconds=1)


@pytest.fixture
def given() -> Settings:
    return Settings(transformer_weight=0.02)


def test_blended_scores_are_the_logarithms_of_the_regressions_and_the_transformers(regulars, given, histories):
    both = Blended.fit(regulars, settings=given, learner=Untrained())
    linear = NextItem.fit(regulars, settings=given.with_(transformer_weight=None))
    shown = [history for history in histories if len(history)]
    share = linear.popularity / linear.popularity.sum()
    regression = np.log(np.maximum(linear._score_batch(shown), 0) + UNLIKELY) + USUAL_ORDER * np.log(share)
    expected = regression + np.float32(0.02) * both.forward.logits(shown)
    np.testing.assert_allclose(both._score_batch(shown), expected, atol=1e-4)


def test_blended_saved_and_loaded_answers_the_same(regulars, given, histories, tmp_path):
    model = Blended.fit(
        regulars, settings=given.with_(seen=False), reward=np.zeros(60, np.float32), learner=Untrained()
    )
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert type(loaded) is Blended and loaded.settings == model.settings and loaded.temperature == model.temperature
    np.testing.assert_array_equal(loaded._score_batch(histories), model._score_batch(histories))
    assert loaded.linear.table.shape == model.linear.table.shape and loaded.linear.reward is not None


def test_blended_gives_popularity_to_an_empty_history(regulars, given):
    model = Blended.fit(regulars, settings=given, learner=Untrained())
    popular = Popularity.fit(regulars).counts
    np.testing.assert_allclose(model.probabilities(model.scores([])), popular / popular.sum(), atol=0.01)


def test_a_transformer_that_does_not_help_is_left_out(ring):
    trials = []
    model = Blended.fit(ring, report=trials.append, learner=Untrained())
    assert type(model) is NextItem and model.settings["transformer_weight"] == 0
    assert {trial["settings"].get("transformer_weight") for trial in trials} >= {None, *POOL_WEIGHTS}


@pytest.fixture
def sums() -> Sequences:
    """700 users whose next item is the sum of their last two, round a ring of 13: no linear model knows it."""
    codes = np.random.default_rng(0).integers(0, 13, (700, 8)).astype(np.int32)
    for at in range(2, 8):
        codes[:, at] = (codes[:, at - 1] + codes[:, at - 2]) % 13
    ids = (np.array([f"{prefix}{n:03d}" for n in range(count)], object) for prefix, count in (("u", 700), ("i", 13)))
    return Sequences(*ids, np.arange(701) * 8, codes.ravel(), np.arange(codes.size))


class Adding(Untrained):
    """Knows the sums."""

    def learn(self, seqs: Sequences, seen: bool, start: Forward | None = None) -> Forward:
        knowing = super().learn(seqs, seen, start)
        knowing.logits = lambda histories: np.eye(13, dtype=np.float32)[[sum(h[-2:]) % 13 for h in histories]] * 9
        return knowing


def test_a_transformer_that_knows_more_gets_a_weight(sums):
    model = Blended.fit(sums, learner=Adding())
    assert type(model) is Blended and model.settings["transformer_weight"] > 0
    assert model.settings == max(model.trials, key=lambda trial: trial["ndcg"])["settings"]
    assert model.recommend([[4, 5], [5, 11]], 1)[0][:, 0].tolist() == [9, 3]


class GivingUp(Untrained):
    """Has too few seconds for anything."""

    def learn(self, seqs: Sequences, seen: bool, start: Forward | None = None) -> None:
        super().learn(seqs, seen, start)


@pytest.mark.parametrize("goal", ["next", "newest"])
def test_a_transformer_that_was_given_up_is_not_served(regulars, given, goal):
    learner = GivingUp()
    free = Blended.fit(regulars, learner=learner, goal=goal)
    assert type(free) is NextItem and "transformer_weight" not in free.settings
    held = Blended.fit(regulars, learner=learner, goal=goal, settings=given)
    assert type(held) is NextItem and "transformer_weight" not in held.settings
    assert len(learner.asked) == 2
    with pytest.raises(ModelError, match="too few seconds"):
        Transformer.fit(regulars, learner=learner, goal=goal)


def test_users_held_out_are_learned_from_in_the_end(regulars, given):
    learner = Untrained()
    Blended.fit(regulars, settings=given, learner=learner, goal="newest")
    assert len(learner.asked) == 2 and sum(learner.asked) == regulars.n_users


def test_none_is_trained_where_the_order_is_not_to_count_or_was_found_useless(regulars):
    learner = Untrained()
    Blended.fit(regulars, candidates=[{"decays": ALIKE}], learner=learner, budget=0)
    Blended.fit(regulars, settings=Settings(transformer_weight=0.0), learner=learner)
    assert learner.asked == []


def test_settings_of_a_blend_serve_the_next_item_model_alone(regulars, given):
    assert "transformer_weight" not in NextItem.fit(regulars, settings=given).settings


def test_settings_of_the_next_item_model_serve_the_transformer_alone(regulars):
    given = Settings(own_weight=0.5, twin_weight=0.2, neighbour_weight=0.3)
    model = Transformer.fit(regulars, settings=given, learner=Untrained())
    assert model.trials == [] and model.chosen == alone(given).with_(transformer_weight=1.0)
    favourite, other = model.encode(["f3", "11"])
    assert model.recommend([[favourite, other, favourite]], 1)[0][0, 0] == favourite
    assert Transformer.fit(regulars, settings=given.as_dict(), learner=Untrained()).chosen == model.chosen


def test_a_blend_of_one_loads_as_what_it_was_saved_as(ring, regulars, given, tmp_path):
    for seqs, options in ((ring, {}), (regulars, {"settings": given})):
        model = Blended.fit(seqs, learner=Untrained(), **options)
        model.save(tmp_path / "model")
        assert type(Blended.load(tmp_path / "model")) is type(model)
    with pytest.raises(ModelError, match="which is no NextItem"):
        NextItem.load(tmp_path / "model")


def test_a_transformer_tells_new_users_what_users_of_their_kind_take(table, tmp_path):
    visits = table(**{f"u{n}": "a b a b" if n % 2 else "x y x y" for n in range(80)})
    users = pd.DataFrame(
        {"USER_ID": [f"u{n}" for n in range(80)], "COUNTRY": ["FR" if n % 2 else "ES" for n in range(80)]}
    )
    Transformer.fit(visits, users=users, learner=Untrained()).save(tmp_path / "model")
    model = Transformer.load(tmp_path / "model").for_user({"COUNTRY": "FR"})
    assert sorted(model.decode(model.recommend([[]], 2)[0])[0]) == ["a", "b"]


def test_serving_never_imports_torch(regulars, given, tmp_path):
    Transformer.fit(regulars, learner=Untrained()).save(tmp_path / "alone")
    Blended.fit(regulars, settings=given, learner=Untrained()).save(tmp_path / "both")
    program = (
        "import sys, json, recsys.models as models\n"
        "answers = [models.load(folder).recommend([[1, 2]], 3)[0].tolist() for folder in sys.argv[1:]]\n"
        "print(json.dumps([answers, 'torch' in sys.modules]))"
    )
    folders = [str(tmp_path / "alone"), str(tmp_path / "both")]
    run = subprocess.run([sys.executable, "-c", program, *folders], capture_output=True, text=True, check=True)
    answers, imported = json.loads(run.stdout)
    assert [len(answer[0]) for answer in answers] == [3, 3] and not imported


def test_training_without_torch_says_what_to_install(ring, monkeypatch):
    monkeypatch.setattr(training, "available", lambda: False)
    with pytest.raises(ModelError, match=r'pip install -e "\.\[transformer\]"'):
        Transformer.fit(ring)


def test_a_torch_that_cannot_be_imported_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert not training.available()
